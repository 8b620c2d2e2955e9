"""The processor that a start needs: the auditor's answer, and what the real loader does on processors of each level."""

import shutil
import subprocess
from pathlib import Path

import pytest

from auditor.elf.linker import Linker
from auditor.elf.read.cpu_level import CpuNeed, built_in_need, go_need
from auditor.elf.read.file import ElfFile, read_elf
from auditor.elf.read.go_build import GoBuild, read_go_build
from auditor.inventory.cpu import cpu_floors
from auditor.inventory.model import CpuFloor
from auditor.processor import is_beyond
from fixtures.contents import OnDisk
from tests.elf.case import Case
from tests.elf.chamber import Chamber
from tests.elf.dirtree import DirTree
from tests.elf.forge import Forge, library, program
from tests.elf.lab import lay_out
from tests.elf.loaders import own_loader, suite_loader

# Models of qemu, by the level that they have.
MODELS = {"qemu64": "x86-64", "Nehalem": "x86-64-v2", "Haswell": "x86-64-v3"}


def marked(level: str) -> tuple[str, ...]:
    return (f"-Wl,-z,{level}",)


CASES = (
    Case("nothing is marked", (program("/bin/prog", "liba.so"), library("/lib/x86_64-linux-gnu/liba.so"))),
    Case("the program is for v2", (program(flags=marked("x86-64-v2")),)),
    Case("the program is for v3", (program(flags=marked("x86-64-v3")),)),
    Case(
        "a library is for v3",
        (program("/bin/prog", "liba.so"), library("/lib/x86_64-linux-gnu/liba.so", flags=marked("x86-64-v3"))),
    ),
)


def qemu() -> Path:
    found = shutil.which("qemu-x86_64-static")
    if found is None:
        pytest.skip("qemu-x86_64-static (qemu-user-static) is not installed")
    return Path(found)


def needed(floors: tuple[CpuFloor, ...]) -> str:
    """The highest level that something refuses to do without."""
    return max((floor.level for floor in floors if floor.enforced), default="x86-64")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@pytest.mark.parametrize(
    "suite",
    ["own", *(pytest.param(suite, marks=pytest.mark.full) for suite in ("bullseye", "bookworm", "trixie", "sid"))],
)
def test_a_start_is_refused_on_processors_below_the_floor(
    suite: str, case: Case, chamber: Chamber, forge: Forge, tmp_path: Path
) -> None:
    loader = own_loader() if suite == "own" else suite_loader(suite)
    lay_out(tmp_path, case, forge, loader)
    shutil.copy(qemu(), tmp_path / "qemu")
    tree = DirTree(tmp_path)
    linker = Linker(tree)
    floors = cpu_floors(tree, linker, {case.start: linker.closure(case.start)}, ())
    for model, level in MODELS.items():
        outcome = chamber.run(tmp_path, ["/qemu", "-cpu", model, case.start], {})
        refused = "CPU ISA level is lower than required" in outcome.output
        assert (outcome.code != 0, refused) == (is_beyond("amd64", needed(floors), level),) * 2, (model, outcome)


@pytest.mark.full
def test_a_loader_of_before_the_check_only_shows_the_mark(forge: Forge, tmp_path: Path) -> None:
    lay_out(tmp_path, CASES[2], forge, suite_loader("bullseye"))
    tree = DirTree(tmp_path)
    linker = Linker(tree)
    floors = cpu_floors(tree, linker, {"/bin/prog": linker.closure("/bin/prog")}, ())
    assert [(floor.path, floor.level, floor.enforced) for floor in floors] == [("/bin/prog", "x86-64-v3", False)]


@pytest.mark.parametrize(
    ("words", "level"),
    [
        # What glibc 2.34 and later are built with for newer machines (dl-hwcap-check.h of each).
        (b"Fatal glibc error: CPU does not support x86-64-v2\n", "x86-64-v2"),
        (b"Fatal glibc error: CPU does not support x86-64-v%d\n", "x86-64-v2"),
        (b"Fatal glibc error: CPU lacks ISA 3.00 support (POWER9 or later required)\n", "power9"),
        (b"Fatal glibc error: CPU lacks float128 support (POWER 9 or later required)\n", "power9"),
        (b"Fatal glibc error: CPU lacks VXE support (z14 or later required)\n", "z14"),
        (b"Fatal glibc error: CPU lacks VXRS_EXT2 support (z15 or later required)\n", "z15"),
        (b"nothing of that kind", None),
    ],
)
def test_a_c_library_for_newer_machines_says_which(words: bytes, level: str | None) -> None:
    own = read_elf(OnDisk(own_loader()))
    assert isinstance(own, ElfFile)
    need = built_in_need(b"\0" + words + b"\0", own)
    assert (need.level if need else None) == level
    assert need is None or (need.evidence.encode() in words and need.evidence.startswith("Fatal glibc error: CPU "))


@pytest.mark.parametrize(
    ("settings", "need"),
    [
        ({"GOAMD64": "v1"}, CpuNeed("x86-64", "GOAMD64=v1", True)),
        ({"GOAMD64": "v3"}, CpuNeed("x86-64-v3", "GOAMD64=v3", True)),
        ({"GOARM64": "v8.0"}, CpuNeed("armv8.0", "GOARM64=v8.0", True)),
        ({"GOARM64": "v8.0,lse"}, CpuNeed("armv8.1", "GOARM64=v8.0,lse", True)),
        ({"GOARM64": "v9.0,crypto"}, CpuNeed("armv9.0", "GOARM64=v9.0,crypto", True)),
        ({"GOARM": "7,softfloat"}, CpuNeed("armv7", "GOARM=7,softfloat", True)),
        ({"GOPPC64": "power9"}, CpuNeed("power9", "GOPPC64=power9", True)),
        ({"GO386": "sse2"}, CpuNeed("sse2", "GO386=sse2", True)),
        ({"GOAMD64": "v9", "CGO_ENABLED": "0"}, None),
        ({"GOPPC64": f"power{'9' * 5000}"}, None),
        ({"GOPPC64": "power²"}, None),
    ],
)
def test_what_go_compiled_for(settings: dict[str, str], need: CpuNeed | None) -> None:
    assert go_need(GoBuild("go1.24", settings=settings)) == need


@pytest.mark.full
@pytest.mark.parametrize("setting", ["v1", "v2", "v3", "v4"])
def test_a_go_program_refuses_what_its_build_says(setting: str, tmp_path: Path) -> None:
    go = shutil.which("go")
    if go is None:
        pytest.skip("go (golang-go) is not installed")
    (tmp_path / "go.mod").write_text("module example.com/hello\n\ngo 1.18\n")
    (tmp_path / "main.go").write_text('package main\n\nfunc main() { println("up") }\n')
    environment = {
        "PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "GOCACHE": str(tmp_path / "cache"), "GOFLAGS": "-mod=mod",
        "GOPROXY": "off", "GOAMD64": setting, "GOARCH": "amd64", "CGO_ENABLED": "0",
    }  # fmt: skip
    built = tmp_path / "hello"
    subprocess.run([go, "build", "-o", str(built), "."], cwd=tmp_path, env=environment, check=True)
    content = OnDisk(built)
    elf = read_elf(content)
    assert isinstance(elf, ElfFile)
    build = read_go_build(content, elf)
    assert build is not None
    need = go_need(build)
    assert need is not None
    for model, level in MODELS.items():
        done = subprocess.run([qemu(), "-cpu", model, built], capture_output=True, text=True, check=False)
        assert ("microarchitecture support" in done.stderr) == is_beyond("amd64", need.level, level), (model, done)


@pytest.mark.parametrize(
    ("architecture", "need", "available", "beyond"),
    [
        ("amd64", "x86-64-v3", "x86-64-v2", True),
        ("amd64", "x86-64-v2", "x86-64-v3", False),
        ("arm64", "armv9.0", "armv8.9", True),
        ("arm64", "armv8.5", "armv9.0", False),
        ("arm64", "armv8.6", "armv9.0", True),
        ("s390x", "z14", "z13", True),
        ("amd64", "power9", "x86-64", False),  # no level of this machine: nothing is claimed
    ],
)
def test_levels_compare(architecture: str, need: str, available: str, beyond: bool) -> None:
    assert is_beyond(architecture, need, available) is beyond
