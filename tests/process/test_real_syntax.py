"""Real scripts, whole and damaged, held to the real shells: nothing is refused here that a shell takes."""

import random
import re
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from auditor.auditing.load import load
from auditor.image.model import Config, Platform
from auditor.process.launch import launch
from auditor.process.model import LaunchFault
from auditor.process.shell.grammar import read_script
from tests.images import built
from tests.process.test_syntax import SHELLS

FOLDERS = ("/usr/bin", "/usr/sbin", "/etc/init.d", "/etc/profile.d", "/usr/lib/git-core", "/var/lib/dpkg/info")
SHELL = re.compile(rb"#! ?/(?:usr/)?bin/(?:env )?(?:ba|da|a)?sh\b")
LARGEST = 1 << 16
SAMPLE = 300  # of the scripts that are here
TOKENS = re.compile(r";;|\b(?:fi|done|esac|then|do|if|case|in|else)\b|['\"`(){};|&$]|\[\[|\]\]|\n")
# What bash refuses until the script has asked for it (`shopt -s extglob`), which is told at run time only.
GRANTED = re.compile(r"[?*+@!]\(")


@pytest.fixture(scope="module")
def texts() -> list[str]:
    found = [text for folder in FOLDERS for text in _scripts(Path(folder))]
    tree = built().tree
    found += [text for folder in FOLDERS for text in _scripts(tree / folder[1:])]
    return list(dict.fromkeys(found))


def _scripts(folder: Path) -> Iterator[str]:
    for path in sorted(folder.glob("*")):
        if not path.is_symlink() and path.is_file() and path.stat().st_size < LARGEST:
            data = path.read_bytes()
            if SHELL.match(data) or folder.name == "profile.d":
                yield data.decode("latin-1")


def _damaged(text: str, random_: random.Random) -> str:
    """The text without one token, or with one twice."""
    tokens = list(TOKENS.finditer(text, 2))
    if not tokens:
        return text
    token = random_.choice(tokens)
    return text[: token.start()] + token.group() * random_.choice((0, 0, 2)) + text[token.end() :]


def compare(shell: str, texts: list[str], folder: Path) -> tuple[int, int]:
    """How many the shell refuses, and how many of these are refused here; fails where the shell takes a refused one."""
    if shutil.which(SHELLS[shell][0]) is None:
        pytest.skip(f"{shell} is not here")

    def refused(numbered: tuple[int, str]) -> bool:
        script = folder / str(numbered[0])
        script.write_bytes(numbered[1].encode("latin-1"))
        done = subprocess.run([*SHELLS[shell], str(script)], capture_output=True, check=False, timeout=60)
        # bash tells some errors between [[ and ]] and goes on.
        return done.returncode != 0 or any(
            word in done.stderr for word in (b"syntax error", b"unexpected", b"expected")
        )

    with ThreadPoolExecutor(2) as pool:
        real = list(pool.map(refused, enumerate(texts)))
    ours = [(error := read_script(text, shell).error) is not None and error.sure for text in texts]
    wrong = [text for text, told, true in zip(texts, ours, real, strict=True) if told and not true]
    assert wrong == []
    return sum(real), sum(ours)


@pytest.mark.parametrize("shell", SHELLS)
def test_real_scripts(shell: str, texts: list[str], tmp_path: Path) -> None:
    some = texts[:: max(1, len(texts) // SAMPLE)]
    plain = [text for text in some if shell != "bash" or not GRANTED.search(text)]
    refused, told = compare(shell, plain, tmp_path)
    assert len(plain) > 100
    assert told >= refused * 0.5


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("count", [150, pytest.param(3000, marks=pytest.mark.full)])
def test_damaged_scripts(shell: str, count: int, texts: list[str], tmp_path: Path) -> None:
    chance = random.Random(count)
    damaged = [_damaged(chance.choice(texts), chance) for _ in range(count)]
    refused, told = compare(shell, damaged, tmp_path)
    assert told >= refused * 0.9


def test_no_script_of_a_sound_root_is_a_broken_entrypoint() -> None:
    """Each as the Entrypoint of the image that it belongs to; an interpreter may be one that no package brings."""
    started = 0
    with load(f"dir:{built().tree}") as image:
        for path, node in image.tree.walk():
            if node.content is None or not node.mode & 0o111 or not SHELL.match(node.content.read(0, 32)):
                continue
            found = launch(image.tree, Config(Platform("linux", "amd64"), (), (path,)))
            assert [problem for problem in found.problems if problem.fault is not LaunchFault.INTERPRETER_MISSING] == []
            started += 1
    assert started > 50


def test_noise_is_read_without_an_exception() -> None:
    chance = random.Random(7)
    pieces = [*"\n\t '\"`$(){}[]<>|&;#!\\*?=+@~", "if ", "fi ", "case ", "esac ", "in ", "do ", "done ", "$((", "))"]
    pieces += ["${", "<<E\n", "[[ ", " ]]", "x=(", "f() ", "function ", "exec a", "\\\n", ";;", "&&", "a[", "\x00", "é"]
    for _ in range(3000):
        text = "".join(chance.choices(pieces, k=chance.randrange(60)))
        for shell in ("bash", "dash", "ash", ""):
            script = read_script(text, shell)
            assert script.error is None or 1 <= script.error.line <= text.count("\n") + 1
