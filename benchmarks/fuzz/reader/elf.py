"""ELF files, by themselves and as a loader takes them, and the loader's own files."""

import struct
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

from auditor.budget import Budget, Limits
from auditor.elf.linker import Linker
from auditor.elf.read.cpu_level import built_in_need, marked_need
from auditor.elf.read.file import ElfFile, read_elf
from auditor.elf.read.go_build import read_go_build
from auditor.elf.read.memory import Unreadable
from auditor.elf.read.notes import read_notes
from auditor.elf.read.relocations import relative_relocations, thread_offset_symbols
from auditor.elf.read.symbols import SymbolTable
from auditor.elf.search.ld_so_cache import CacheTooLarge, read_cache
from auditor.elf.search.loader import as_loader, read_profile
from auditor.machine import architecture
from auditor.packages.kinds import compare_versions
from auditor.tools.catalogue import compare_versions as compare_tools
from auditor.tools.extensions import built_in_extensions
from auditor.tools.identify import identify
from auditor.tools.link_types import known_link_types
from auditor.tools.registrations import registrations
from auditor.tools.set_types import set_types
from benchmarks.fuzz.model import Reader
from benchmarks.fuzz.world import joined, parts, tree
from benchmarks.hostile.elf import Shape, elf
from fixtures.contents import Bytes
from tests.elf.caches import Row, compat_cache, new_cache, old_cache

_LOADER = "/lib64/ld-linux-x86-64.so.2"


def _elf(data: bytes) -> None:
    """All that is read of one file, whatever is it good for."""
    content = Bytes(data)
    budget = Budget(Limits(symbols=20_000))
    found = read_elf(content)
    identify("ipset", "/sbin/ipset", content, found, lambda _: None)
    if not isinstance(found, ElfFile):
        return
    loader = as_loader(content, found)
    read_profile(data, loader, "/lib/ld.so", "/lib/ld.so")
    read_go_build(content, found)
    marked_need(found, checked=True)
    built_in_need(data, found)
    built_in_extensions("/x", content, found)
    registrations(content, found)
    set_types(content, found)
    known_link_types(content, ("veth", "vxlan"))
    with suppress(Unreadable):
        sum(1 for _ in relative_relocations(content, found))
    with suppress(Unreadable):
        thread_offset_symbols(content, found)
    for bits in (32, 64):
        with suppress(Unreadable):
            table = SymbolTable(found.memory(content), found, bits, lambda count: budget.symbols.take(count, "elf"))
            table.references()
            if table.hashes is not None:
                list(table.hashes.numbers(b"s0000001"))


def _small_elves() -> Iterator[bytes]:
    yield elf(Shape(needs=("libm.so.6",), program=True, symbols=3, relocations=3))
    yield elf(Shape(soname="libx.so.1", symbols=4, relocations=2))
    yield elf(Shape(needs=("a", "b"), soname="c", headers=(4, 2)))
    note = struct.pack("<III4sIIII", 4, 16, 1, b"GNU\0", 0, 3, 2, 0)
    plain = bytearray(elf(Shape(soname="n", symbols=1, headers=(4, 1))))
    yield bytes(plain) + note
    big = bytearray(64)
    big[:7] = b"\x7fELF\x01\x02\x01"
    struct.pack_into(">HHI", big, 16, 3, 8, 1)
    struct.pack_into(">HHHH", big, 40, 52, 32, 0, 40)
    yield bytes(big)


def _closure(data: bytes) -> None:
    """A program and a library, under this machine's own loader."""
    program, library = parts(data, 2)
    files = {"/bin/p": program, "/lib/x86_64-linux-gnu/libm.so.6": library, _LOADER: Path(_LOADER).read_bytes()}
    linker = Linker(tree(files), env={"LD_LIBRARY_PATH": "/lib:$ORIGIN"}, machine=architecture("amd64"))
    closure = linker.closure("/bin/p")
    linker.plugin(closure, "/lib/x86_64-linux-gnu/libm.so.6")


def _closures() -> Iterator[bytes]:
    yield joined(
        elf(Shape(needs=("libm.so.6",), program=True, symbols=2, relocations=2)),
        elf(Shape(soname="libm.so.6", symbols=2)),
    )


def _cache(data: bytes) -> None:
    for order in ("little", "big"):
        with suppress(CacheTooLarge):
            cache = read_cache(data, order)
            if cache is not None:
                for name in ("liba.so.1", "libb.so.2", *(entry.name for entry in cache.entries[:3])):
                    cache.lookup(name)
                    cache.lists(name)


def _caches() -> Iterator[bytes]:
    rows = [Row("libb.so.2", "/lib/libb.so.2"), Row("liba.so.1", "/lib/liba.so.1", hwcap="x86-64-v3")]
    for order in "<>":
        yield new_cache(rows, order=order)
        yield old_cache(rows, order=order)
        yield compat_cache(rows, order=order)
    yield Path("/etc/ld.so.cache").read_bytes()[:4096]


def _notes(data: bytes) -> None:
    half = len(data) // 2
    for prefix in "<>":
        with suppress(Unreadable):
            read_notes([(data[:half], 4), (data[half:], 8)], prefix)


def _note_parts() -> Iterator[bytes]:
    wanted = b'[{"soname": ["libx.so.1"], "priority": "required"}]\0'
    yield struct.pack("<III4s4I", 4, 16, 1, b"GNU\0", 0, 3, 2, 0) + struct.pack(
        "<III4s8s", 4, 8, 3, b"GNU\0", b"build-id"
    )
    yield struct.pack("<III4s", 4, len(wanted), 0x407C0C0A, b"FDO\0") + wanted
    yield bytes(32) + struct.pack("<III4sIII4x", 4, 16, 5, b"GNU\0", 0xC0008002, 4, 3)


def _versions(data: bytes) -> None:
    """Two versions by every order: each is an order, whatever the words are."""
    left, _, right = data.decode("utf-8", "surrogateescape").partition("\n")
    kinds = (partial(compare_versions, kind) for kind in ("deb", "rpm", "apk", "opkg"))
    tools = (partial(compare_tools, tool) for tool in ("ipset", "iproute2", "iputils", "kmod"))
    for compare in (*kinds, *tools):
        there, back = compare(left, right), compare(right, left)
        assert (there is None) == (back is None), "comparable one way only"
        assert there is None or back is None or _sign(there) == -_sign(back), f"{left!r} and {right!r} have no order"
        assert compare(left, left) in (0, None), f"{left!r} is not itself"


def _sign(number: int) -> int:
    return (number > 0) - (number < 0)


READERS = {
    "elf": Reader(_elf, _small_elves),
    "closure": Reader(_closure, _closures),
    "ld.so.cache": Reader(_cache, _caches),
    "notes": Reader(_notes, _note_parts, longest=1024),
    "versions": Reader(
        _versions,
        lambda: (
            b"1:2.3~rc1-4\n1:2.3-4",
            b"1.2.3_rc1-r0\n1.2.3-r1",
            b"ss190107\n6.1.0",
            b"s20161105\n20221126",
            b"5^a\n5",
        ),
        longest=120,
    ),
}
