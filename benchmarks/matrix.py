"""`make matrix`: the demo image with distributions' kernels, judged by their configs, in docs/kernel-matrix.md."""

import argparse
import sys
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from auditor.auditing import audit
from auditor.auditing.kernel import audit_kernels
from auditor.auditing.load import load
from auditor.errors import AuditError, UsageError
from auditor.kernel.read import read_kernels
from auditor.kernel.source.open import open_source
from auditor.report.kernel import words
from auditor.report.kernel.model import KernelReport
from auditor.report.model import Report
from auditor.rules import Options, Subject, run_rules
from auditor.rules.kernel.bridge import feature_needs
from auditor.rules.kernel.context import PairContext
from auditor.severity import Severity
from auditor.spec import Spec, load_spec
from benchmarks.paper import write_section
from fixtures.build import build_image
from fixtures.workspace import FixtureError

PAPER = Path("docs/kernel-matrix.md")
CONFIGS = Path(__file__).resolve().parents[2] / "shared/real/kernel-configs.tar.xz"
SPEC = "calico-current"
SUITE = "bookworm"
_DEBIAN = {"ppc64le": "ppc64el"}  # OCI's word to Debian's
_HEAD = ("kernel", "version", "architecture", "verdict", "what fails or is unknown")
_LIMIT = 1 << 20  # bytes of one config


def main() -> int:
    """Judge each config with the image of its architecture, and write the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.matrix", description=__doc__)
    parser.add_argument("configs", nargs="?", type=Path, default=CONFIGS, help="a tar archive of NAME.config")
    options = parser.parse_args()
    if not options.configs.is_file():
        print(f"matrix: there is no {options.configs}: name an archive of configs", file=sys.stderr)
        return 2
    spec = load_spec(SPEC)
    with TemporaryDirectory(prefix="matrix-") as folder:
        rows = [_row(path, spec) for path in _configs(options.configs, Path(folder))]
    lines = [_line(_HEAD), _line(["---"] * len(_HEAD)), *map(_line, rows)]
    write_section(PAPER, "matrix", "\n".join([*lines, "", f"{len(rows)} kernels: {_counted(rows)}."]))
    print("\n".join(lines))
    return 0


def _configs(archive: Path, folder: Path) -> Iterator[Path]:
    """Each config as a file of its own, by name."""
    with tarfile.open(archive) as tar:
        for member in sorted(tar, key=lambda entry: entry.name.lower()):
            file = tar.extractfile(member) if member.isfile() and member.name.endswith(".config") else None
            if file is not None:
                path = folder / Path(member.name).name
                path.write_bytes(file.read(_LIMIT))
                yield path


def _row(config: Path, spec: Spec) -> tuple[str, ...]:
    name = config.stem.replace("_", " ")
    try:
        (kernel,) = read_kernels([open_source(config)], feature_needs(spec))
    except AuditError as error:
        return (name, "", "", "not audited", error.what)
    about = (name, kernel.release, kernel.architecture)
    try:
        image = _image(kernel.architecture, spec)
    except FixtureError:
        return (*about, "not audited", "the demo image is built for amd64, arm64, ppc64le and s390x")
    try:
        report = audit_kernels([kernel], [image], spec, Options())
    except UsageError as error:
        # The command gives no report where no row can be answered; what is known without them still counts.
        both = PairContext(spec, Options(), kernel, image.inventory)
        found = (*run_rules(Subject.KERNEL, both), *run_rules(Subject.PAIR, both))
        errors = dict.fromkeys(", ".join(entry.rows) for entry in found if entry.severity is Severity.ERROR)
        unknown = f"unknown: {error.what.partition(';')[0]}"
        return (*about, "fails" if errors else "unknown", "; ".join([*errors, unknown]))
    return (*about, *_cell(report))


_IMAGES: dict[str, Report] = {}


def _image(architecture: str, spec: Spec) -> Report:
    """The demo image of an architecture; FixtureError where Debian's fixtures have none."""
    if architecture not in _IMAGES:
        made = build_image(SUITE, _DEBIAN.get(architecture, architecture))
        with load(f"dir:{made.tree}") as image:
            _IMAGES[architecture] = audit(image, spec, Options())
    return _IMAGES[architecture]


def _cell(report: KernelReport) -> tuple[str, str]:
    cell = words.cell(report, 0, 0)
    failing = [row.id for row in report.requirements if row.kernels[0].status == "not-met"]
    unknown = [row.id for row in report.requirements if row.kernels[0].status == "unknown"]
    pairs = list(dict.fromkeys(f"{entry.rule} {entry.subject}" for entry in report.pairs[0].unknown))
    why = [", ".join(failing) or cell.why] if cell.kind in ("fail", "warning") else []
    why += [f"unknown: {', '.join([*unknown, *pairs])}"] if unknown or pairs else []
    verdicts = {"fail": "fails", "warning": "passes, with warnings", "pass": "passes"}
    return verdicts.get(cell.kind, cell.kind), "; ".join(why)


def _counted(rows: list[tuple[str, ...]]) -> str:
    verdicts = [row[3] for row in rows]
    return ", ".join(f"{verdicts.count(word)} {word}" for word in dict.fromkeys(sorted(verdicts)))


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


if __name__ == "__main__":
    sys.exit(main())
