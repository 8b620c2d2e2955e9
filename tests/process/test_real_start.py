"""What is said of a start, held to real starts: the same scripts in a real tree, run by its own shells."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from auditor.auditing.load import load
from auditor.filetree import FileTree
from auditor.image.model import Config, Platform
from auditor.process.launch import launch
from auditor.process.model import LaunchFault
from fixtures.inside import Command, run_inside
from fixtures.tree import clone
from tests.images import EVERY_IMAGE, built, layout
from tests.process.test_entrypoint import ROWS
from tests.process.test_scripts import BROKEN

PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# What the snippets run besides, and takes no part in the matter.
STUBS = ("check", "nc", "sleep")
FAILED = (126, 127)  # a shell's exit status where the program can't be started, or isn't there
# dash, the tree's sh, has no `exec --`, no such option of `set`, and knows no [[ or (( either: bash runs these.
FOR_BASH = ("after set -e", "exec --", "arithmetic before")
# These never come to the fault in a tree where what they check for is not there, or say nothing where it goes to.
SKIPPED = ("after a function that dies",)
SILENT = ("redirected", "after a redirection-only exec", "carriage returns")


@pytest.fixture(scope="module")
def real_tree(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of the base image's tree that shares its files; whatever is written into it is a new file."""
    root = tmp_path_factory.mktemp("real") / "tree"
    clone(built().tree, root)
    for name in STUBS:
        _write(root / "usr/local/bin" / name, b"#!/bin/sh\nexit 0\n")
    _write(root / "usr/local/bin/app", b"#!/bin/sh\nexit 0\n")
    _write(root / "usr/lib/folder/x", b"x")
    yield root
    shutil.rmtree(root, ignore_errors=True)


def _write(path: Path, data: bytes, mode: int = 0o755) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.write_bytes(data)
    path.chmod(mode)


def _problems(tree: FileTree, *argv: str) -> list[LaunchFault]:
    config = Config(Platform("linux", "amd64"), (PATH,), entrypoint=argv)
    return [problem.fault for problem in launch(tree, config).problems]


def test_every_broken_script_fails_in_a_real_shell(real_tree: Path) -> None:
    names = [row[0] for row in BROKEN if row[0] not in SKIPPED]
    scripts: dict[str, tuple[str, str]] = {}
    for name, text, words in BROKEN:
        if name in names:
            shell = "/bin/bash" if name in FOR_BASH else "/bin/sh"
            path = f"/cases/{len(scripts)}"
            _write(real_tree / path[1:], f"#!{shell}\n{text}".encode())
            scripts[path] = (name, words[0])
    environment = dict([PATH.split("=", 1)])
    results = run_inside(real_tree, "amd64", [Command((path,), environment) for path in scripts])
    with load(f"dir:{real_tree}") as image:
        for (path, (name, word)), result in zip(scripts.items(), results, strict=True):
            assert result.code in FAILED, (name, result)
            assert word.strip("./") in result.output or name in SILENT, (name, result)
            assert _problems(image.tree, path), name


def test_a_start_fails_where_the_kernel_refuses_it(real_tree: Path) -> None:
    """Each file by itself, started with execve(2) as a runtime does it."""
    elf = (real_tree / "usr/bin/true").read_bytes()
    compared = 0
    for name, files, argv, expected in ROWS:
        if not all(path.startswith("/opt/") for path in files) or not argv[0].startswith("/opt/"):
            continue
        shutil.rmtree(real_tree / "opt")
        (real_tree / "opt").mkdir()
        for path, entry in files.items():
            _place(real_tree / path[1:], entry, elf)
        (result,) = run_inside(real_tree, "amd64", [Command(tuple(argv), dict([PATH.split("=", 1)]))])
        with load(f"dir:{real_tree}") as image:
            found = _problems(image.tree, *argv)
        assert bool(found) is (result.code in FAILED) or _told_apart(name), (name, found, result)
        assert bool(found) is bool(expected), (name, found)
        compared += 1
    assert compared > 20


def _told_apart(name: str) -> bool:
    """Rows where the exit status alone doesn't tell: the shell is refused its option with a status of its own."""
    return name in ("CR after an option", "long argument", "env -S with a variable")


def _place(path: Path, entry: object, elf: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    target = getattr(entry, "target", None)
    if target is not None:
        path.symlink_to(target)
        return
    data = getattr(entry, "data", entry)
    raw = data.encode("utf-8") if isinstance(data, str) else data
    assert isinstance(raw, bytes)
    _write(path, elf if raw.startswith(b"\x7fELF") else raw, getattr(entry, "mode", 0o755))


@pytest.mark.parametrize(("suite", "architecture"), EVERY_IMAGE)
def test_the_base_image_starts_its_services(suite: str, architecture: str) -> None:
    image = built(suite, architecture)
    with load(f"oci-dir:{layout(image)}") as read:
        found = launch(read.tree, read.config)
    assert found.problems == ()
    started = {start.word for start in found.starts if start.certain}
    supervised = {"runsvdir", "runsv", "svlogd"} if "runsvdir" in started else set()
    assert supervised <= started and "calico-node" in started
