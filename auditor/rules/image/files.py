"""Files that a spec asks for."""

from collections.abc import Iterator

from auditor.finding import Finding
from auditor.inventory.model import FileFact
from auditor.rules.context import finding
from auditor.rules.image.context import ImageContext
from auditor.rules.model import Subject, rule
from auditor.severity import Severity
from auditor.spec import Kind, Requirement


@rule("file-missing", Severity.ERROR, Subject.IMAGE, mend="Ship the file, or mend the link that leads to it.")
def file_missing(context: ImageContext) -> Iterator[Finding]:
    """A path that the spec asks for leads to nothing. Links are followed inside the image's root."""
    for row, fact in _looked_at(context):
        if fact.kind:
            continue
        blame = context.blame(fact.layer)
        gone = blame if fact.reason == "missing" else ""
        what = f"{blame} deletes it" if gone else ""
        if fact.reason != "missing":
            what = f"{fact.reason} at {fact.real_path}"
        yield finding(
            "file-missing",
            row.id,
            fact.path,
            f"{fact.path} is not in the image{f': {what}' if what else ''}.",
            evidence={"reason": fact.reason, **context.owner_of_lost(fact.path.rpartition("/")[2])},
            layer=fact.layer,
            fix=f"Keep {fact.path} in {blame}." if gone else "",
        )


@rule("file-differs", Severity.ERROR, Subject.IMAGE, mend="Give the file the owner, mode and content of the spec.")
def file_differs(context: ImageContext) -> Iterator[Finding]:
    """A file is there, and its owner, mode or content is not what the spec says.

    Owners are compared by number, or by name through the image's own /etc/passwd and /etc/group. The mode is compared
    whole, with set-id and sticky bits; digests are those of the content (sha256).
    """
    for row, fact in _looked_at(context):
        differences = list(_differences(row, fact)) if fact.kind else []
        if differences:
            yield finding(
                "file-differs",
                row.id,
                fact.path,
                f"{fact.path} {' and '.join(f'{has}, not {asked}' for has, asked in differences)}.",
                evidence={"owner": f"{fact.uid}:{fact.gid}", "mode": _octal(fact.mode), "sha256": fact.sha256},
                layer=fact.layer,
            )


def unknown_file(context: ImageContext, row: Requirement) -> str:
    """Why it can't be told what a row's file is; "" where it can."""
    fact = context.inventory.file(row.path)
    if fact is None:
        return "the report was saved under a spec that doesn't ask for the file"
    if row.digest and fact.kind == "file" and not fact.sha256:
        return f"the content of {fact.real_path} was not kept"
    return ""


def _looked_at(context: ImageContext) -> Iterator[tuple[Requirement, FileFact]]:
    for row in context.rows(Kind.FILE):
        fact = context.inventory.file(row.path)
        if fact is not None:
            yield row, fact


def _differences(row: Requirement, fact: FileFact) -> Iterator[tuple[str, str]]:
    """(what it is, what it should be), in words."""
    user, _, group = row.owner.partition(":")
    if (user and user not in (str(fact.uid), fact.user)) or (group and group not in (str(fact.gid), fact.group)):
        yield f"belongs to {fact.user or fact.uid}:{fact.group or fact.gid}", row.owner
    if row.mode and int(row.mode, 8) != fact.mode:
        yield f"has the mode {_octal(fact.mode)}", row.mode
    if row.not_empty and fact.empty:
        yield "is empty", "something"
    if row.digest and fact.kind != "file":
        yield f"is a {fact.kind}", "a file of that digest"
    elif row.digest and fact.sha256 and row.digest != f"sha256:{fact.sha256}":
        yield f"has the digest sha256:{fact.sha256}", f"{row.digest[:19]}…"


def _octal(mode: int) -> str:
    return f"{mode:04o}"
