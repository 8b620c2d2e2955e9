"""A spec of one's own: five lines, tools that nobody here knows, and every fault at once."""

import json
import tomllib
from pathlib import Path

import pytest

from auditor.cli.main import run
from auditor.packages.kinds import KINDS
from auditor.spec import load_spec, read_spec, shipped_specs
from auditor.spec.faults import PACKAGE_TYPES
from tests.inventory.room import Room, audited, errors
from tests.spec.products import audited as audited_image
from tests.spec.products import nginx, not_met

FIRST = """name = "mine"
extends = "base"
[tool.bash]
minimum = "5.0"
pattern = "@\\\\(#\\\\)Bash version ([0-9.]+)"
"""


def write(folder: Path, text: str) -> str:
    file = folder / "mine.toml"
    file.write_text(text)
    return str(file)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ('kind = "kernel"\nneeds = { min_version = "4.18" }', "The image is made for Linux 4.18, or for an older one."),
        (
            'kind = "cpu"\ncpu_floor = { amd64 = "x86-64-v2", arm64 = "armv8.1" }',
            "The image starts on processors of x86-64-v2 (amd64) and armv8.1 (arm64).",
        ),
        ('kind = "file"\npath = "/etc/x"\nmode = "0644"', "/etc/x is there, with mode 0644."),
    ],
)
def test_a_row_without_a_text_says_what_it_asks_for(fields: str, text: str) -> None:
    spec = read_spec(f'name = "mine"\nextends = "base"\n[[requirement]]\nid = "mine"\n{fields}\n', "mine.toml")
    assert [row.text for row in spec.requirements if row.id == "mine"] == [text]


def test_a_first_spec_is_five_lines_and_looks_for_its_own_tools_only(tmp_path: Path) -> None:
    room = Room(tmp_path)
    spec = write(tmp_path, FIRST)
    result = audited(room.root, spec)
    (bash,) = result.tools
    assert bash.version is not None and f"version {bash.version}" in room.run("bash", "--version").text
    assert errors(result) == set() and result.inventory.kmod is None and result.inventory.extensions == ()
    assert [row.text for row in result.requirements][-1] == "The image has bash, 5.0 or later."
    too_new = write(tmp_path, FIRST.replace('"5.0"', '"99"'))
    assert errors(audited(room.root, too_new)) == {("tool-too-old", "/usr/bin/bash")}
    room.remove("/usr/bin/bash")
    assert ("tool-missing", "bash") in errors(audited(room.root, spec))


WRONG = """name = "mine"
extends = "base"

[tool.curl]
minimum = ">=7.88"

[tool.nginx]
pattern = "nginx/[0-9.]+"

[[requirement]]
id = "library.curl"
kind = "library"
tools = ["curl", "wget"]
sonames = ["libssl"]

[[requirement]]
kind = "tool"

[[requirement]]
id = "feature.nothing"
kind = "feature"
"""
FAULTS = ("mine.toml:5: ", "mine.toml:8: ", "mine.toml:14: ", "mine.toml:13: ", "has no id", "mine.toml:20: ")


def test_validate_says_all_that_is_wrong_and_where(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["spec", "validate", write(tmp_path, WRONG)]) == 2
    said = capsys.readouterr()
    assert said.out == "" and len(said.err.splitlines()) == len(FAULTS)
    for words in FAULTS:
        assert sum(words in line for line in said.err.splitlines()) == 1, (words, said.err)


@pytest.mark.parametrize("name", shipped_specs())
def test_what_is_shown_as_toml_is_the_same_spec(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["spec", "show", name, "-o", "toml"]) == 0
    shown = capsys.readouterr().out
    again, spec = load_spec(write(tmp_path, shown)), load_spec(name)
    assert (again.requirements, again.modules, again.incidents) == (spec.requirements, spec.modules, spec.incidents)
    assert "extends" not in tomllib.loads(shown)


def test_the_other_forms(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["spec", "show", "felix", "-o", "json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["requirements"]) == len(load_spec("felix").requirements)
    assert run(["spec", "show", "felix", "-o", "markdown"]) == 0
    assert "| `felix.extensions` | feature |" in capsys.readouterr().out
    assert run(["spec", "show", "felix", "-o", "yaml"]) == 2


def test_a_spec_knows_every_type_of_package_that_is_read() -> None:
    assert {kind.type for kind in KINDS} == set(PACKAGE_TYPES)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ('kind = "library"\ntools = ["a"]\nsonames = ["a.so"]\nminimum = "1"', "has no `minimum`"),
        ('kind = "package"\npackages = { deb = "a" }\nminimum = ">=1"', "`minimum` is not a version alone, as 1.8.8"),
        ('kind = "kernel"\nneeds = { min_version = "v5" }', "`needs.min_version` is not a kernel's version alone"),
        ('kind = "config"', "asks for nothing"),
        ('kind = "package"\npackages = { debian = "a" }', "no type of package"),
        ('kind = "file"\npath = "etc/passwd"', "`path` is not an absolute path"),
        ('kind = "file"\npath = "/etc/passwd"\nmode = "rw"', "`mode` is not octal digits, as 0755"),
        ('kind = "file"\npath = "/etc/passwd"\ndigest = "sha256:0"', "`digest` is not sha256: and 64"),
        ('kind = "plugin"\ntools = ["a"]\ndirectory = "/d"\nplugins = ["d/a.so"]', "no file name"),
        ('kind = "config"\nports = ["http"]', "`ports[0]` is not a port and its protocol, as 80/tcp"),
        ('kind = "config"\nnon_root = true\nseverity = "fatal"', "severity"),
    ],
)
def test_a_row_that_cannot_work_is_refused(
    tmp_path: Path, row: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    head = 'name = "mine"\nextends = "base"\n[tool.a]\n[[requirement]]\nid = "x"\n'
    assert run(["spec", "validate", write(tmp_path, head + row + "\n")]) == 2
    said = capsys.readouterr().err
    assert words in said and "mine.toml:" in said


def blocks() -> list[str]:
    """The spec files that the documentation shows."""
    text = (Path(__file__).parents[2] / "docs" / "specs.md").read_text()
    return [block.partition("```")[0] for block in text.split("```toml\n")[1:]]


def test_what_the_documentation_says_to_write_works_to_the_letter(tmp_path: Path) -> None:
    first, rest = blocks()
    image = nginx()
    report = audited_image(image, write(tmp_path, first))
    assert report.verdict == "pass" and report.summary.unknown == 0
    whole = audited_image(image, write(tmp_path, f"{first}\n{rest}"))
    assert whole.verdict == "pass" and not_met(whole) == {"config.user"}
