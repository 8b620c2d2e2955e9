"""What the papers say of the code is true."""

import re
import subprocess
import sys
import textwrap

import pytest

from benchmarks.hostile.cases import CASES
from benchmarks.paper import TRUTH, read_section
from tests.house.papers import PARTS, ROOT, written


@pytest.mark.full
def test_what_papers_say_of_the_code_is_true() -> None:
    stale = [
        file for file, part in PARTS if written(file, part, (ROOT / file).read_text()) != (ROOT / file).read_text()
    ]
    assert stale == [], "run `make papers` and commit what it wrote"


def test_every_breaker_has_its_figures() -> None:
    rows = read_section(ROOT / TRUTH, "hostile").splitlines()[2:]
    assert [row.split(" | ")[0].removeprefix("| ") for row in rows] == list(CASES), "run `make hostile`"


_PLACE = re.compile(r"^1\. `(auditor/[\w/]+\.py)`", re.MULTILINE)
_CODE = re.compile(r"^ *```python\n(.*?)^ *```", re.DOTALL | re.MULTILINE)


def test_code_that_newcomers_copy_is_as_lint_wants_it() -> None:
    sections = (ROOT / "CONTRIBUTING.md").read_text().split("\n## ")
    shown = [(_PLACE.findall(section)[0], code) for section in sections for code in _CODE.findall(section)]
    assert len(shown) == 2
    for place, code in shown:
        for command in (["check", "-"], ["format", "--check", "-"]):
            done = subprocess.run(
                [sys.executable, "-m", "ruff", *command, "--stdin-filename", place],
                input=textwrap.dedent(code),
                capture_output=True,
                text=True,
                cwd=ROOT,
                check=False,
            )
            assert done.returncode == 0, f"{place}: {done.stdout}{done.stderr}"
