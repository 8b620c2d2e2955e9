"""The register of formats: every list of them, in help texts, errors, schemas and papers, is read here.

A format is one module with `write(document, style) -> str`, and one line here that says what it can write. What it
needs is imported when the format is asked for.
"""

import enum
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from auditor.errors import UsageError

if TYPE_CHECKING:
    from auditor.report.diff.model import Diff
    from auditor.report.dockerfile import Dockerfile
    from auditor.report.kernel.model import KernelReport
    from auditor.report.model import IndexReport, Report
    from auditor.report.release.model import ReleaseDiff
    from auditor.report.several.model import SeveralReports
    from auditor.report.sweep.model import SweepReport

    Document: TypeAlias = Report | IndexReport | SeveralReports | Diff | ReleaseDiff | KernelReport | SweepReport


class Kind(enum.StrEnum):
    """The kinds of document; the value is how people call them."""

    REPORT = "report"
    INDEX = "report of an index"
    SEVERAL = "report of several images"
    DIFF = "diff"
    RELEASE = "diff of releases"
    KERNEL = "kernel report"
    SWEEP = "report of a sweep"
    BILL = "bill of materials"  # a report of one image or an index, as `sbom` writes it


class Style(NamedTuple):
    """How text for people is drawn: `colour` on terminals, `verbose` with notes and paths, folded at `width`.

    A `quiet` text has the findings and the verdict only.

    `dockerfile` is what the image was built from, for formats that point to the line to mend. `supplier` is who
    hands the image out, for bills of materials: an image doesn't say.
    """

    colour: bool = False
    verbose: bool = False
    width: int | None = None
    quiet: bool = False
    dockerfile: "Dockerfile | None" = None
    supplier: str = ""


@dataclass(frozen=True, slots=True)
class Format:
    """One format: the module that writes it, the kinds of document that it can write, and what it is for."""

    name: str
    module: str
    kinds: frozenset[Kind]
    purpose: str


_ROOM = "auditor.report"
_IMAGES = frozenset({Kind.REPORT, Kind.INDEX})
_ALL = _IMAGES | {Kind.SEVERAL, Kind.DIFF, Kind.RELEASE, Kind.KERNEL, Kind.SWEEP}
_DIGESTS = _ALL - {Kind.KERNEL}  # those about images, which have one
_BILLS = _IMAGES | {Kind.BILL}

FORMATS = (
    Format("text", f"{_ROOM}.format.text", _ALL, "for people, on a terminal or in a log"),
    Format("json", f"{_ROOM}.format.json", _ALL, "everything, by the published schema; `report:FILE` reads it"),
    Format("jsonl", f"{_ROOM}.format.jsonl", frozenset({Kind.SWEEP}), "a line of JSON for each image, as it is done"),
    Format("markdown", f"{_ROOM}.format.markdown", _ALL, "one screen for a pull request or release notes"),
    Format("html", f"{_ROOM}.format.html", _ALL, "one page that fetches nothing"),
    Format("sarif", f"{_ROOM}.format.sarif", _ALL, "SARIF 2.1.0 for code scanning"),
    Format("junit", f"{_ROOM}.format.junit", _ALL, "test cases for a CI server"),
    Format("github", f"{_ROOM}.format.github", _ALL, "annotations, and the summary of a step of GitHub Actions"),
    Format("gitlab", f"{_ROOM}.format.gitlab", _ALL, "GitLab's code quality report"),
    Format(
        "in-toto",
        f"{_ROOM}.format.in_toto",
        _DIGESTS,
        "an attestation of the result, by the image's digest",
    ),
    Format("csv", f"{_ROOM}.format.csv", _ALL, "a table of requirements and findings"),
    Format("cyclonedx-json", f"{_ROOM}.bill.cyclonedx", _BILLS, "CycloneDX 1.6 bill of materials"),
    Format("spdx-json", f"{_ROOM}.bill.spdx", _BILLS, "SPDX 2.3 bill of materials"),
    Format("needs-sh", f"{_ROOM}.format.needs_sh", _IMAGES, "what the image asks of a kernel, for a POSIX shell"),
    Format("needs-json", f"{_ROOM}.format.needs_json", _IMAGES, "the same as JSON"),
)


#: The published schemas by the name that `audit-image schema` takes: what `-o json` of each command keeps.
SCHEMAS = {"report": Kind.SEVERAL, "diff": Kind.DIFF, "kernel": Kind.KERNEL, "sweep": Kind.SWEEP}


def formats(kind: Kind) -> tuple[str, ...]:
    """The names of the formats that can write a kind of document, the default first."""
    return tuple(entry.name for entry in FORMATS if kind in entry.kinds)


def help_text(kind: Kind) -> str:
    """The list for `--help`."""
    return f"{', '.join(formats(kind))}; may be repeated."


def write(document: "Document", name: str, style: Style | None = None) -> str:
    """The document in a format, with a newline at its end; UsageError where the format can't write such a one."""
    known = formats(document.kind)
    if name not in known:
        raise UsageError(f"there is no format '{name}' of a {document.kind}", "-o", f"there are: {', '.join(known)}")
    module = next(entry.module for entry in FORMATS if entry.name == name)
    writer: Callable[[Document, Style], str] = import_module(module).write
    return writer(document, style or Style())
