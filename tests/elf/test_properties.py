"""What arm64's kernel makes of a file's properties before it starts anything, with an emulator that does the same."""

import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from auditor.elf.linker import Linker
from auditor.elf.model import LoadFault
from auditor.machine import architecture
from fixtures.tree import qemu_for
from fixtures.workspace import Unavailable
from tests.elf.dirtree import DirTree

LOADER = "/lib/ld.so"
_LOAD, _INTERP, _PROPERTY = 1, 3, 0x6474E553
_CODE = struct.pack("<3I", 0xD2800000, 0xD2800BA8, 0xD4000001)  # mov x0, #0; mov x8, #93 (exit); svc #0
_FEATURES, _OTHER = 0xC0000000, 0xC0000001


def prop(kind: int, size: int = 4, data: bytes = bytes(8)) -> bytes:
    return struct.pack("<II", kind, size) + data


def note(properties: bytes, *, size: int | None = None, kind: int = 5, name: bytes = b"GNU\0") -> bytes:
    return struct.pack("<III", 4, len(properties) if size is None else size, kind) + name + properties


def elf(properties: bytes | None, *, asked: int | None = None, loader: str = "") -> bytes:
    """A program of arm64 that ends with exit code 0. `asked`: how many bytes its PT_GNU_PROPERTY names."""
    name = loader.encode() + b"\0" if loader else b""
    kinds = [_LOAD, *([_INTERP] if name else []), *([] if properties is None else [_PROPERTY])]
    start = 64 + 56 * len(kinds)
    parts = {_INTERP: name.ljust(16, b"\0"), _PROPERTY: properties or b""}
    body = _CODE.ljust(16, b"\0") + b"".join(parts[kind] for kind in kinds[1:])
    size = len(parts[_PROPERTY]) if asked is None else asked
    sizes = {_LOAD: start + len(body), _INTERP: len(name), _PROPERTY: size}
    headers, place = b"", start + 16
    for kind in kinds:
        at = 0 if kind == _LOAD else place
        headers += struct.pack("<IIQQQQQQ", kind, 5, at, at, at, sizes[kind], sizes[kind], 1 << 16 if at == 0 else 8)
        place += 0 if kind == _LOAD else len(parts[kind])
    ident = b"\x7fELF\2\1\1".ljust(16, b"\0")
    header = struct.pack("<HHIQQQIHHHHHH", 3, 183, 1, start, 64, 0, 0, 64, 56, len(kinds), 0, 0, 0)
    return ident + header + headers + body


@dataclass(frozen=True)
class Case:
    """Properties, and what is said of them; nothing where the file is started."""

    name: str
    properties: bytes | None
    says: str = ""
    asked: int | None = None


MALFORMED = "the properties in its notes are malformed"
CASES = (
    Case("none", None),
    Case("sound", note(prop(_FEATURES))),
    Case("two", note(prop(_FEATURES) + prop(_OTHER, 8))),
    Case("no properties", note(b"")),
    Case("what follows the note", note(prop(_FEATURES), size=0)),
    Case("another size of what is not known", note(prop(_OTHER, 0, b""))),
    Case("a size of features", note(prop(_FEATURES, 8)), MALFORMED),
    Case("not sorted", note(prop(_OTHER) + prop(_FEATURES)), MALFORMED),
    Case("one twice", note(prop(_OTHER) + prop(_OTHER)), MALFORMED),
    Case("a property beyond the note", note(prop(_OTHER, 16)), MALFORMED),
    Case("half a property", note(prop(_FEATURES) + bytes(4)), MALFORMED),
    Case("another kind of note", note(prop(_FEATURES), kind=1), "holds another note"),
    Case("another owner", note(prop(_FEATURES), name=b"GNO\0"), "holds another note"),
    Case("a note beyond its header", note(prop(_FEATURES), size=17), "larger than that"),
    Case("too large", note(prop(_FEATURES)).ljust(2048, b"\0"), "too large"),
    Case("too small", note(b"")[:12], "too small"),
    Case("not in the file", note(prop(_FEATURES)), "too large", asked=1 << 40),
)


@pytest.fixture(scope="module")
def emulator() -> str:
    try:
        return qemu_for("arm64") or ""
    except Unavailable as reason:
        pytest.skip(str(reason))


def write(root: Path, path: str, data: bytes) -> Path:
    target = root / path.lstrip("/")
    target.parent.mkdir(exist_ok=True)
    target.write_bytes(data)
    target.chmod(0o755)
    return target


def problems(root: Path) -> list[tuple[LoadFault, str]]:
    closure = Linker(DirTree(root), machine=architecture("arm64")).closure("/bin/prog")
    return [(problem.fault, problem.message) for problem in closure.problems]


@pytest.mark.parametrize("as_loader", [False, True], ids=["program", "loader"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_is_started(case: Case, tmp_path: Path, emulator: str, *, as_loader: bool) -> None:
    """Of a program that names a loader, the loader's properties are read."""
    data = elf(case.properties, asked=case.asked)
    program = write(tmp_path, "/bin/prog", elf(None, loader=LOADER) if as_loader else data)
    if as_loader:
        write(tmp_path, LOADER, data)
    found = problems(tmp_path)
    if emulator or not as_loader:  # without one, the loader would be the machine's
        command = [*([emulator, "-L", str(tmp_path)] if emulator else []), str(program)]
        started = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (started.returncode == 0) == (not case.says), started.stderr
    assert [fault for fault, _ in found] == ([LoadFault.ELF_MALFORMED] if case.says else [])
    assert all(case.says in message and (LOADER in message) == as_loader for _, message in found), found


def test_of_a_program_that_names_a_loader_no_kernel_reads_the_properties(tmp_path: Path) -> None:
    """The emulator does."""
    write(tmp_path, "/bin/prog", elf(note(prop(_FEATURES, 8)), loader=LOADER))
    write(tmp_path, LOADER, elf(None))
    assert problems(tmp_path) == []


def test_other_machines_do_not_look(tmp_path: Path) -> None:
    data = elf(note(prop(_FEATURES, 8)))
    write(tmp_path, "/bin/prog", data[:18] + b"\x3e\0" + data[20:])
    closure = Linker(DirTree(tmp_path), machine=architecture("amd64")).closure("/bin/prog")
    assert closure.problems == ()
