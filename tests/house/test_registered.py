"""Whatever is registered (rule, format, database, source, tool, spec) has a test, a help text and a documentation."""

import importlib
from functools import cache
from pathlib import Path

import pytest

from auditor.cli.main import run
from auditor.image.scheme import Scheme
from auditor.packages.kinds import KINDS
from auditor.rules import rules
from auditor.spec import load_spec, shipped_specs
from auditor.tools.project import PROJECTS, Project
from tests.house.papers import ROOT
from tests.house.registers import EVERY_FORMAT, module_of

TESTS = ROOT / "tests"
PAPERS = "\n".join(file.read_text() for file in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))))
SCHEMES = [scheme.value for scheme in Scheme if scheme.value]
DATABASES = [kind.__module__.split(".")[2] for kind in map(type, KINDS)]


@cache
def text_of(*folders: str) -> str:
    """All that the tests below some folders say, but for those of the house itself."""
    found = sorted(file for folder in folders for file in (TESTS / folder).rglob("*.py"))
    return "\n".join(file.read_text() for file in found if file.parent != Path(__file__).parent)


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.id)
def test_a_rule(rule: object) -> None:
    identifier = getattr(rule, "id", "")
    assert f'"{identifier}"' in text_of(""), "no test names it"
    for words in ("summary", "mend"):
        assert getattr(rule, words), f"it has no {words}"


@pytest.mark.parametrize("name", EVERY_FORMAT)
def test_a_format(name: str) -> None:
    assert name in text_of("report", "diff", "kernel_command", "sbom", "cli", "rules"), "no test names it"
    assert importlib.import_module(module_of(name)).__doc__, "its module says nothing"
    assert f"`{name}`" in PAPERS, "no documentation names it"


@pytest.mark.parametrize("name", DATABASES)
def test_a_package_database(name: str) -> None:
    assert list((TESTS / "packages").glob(f"test_{name}*.py")), "it has no test"
    assert importlib.import_module(f"auditor.packages.{name}").__doc__, "its module says nothing"
    assert name in PAPERS.lower(), "no documentation names it"


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_source(scheme: str, capsys: pytest.CaptureFixture[str]) -> None:

    assert f"{scheme}:" in text_of("image", "report", "cli", "kernel_command", "sbom"), "no test names it"
    assert run(["check", "--help"]) == 0
    assert f"{scheme}:" in capsys.readouterr().out, "the help doesn't name it"
    assert f"{scheme}:" in PAPERS, "no documentation names it"


@pytest.mark.parametrize("project", PROJECTS, ids=lambda project: type(project).__name__)
def test_a_tool(project: Project) -> None:
    module = importlib.import_module(type(project).__module__)
    names = (module.__name__.rpartition(".")[2], *project.tools)
    assert any(f'"{name}"' in text_of("tools") for name in names), "no test names it"
    assert module.__doc__, "its module says nothing"


@pytest.mark.parametrize("name", shipped_specs())
def test_a_spec(name: str) -> None:
    assert f'"{name}"' in text_of("spec", "rules", "cli", "kernel_command"), "no test names it"
    assert load_spec(name).title, "it has no title"
    assert f"`{name}`" in PAPERS, "no documentation names it"
