"""Each test that docs/security.md names is there."""

import re

from tests.house.papers import ROOT

_NAMED = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")


def test_every_promise_has_its_test() -> None:
    paper = (ROOT / "docs/security.md").read_text(encoding="utf-8")
    named = _NAMED.findall(paper)
    assert len(named) > 40
    missing = [
        f"{file}::{name}"
        for file, name in named
        if not (ROOT / file).exists() or (name and f"def {name}(" not in (ROOT / file).read_text(encoding="utf-8"))
    ]
    assert missing == []


def test_every_row_names_one() -> None:
    paper = (ROOT / "docs/security.md").read_text(encoding="utf-8")
    rows = [line for line in paper.splitlines() if line.startswith("| ") and not line.startswith("| may try")]
    assert [row for row in rows if not _NAMED.search(row)] == []
