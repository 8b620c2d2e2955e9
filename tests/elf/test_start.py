"""What the kernel makes of a program before its loader runs, and what is said of files that are no programs."""

import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from auditor.elf.linker import Linker
from auditor.elf.model import Closure, LoadFault, NoticeKind
from auditor.machine import architecture
from tests.elf.case import Case
from tests.elf.chamber import Chamber
from tests.elf.dirtree import DirTree
from tests.elf.forge import Binary, Forge, cut, library, poke, program
from tests.elf.lab import lay_out, place

INTERPRETER = "/lib64/ld-linux-x86-64.so.2"
MACHINE = 18  # offset of e_machine
PT_DYNAMIC = 2


def prog(interpreter: str = INTERPRETER, **rest: object) -> Binary:
    return program("/bin/prog", "a.so", interpreter=interpreter, **rest)


@pytest.fixture
def root(forge: Forge, tmp_path: Path) -> Path:
    """A root with a loader and one library."""
    if not Path(INTERPRETER).exists():
        pytest.skip(f"this machine has no {INTERPRETER}")
    lay_out(tmp_path, Case("start", (prog(), library("/lib/a.so"))), forge, Path(INTERPRETER))
    return tmp_path


def put(root: Path, forge: Forge, binary: Binary) -> None:
    target = place(root, binary.path)
    target.write_bytes(forge.make(binary))
    target.chmod(binary.mode)


def closure_in(root: Path, working_dir: str = "/") -> Closure:
    return Linker(DirTree(root), working_dir=working_dir, machine=architecture("amd64")).closure("/bin/prog")


def faults(closure: Closure) -> list[LoadFault]:
    return [problem.fault for problem in closure.problems]


def test_a_sound_program_starts(root: Path, chamber: Chamber) -> None:
    closure = closure_in(root)
    assert not closure.problems
    assert closure.interpreter == INTERPRETER
    assert chamber.run(root, ["/bin/prog"], {}).code == 0


def remove(path: Path) -> None:
    path.unlink()


def no_x_bit(path: Path) -> None:
    path.chmod(0o644)


def directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def script(path: Path) -> None:
    path.write_text("#!/bin/sh\n" + "# no loader\n" * 20)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def another_machine(path: Path) -> None:
    path.write_bytes(poke(MACHINE, b"\xb7\0")(path.read_bytes()))


@pytest.mark.parametrize(
    ("change", "fault", "words", "errno"),
    [
        (remove, LoadFault.INTERPRETER_MISSING, "no such file or directory", "No such file"),
        (no_x_bit, LoadFault.INTERPRETER_MISSING, "permission denied", "Permission denied"),
        (directory, LoadFault.INTERPRETER_MISSING, "permission denied", "Permission denied"),
        (script, LoadFault.INTERPRETER_MISSING, "corrupted shared library", "corrupted shared library"),
        (empty, LoadFault.INTERPRETER_MISSING, "corrupted shared library", "Input/output error"),
        (another_machine, LoadFault.ARCHITECTURE_MISMATCH, "corrupted shared library", "corrupted shared library"),
    ],
)
def test_a_loader_that_the_kernel_refuses(
    root: Path, chamber: Chamber, change: Callable[[Path], None], fault: LoadFault, words: str, errno: str
) -> None:
    change(root / INTERPRETER.lstrip("/"))
    closure = closure_in(root)
    assert faults(closure) == [fault]
    assert words in closure.problems[0].message
    assert closure.problems[0].name == INTERPRETER
    started = chamber.run(root, ["/bin/prog"], {})
    assert started.code == 126
    assert errno in started.output


def test_a_relative_loader_is_taken_from_the_working_directory(root: Path, forge: Forge, chamber: Chamber) -> None:
    put(root, forge, prog("lib64/ld-linux-x86-64.so.2"))
    assert faults(closure_in(root, "/bin")) == [LoadFault.INTERPRETER_MISSING]
    assert chamber.run(root, ["/bin/prog"], {}, "/bin").code == 126
    closure = closure_in(root, "/")
    assert not closure.problems
    assert NoticeKind.RELATIVE_PATH in {notice.kind for notice in closure.notices}
    assert chamber.run(root, ["/bin/prog"], {}, "/").code == 0


def test_needs_without_a_loader(root: Path, forge: Forge) -> None:
    put(root, forge, program("/bin/prog", "a.so", flags=("-Wl,--no-dynamic-linker",)))
    assert faults(closure_in(root)) == [LoadFault.INTERPRETER_MISSING]


def test_a_library_among_the_programs_is_not_judged(root: Path, forge: Forge) -> None:
    put(root, forge, library("/bin/prog", "none.so", soname="libprog.so"))
    closure = closure_in(root)
    assert not closure.problems
    assert [notice.kind for notice in closure.notices] == [NoticeKind.UNKNOWN]


@pytest.mark.parametrize("flags", [("-static", "-no-pie"), ("-static-pie",)])
def test_a_static_program_has_no_closure(root: Path, forge: Forge, chamber: Chamber, flags: tuple[str, ...]) -> None:
    put(root, forge, program("/bin/prog", flags=(*flags, "-Wl,--no-dynamic-linker")))
    closure = closure_in(root)
    assert (closure.loader, closure.interpreter, closure.problems) == (None, None, ())
    assert [each.path for each in closure.objects] == ["/bin/prog"]
    assert chamber.run(root, ["/bin/prog"], {}).code == 0


@pytest.mark.parametrize(
    ("change", "fault", "words"),
    [
        (poke(MACHINE, b"\xb7\0"), LoadFault.ARCHITECTURE_MISMATCH, "it is for arm64, the platform is amd64"),
        (poke(16, b"\1\0"), LoadFault.ELF_MALFORMED, "it is no program"),
        (poke(54, b"\x10\0"), LoadFault.ELF_MALFORMED, "phentsize"),
        (poke(56, b"\xff\xff"), LoadFault.ELF_MALFORMED, "cannot read file data"),
        (cut(0x1200), LoadFault.ELF_MALFORMED, "beyond the end of the file"),
        (cut(40), LoadFault.ELF_MALFORMED, "file too short"),
        (lambda _: b"text\n" * 50, LoadFault.ELF_MALFORMED, "invalid ELF header"),
    ],
)
def test_a_file_that_the_kernel_would_not_run(root: Path, forge: Forge, change, fault: LoadFault, words: str) -> None:  # type: ignore[no-untyped-def]
    put(root, forge, prog(change=change))
    closure = closure_in(root)
    assert faults(closure) == [fault]
    assert words in closure.problems[0].message


def test_an_interpreter_without_end(root: Path, forge: Forge, chamber: Chamber) -> None:
    put(root, forge, prog(change=lambda old: old.replace(b"x86-64.so.2\0", b"x86-64.so.2X", 1)))
    assert faults(closure_in(root)) == [LoadFault.ELF_MALFORMED]
    assert chamber.run(root, ["/bin/prog"], {}).code == 126


@pytest.mark.parametrize("length", [1, 2], ids=["of one byte", "of two bytes"])
def test_an_empty_interpreter(root: Path, forge: Forge, chamber: Chamber, length: int) -> None:
    def empty(old: bytes) -> bytes:
        place = old.index(INTERPRETER.encode())
        size = struct.pack("<QQ", len(INTERPRETER) + 1, len(INTERPRETER) + 1)
        return poke(place, b"\0\0")(old).replace(size, struct.pack("<QQ", length, length), 1)

    put(root, forge, prog(change=empty))
    (problem,) = closure_in(root).problems
    assert problem.fault is LoadFault.ELF_MALFORMED
    assert "PT_INTERP" in problem.message or "interpreter's path is empty" in problem.message
    assert chamber.run(root, ["/bin/prog"], {}).code == 126


def test_a_machine_that_no_platform_names_is_told_by_its_number(root: Path, forge: Forge) -> None:
    put(root, forge, prog(change=poke(MACHINE, struct.pack("<H", 42))))
    (problem,) = closure_in(root).problems
    assert "it is for machine 42 (EM_SH), 64 bit, little-endian, the platform is amd64" in problem.message


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda old: old.replace(b"glibc-ld.so.cache", b"other-ld.so.cache"), "is neither glibc's loader nor musl's"),
        (lambda old: old.replace(b"/lib", b"/xyz"), "no list of library directories can be told from its bytes"),
        (lambda old: old.replace(b"/etc/ld.so.cache\0", b"/etc/ld.my.cache\0"), "no path of ld.so.cache can be told"),
        (lambda old: old.ljust(9 << 20, b"\0"), "is too large for a dynamic loader"),
    ],
)
def test_a_loader_whose_rules_can_not_be_told(root: Path, change: Callable[[bytes], bytes], reason: str) -> None:
    loader = root / INTERPRETER.lstrip("/")
    loader.write_bytes(change(loader.read_bytes()))
    closure = closure_in(root)
    (notice,) = closure.notices
    assert (closure.loader, closure.problems, notice.kind) == (None, (), NoticeKind.UNKNOWN)
    assert reason in notice.message


def test_a_cache_that_is_too_large_to_be_one(root: Path) -> None:
    with (root / "etc/ld.so.cache").open("wb") as cache:
        cache.truncate(1 << 27)
    (notice,) = closure_in(root).notices
    assert (notice.kind, notice.name) == (NoticeKind.UNKNOWN, "/etc/ld.so.cache")


@pytest.mark.parametrize("path", ["/bin/none", "/bin", "/etc/none/none"])
def test_what_is_no_file_is_no_program(root: Path, path: str) -> None:
    closure = Linker(DirTree(root)).closure(path)
    assert faults(closure) == [LoadFault.ELF_MALFORMED]


def test_without_a_platform_machines_are_not_judged(root: Path, forge: Forge) -> None:
    put(root, forge, prog(change=poke(MACHINE, b"\xb7\0")))
    assert faults(Linker(DirTree(root)).closure("/bin/prog")) == [LoadFault.ARCHITECTURE_MISMATCH]  # of the loader


def test_a_library_of_another_machine_that_is_passed_over_is_no_mismatch(root: Path, forge: Forge) -> None:
    put(root, forge, prog(runpath="/x"))
    put(root, forge, library("/x/a.so", change=poke(MACHINE, b"\xb7\0")))
    closure = closure_in(root)
    assert not closure.problems
    assert [each.path for each in closure.objects if each.name == "a.so"] == ["/lib/a.so"]


@pytest.mark.parametrize(
    ("links", "reason"),
    [
        ({"x/a.so": "gone.so"}, "dangling link"),
        ({"x/a.so": "b.so", "x/b.so": "a.so"}, "too many levels of symbolic links"),
        ({"x/a.so": "../lib/prog.conf/a.so"}, "a part of the path is no directory"),
    ],
)
def test_links_that_were_passed_over_are_told(root: Path, forge: Forge, links: dict[str, str], reason: str) -> None:
    put(root, forge, prog(runpath="/x"))
    (root / "lib/a.so").unlink()
    (root / "lib/prog.conf").write_text("")
    (root / "x").mkdir()
    for name, target in links.items():
        (root / name).symlink_to(target)
    (problem,) = closure_in(root).problems
    assert problem.passed_over == (("/x/a.so", reason),)


def test_the_candidates_that_were_passed_over_are_told(root: Path, forge: Forge) -> None:
    put(root, forge, prog(runpath="/x"))
    put(root, forge, library("/x/a.so", change=poke(MACHINE, b"\xb7\0")))
    (root / "lib/a.so").unlink()
    (problem,) = closure_in(root).problems
    assert problem.fault is LoadFault.LIBRARY_MISSING
    assert problem.passed_over == (("/x/a.so", "for another machine (arm64)"),)
    assert problem.path == "/bin/prog"
    assert problem.message == (
        "error while loading shared libraries: a.so: cannot open shared object file: No such file or directory"
    )


def test_a_loader_finds_its_own_tables(root: Path, chamber: Chamber) -> None:
    """Its code knows where its dynamic section is: PT_DYNAMIC may say what it likes."""
    loader = root / INTERPRETER.lstrip("/")
    data = bytearray(loader.read_bytes())
    start, count = struct.unpack_from("<Q", data, 32)[0], struct.unpack_from("<H", data, 56)[0]
    dynamic = next(at for at in range(start, start + 56 * count, 56) if data[at] == PT_DYNAMIC)
    struct.pack_into("<Q", data, dynamic + 16, 8)
    loader.unlink()
    loader.write_bytes(data)
    loader.chmod(0o755)
    closure = closure_in(root)
    assert not closure.problems
    assert len(closure.objects) == 3
    assert chamber.run(root, ["/bin/prog"], {}).code == 0


@pytest.mark.parametrize("name", ["pthread_mutex_lock", "__libc_early_init"])
def test_what_the_loader_asks_the_c_library_for_has_its_very_version(root: Path, chamber: Chamber, name: str) -> None:
    libc, true = Path("/lib/x86_64-linux-gnu/libc.so.6"), Path("/bin/true")
    if not libc.exists() or name.encode() not in Path(INTERPRETER).read_bytes():
        pytest.skip("this machine's loader doesn't ask its C library so")
    place(root, "/bin/prog").write_bytes(true.read_bytes())
    assert chamber.run(root, ["/bin/prog"], {}).code == 127
    data = bytearray(libc.read_bytes())
    with libc.open("rb") as file:
        elf = ELFFile(file)
        dynsym, versym = elf.get_section_by_name(".dynsym"), elf.get_section_by_name(".gnu.version")
        assert isinstance(dynsym, SymbolTableSection)
        assert versym is not None
        symbols, versions = list(dynsym.iter_symbols()), versym["sh_offset"]
    place(root, str(libc)).write_bytes(data)
    assert (chamber.run(root, ["/bin/prog"], {}).code, faults(closure_in(root))) == (0, [])
    for number in (number for number, symbol in enumerate(symbols) if symbol.name == name):
        data[versions + 2 * number : versions + 2 * number + 2] = bytes(2)
    place(root, str(libc)).write_bytes(data)
    outcome = chamber.run(root, ["/bin/prog"], {})
    (problem,) = closure_in(root).problems
    assert outcome.code == 127
    assert "Inconsistency detected by ld.so" in outcome.output
    assert "Assertion `sym != NULL' failed!" in outcome.output
    assert "Assertion `sym != NULL' failed!" in problem.message
