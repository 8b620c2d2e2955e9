"""What is locked can be installed with the oldest Python that pyproject.toml allows."""

import tomllib
from importlib.metadata import distributions
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).parents[2]


def refusing(*places: str) -> list[str]:
    """The packages of an environment that don't take the first release of the oldest Python."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    oldest = project["requires-python"].removeprefix(">=") + ".0"
    found = list(distributions(path=list(places)) if places else distributions())
    assert len(found) > 20
    wanted = {each.name: each.metadata for each in found if "Requires-Python" in each.metadata}
    told = {name: metadata["Requires-Python"] for name, metadata in wanted.items()}
    return [f"{name} {words}" for name, words in told.items() if not SpecifierSet(words).contains(oldest)]


def test_tests_and_tool_take_the_oldest_python() -> None:
    assert refusing() == []


@pytest.mark.full
def test_the_papers_take_the_oldest_python() -> None:
    places = [str(path) for path in ROOT.glob("build/docs/lib/python*/site-packages")]
    if not places:
        pytest.skip("the papers' environment is not there: make docs")
    assert refusing(*places) == []
