"""What the papers say of the code is true."""

import pytest

from tests.house.papers import PARTS, ROOT, written


@pytest.mark.full
def test_what_papers_say_of_the_code_is_true() -> None:
    stale = [
        file for file, part in PARTS if written(file, part, (ROOT / file).read_text()) != (ROOT / file).read_text()
    ]
    assert stale == [], "run `make papers` and commit what it wrote"
