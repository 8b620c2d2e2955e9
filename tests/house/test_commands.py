"""Every command that the README and the papers show: its options are there, and what can run without a network does.

A fenced block of `sh` or `console` is read line by line. Images of registries stand for the image of the fixtures.
"""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import typer

from auditor.cli.main import app, run
from auditor.report.register import Style, write
from auditor.rules import rules
from auditor.spec import load_spec
from tests.house.papers import ROOT
from tests.house.registers import EVERY_FORMAT
from tests.images import built, layout, report

_FENCE = re.compile(r"^ *```(?:sh|console|yaml)\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
_COMMENT = re.compile(r"\s{2,}#.*$|^\s*#.*$")
_OPERATORS = ("|", ">", ">>", "<", "&&", "||", ";")
_REMOTE = re.compile(r"^(?:registry:)?(?:[a-z0-9.]+/)?calico/(?:node|cni):(?:v[\d.]+|tag)$")
PAPERS = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md")))


@dataclass(frozen=True, slots=True)
class Command:
    """One line of a paper that runs a program of ours; `whole` where it uses nothing of a shell's."""

    file: str
    words: tuple[str, ...]
    whole: bool

    def __str__(self) -> str:
        return f"{self.file}: {' '.join(self.words)}"


def commands(paper: Path) -> Iterator[Command]:
    """Each line of ours in each fenced block, lines that go on put together."""
    for block in _FENCE.findall(paper.read_text()):
        folded = re.sub(r"\\\n\s*|>-\n\s*(?=audit-image)|(?<=[a-z])\n\s+(?=-o )", " ", block)
        for line in folded.splitlines():
            yield from _read(paper.name, _COMMENT.sub("", line))


def _read(file: str, line: str) -> Iterator[Command]:
    try:
        words = shlex.split(line.removeprefix("$ ").strip().removeprefix("- run: ").removeprefix("- ").strip())
    except ValueError:  # prose of a YAML comment, or output that is shown
        return
    if not words or words[0] not in ("audit-image", "make"):
        return
    end = next((at for at, word in enumerate(words) if word in _OPERATORS), len(words))
    yield Command(file, tuple(words[:end]), end == len(words) and not any("$" in word or "*" in word for word in words))


SHOWN = tuple(command for paper in PAPERS for command in commands(paper))
OURS = tuple(dict.fromkeys(command for command in SHOWN if command.words[0] == "audit-image"))
# What is not on this machine: another one's folders, a file that another command of the paper writes elsewhere.
ELSEWHERE = ("tcp://", "dir:/mnt/rootfs", "/lib/modules/", "oci-dir:layout", "oci-archive:")


def arguments_of(command: Command) -> list[str]:
    """What follows the program's name, with the word of the command in front."""
    words = list(command.words[1:])
    names = getattr(typer.main.get_command(app), "commands", {})
    return words if words and (words[0] in names or words[0].startswith("--")) else ["check", *words]


def test_the_papers_show_commands() -> None:
    assert len(OURS) > 20
    assert {command.file for command in OURS} >= {
        "README.md",
        "using.md",
        "first-audit.md",
        "github-actions.md",
        "gitlab.md",
    }


@pytest.mark.parametrize("command", OURS, ids=str)
def test_a_command_and_its_options_are_there(command: Command) -> None:
    words = arguments_of(command)
    group = typer.main.get_command(app)
    if words[0].startswith("--"):
        assert words[0] in {option for each in group.params for option in each.opts}
        return
    entry, rest = group.commands[words[0]], words[1:]  # type: ignore[attr-defined]
    while hasattr(entry, "commands"):
        entry, rest = entry.commands[rest[0]], rest[1:]
    context = entry.context_class(entry, info_name=words[0])
    given, _, _ = entry.make_parser(context).parse_args(list(rest))  # an option that isn't there is an error
    for value in given.get("output") or ():
        assert value.partition("=")[0] in EVERY_FORMAT
    if isinstance(spec := given.get("spec"), str) and "/" not in spec:
        load_spec(spec)
    if words[0] == "explain" and rest:
        assert rest[0] in {rule.id for rule in rules()}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the files that the papers name are: an image, reports, waivers, a spec."""
    made = tmp_path_factory.mktemp("papers")
    saved = write(report(), "json", Style())
    for name in ("saved.json", "report.json", "last.json", "audit.json"):
        (made / name).write_text(saved)
    (made / "waivers.toml").write_text("")
    (made / "images.txt").write_text(f"oci-dir:{layout(built())}\n")
    (made / "web.toml").write_text('name = "web"\nextends = "base"\n')
    return made


@pytest.mark.full
@pytest.mark.parametrize("command", [each for each in OURS if each.whole], ids=str)
def test_a_command_runs(command: Command, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if any(word.startswith(ELSEWHERE) for word in command.words):
        pytest.skip("it names what only another machine has")
    monkeypatch.chdir(folder)
    image = f"oci-dir:{layout(built())}"
    there = {
        "docker-archive:node.tar": image,
        "IMAGE": image,
        "FILE": "./web.toml",
        "NAME": "felix",
        "ID": "tool-missing",
    }
    words = [image if _REMOTE.match(word) else there.get(word, word) for word in arguments_of(command)]
    assert run(words) in (0, 1), "a command of the papers ends with exit code 2"


def test_make_has_the_targets_that_papers_name() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {command.words[1] for command in SHOWN if command.words[0] == "make"}
    assert named
    assert named <= targets
