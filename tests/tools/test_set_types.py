"""The set types that an ipset carries, in every layout that it is built in."""

import random
import struct
from collections.abc import Callable
from functools import partial

import pytest

from auditor.elf.read.file import ElfFile, FileType, read_elf
from auditor.machine import Machine
from auditor.tools.model import SetType
from auditor.tools.set_types import plugin_directories, set_types
from fixtures.contents import Bytes
from tests.tools.elves import Elf, Pointer, parsed, program

TYPES = (SetType("bitmap:port", 3, 0, 1), SetType("hash:ip", 6, 255, 1), SetType("hash:ip,port,net", 8, 255, 3))
LAYOUTS = {
    "RELA": (partial(Elf), False),
    "RELR": (partial(Elf), True),
    "fixed address": (partial(Elf, kind=FileType.EXEC), False),
    "big-endian": (partial(Elf, order=">", machine=Machine.S390), False),
    "32-bit": (partial(Elf, bits=32, machine=Machine.I386), True),
    "a machine whose relocations aren't known": (partial(Elf, machine=Machine.MIPS), True),
}


def table(elf: Elf, *types: tuple[bytes, bytes]) -> None:
    for name, fields in types:
        elf.data(Pointer(elf.text(name)), fields, bytes(51))


def fields(revision: int, family: int, dimension: int, kernel_check: int = 0, optional: int = 0) -> bytes:
    return struct.pack("BBBbB", revision, family, dimension, kernel_check, optional)


@pytest.mark.parametrize(("layout", "relr"), LAYOUTS.values(), ids=LAYOUTS)
def test_every_layout(layout: Callable[[], Elf], relr: bool) -> None:
    elf = layout()
    for entry in reversed(TYPES):
        table(elf, (entry.name.encode(), fields(entry.revision, entry.family, entry.dimension)))
    content = elf.content(relr=relr)
    assert set_types(content, parsed(content)) == TYPES


@pytest.mark.parametrize(
    "record",
    [fields(0, 0, 1), fields(1, 2, 2), fields(1, 10, 3), fields(1, 255, 1), fields(1, 2, 1, optional=1)],
)
def test_what_a_type_may_be(record: bytes) -> None:
    """Of any family, in up to three dimensions; the struct may end with what is mapped."""
    elf = Elf()
    elf.data(Pointer(elf.text(b"hash:ip")), record)
    content = elf.content()
    assert set_types(content, parsed(content)) == (SetType("hash:ip", *record[:3]),)


def test_a_struct_that_is_cut_short_is_none() -> None:
    elf = Elf(kind=FileType.EXEC)
    elf.data(Pointer(elf.text(b"hash:ip")), fields(1, 2, 1))
    content = elf.content()
    whole = parsed(content)
    end = whole.segments[1].offset + 8 + len(fields(1, 2, 1))
    for cut, found in ((0, 1), (1, 0)):
        assert len(set_types(Bytes(content.data[: end - cut]), whole)) == found


@pytest.mark.parametrize(
    ("texts", "directories"),
    [
        ((b"/usr/lib/ipset",), ("/usr/lib/ipset",)),
        ((b"/usr/lib/ipset", b"/opt/ipset"), ("/opt/ipset", "/usr/lib/ipset")),
        ((b"/usr/lib/ipsets", b"/usr/lib", b"in /usr/lib/ipset"), ()),
    ],
)
def test_where_a_build_looks_for_more_types(texts: tuple[bytes, ...], directories: tuple[str, ...]) -> None:
    content = program(*texts)
    assert plugin_directories(content, parsed(content)) == directories


@pytest.mark.parametrize(
    ("name", "record"),
    [
        (b"hash:ip", fields(1, 1, 1)),
        (b"hash:ip", fields(1, 2, 0)),
        (b"hash:ip", fields(1, 2, 4)),
        (b"hash:ip", fields(1, 2, 1, kernel_check=1)),
        (b"hash:ip", fields(1, 2, 1, optional=2)),
        (b"hash:IP", fields(1, 2, 1)),
        (b"iphash", fields(1, 2, 1)),
        (b"hash:ip in words", fields(1, 2, 1)),
        (b"Not hash:ip", fields(1, 2, 1)),
    ],
)
def test_what_only_looks_alike_is_none(name: bytes, record: bytes) -> None:
    elf = Elf()
    table(elf, (name, record))
    content = elf.content()
    assert set_types(content, parsed(content)) == ()


def test_a_name_alone_is_no_type() -> None:
    content = program(b"hash:ip", b"list:set")
    assert set_types(content, parsed(content)) == ()


def test_damaged_files_raise_nothing() -> None:
    source = random.Random(3)
    elf = Elf()
    table(elf, (b"hash:ip", fields(1, 2, 1)), (b"list:set", fields(3, 0, 1)))
    sound = elf.content().data
    for _ in range(500):
        data = bytearray(sound)
        for _ in range(source.randrange(1, 10)):
            data[source.choice((source.randrange(64, 240), source.randrange(0x3000, len(data))))] = source.randrange(
                256
            )
        content = Bytes(bytes(data[: source.choice((len(data), source.randrange(len(data))))]))
        read = read_elf(content)
        if isinstance(read, ElfFile):
            set_types(content, read)
