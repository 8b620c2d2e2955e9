"""Writes figures into a paper of docs/, each command between marks of its own."""

from pathlib import Path

TRUTH = Path("docs/truth.md")


def read_section(paper: Path, name: str) -> str:
    """What stands between `<!-- name -->` and `<!-- /name -->`."""
    _, _, rest = paper.read_text(encoding="utf-8").partition(f"<!-- {name} -->\n")
    return rest.partition(f"<!-- /{name} -->")[0]


def write_section(paper: Path, name: str, text: str) -> None:
    """Replace what stands between `<!-- name -->` and `<!-- /name -->`."""
    old = paper.read_text(encoding="utf-8")
    begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
    head, found, rest = old.partition(begin)
    _, closed, tail = rest.partition(end)
    if not found or not closed:
        raise ValueError(f"{paper} has no section {name}")
    paper.write_text(f"{head}{begin}{text.strip()}\n{end}{tail}", encoding="utf-8")
