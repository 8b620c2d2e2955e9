"""What is decided of single bytes and tags on the way to a loader's answer."""

import struct
from unittest.mock import Mock

import pytest
from msgspec.structs import replace

from auditor.budget import Allowance
from auditor.elf.bind import own_state
from auditor.elf.bind.relocating import _not_relative
from auditor.elf.read.file import NotElf, Tag, _shape, has_tables
from auditor.elf.read.memory import PF_W, Segment
from auditor.elf.search.mapped import Mapped
from auditor.elf.search.store import FileStore
from auditor.elf.search.tokens import Tokens
from auditor.filetree import FileKind, Found, Node
from auditor.machine import Machine
from fixtures.contents import Bytes
from tests.elf.made import ELF, mapped

# Words that stand for others

PLAIN = Tokens("/opt/bin", "lib64", "x86_64")
SECURE = replace(PLAIN, secure=True)
UNKNOWN_PLATFORM = replace(PLAIN, platform="")


@pytest.mark.parametrize(
    ("tokens", "text", "expanded"),
    [
        (PLAIN, "/lib", "/lib"),
        (PLAIN, "$ORIGIN", "/opt/bin"),
        (PLAIN, "${ORIGIN}/../lib", "/opt/bin/../lib"),
        (PLAIN, "/x/$ORIGIN", "/x//opt/bin"),
        (PLAIN, "/usr/$LIB/${PLATFORM}", "/usr/lib64/x86_64"),
        (PLAIN, "$ORIGINAL/${LIB", "$ORIGINAL/${LIB"),
        (UNKNOWN_PLATFORM, "/$PLATFORM", None),
        (UNKNOWN_PLATFORM, "/$PLATFORM/$LIB", None),
        (UNKNOWN_PLATFORM, "/$LIB", "/lib64"),
        # A program that gains rights takes $ORIGIN at the beginning alone, and as a whole directory.
        (SECURE, "$ORIGIN/lib", "/opt/bin/lib"),
        (SECURE, "$ORIGIN", "/opt/bin"),
        (SECURE, "/x/$ORIGIN", None),
        (SECURE, "${ORIGIN}x", None),
        (SECURE, "/x/$ORIGIN/$LIB", None),
        (SECURE, "/x/$LIB", "/x/lib64"),
        (replace(SECURE, trusted=("/opt",)), "$ORIGIN/lib", "/opt/bin/lib"),
        (replace(SECURE, trusted=("/usr",)), "$ORIGIN/lib", None),
        (replace(SECURE, trusted=("/usr",)), "${ORIGIN}", None),
        (replace(SECURE, trusted=("/op",)), "$ORIGIN/lib", None),
        (replace(SECURE, trusted=("/usr",)), "/x/$LIB", "/x/lib64"),
    ],
)
def test_what_tokens_stand_for(tokens: Tokens, text: str, expanded: str | None) -> None:
    assert tokens.expand(text) == expanded


# What a file is, by its first bytes


def head(kind: int, order: int, machine: int = 0, *, written: str = "<", sizes: tuple[int, int] = (0, 0)) -> bytes:
    start = bytearray(64)
    start[4:6] = kind, order
    struct.pack_into(f"{written}H", start, 18, machine)
    struct.pack_into(f"{written}HH", start, 52, *sizes)
    return bytes(start)


@pytest.mark.parametrize(
    ("first", "shape"),
    [
        (head(1, 1), (32, "little")),
        (head(1, 2), (32, "big")),
        (head(2, 1), (64, "little")),
        (head(2, 2), (64, "big")),
        # The sizes of headers tell, whatever the class is.
        (head(1, 2, sizes=(64, 56)), (64, "little")),
        (head(1, 1, written=">", sizes=(64, 56)), (64, "big")),
        (head(1, 1, sizes=(64, 32)), (32, "little")),
        (head(1, 1, sizes=(52, 56)), (32, "little")),
        # Else the machine does, as far as what is written doesn't speak against it.
        (head(0, 1, Machine.X86_64), (64, "little")),
        (head(0, 1, Machine.I386), (32, "little")),
        (head(2, 0, Machine.S390, written=">"), (64, "big")),
        (head(1, 0, Machine.X86_64), None),
        (head(0, 2, Machine.X86_64), None),
        (head(0, 0), None),
        (head(3, 3, 0xFFFF), None),
    ],
)
def test_the_class_and_the_order_of_bytes(first: bytes, shape: tuple[int, str] | None) -> None:
    assert _shape(first) == shape


@pytest.mark.parametrize(
    ("tags", "has"),
    [
        ({Tag.SYMTAB, Tag.STRTAB, Tag.STRSZ, Tag.HASH}, True),
        ({Tag.SYMTAB, Tag.STRTAB, Tag.STRSZ, Tag.GNU_HASH}, True),
        ({Tag.SYMTAB, Tag.STRTAB, Tag.STRSZ}, False),
        ({Tag.STRTAB, Tag.STRSZ, Tag.HASH}, False),
        ({Tag.SYMTAB, Tag.STRSZ, Tag.GNU_HASH}, False),
        ({Tag.SYMTAB, Tag.STRTAB, Tag.GNU_HASH, Tag.HASH}, False),
        ({Tag.HASH}, False),
        (set(), False),
    ],
)
def test_tables_that_lead_from_names_to_symbols(tags: set[Tag], has: bool) -> None:
    assert has_tables(tags) is has


# A loader's own state


def loader(data: bytes, *segments: Segment) -> Mapped:
    made = mapped("/ld.so", replace(ELF, segments=segments))
    made.stored.node.content = Bytes(data)  # type: ignore[union-attr,misc]
    return made


@pytest.mark.parametrize(
    ("size", "memory", "flags", "early"),
    [
        (0x1000, 0x1000, 0, False),
        (0x1000, 0x1001, 0, True),
        (0xFFF, 0x1000, 0, False),  # the rest of its page comes from the file
        (0xFFF, 0x1001, 0, True),
        (0x1000, 0x2000, PF_W, False),  # zeros, which are written to
    ],
)
def test_a_segment_that_ends_early(size: int, memory: int, flags: int, early: bool) -> None:
    assert own_state._ends_early(Segment(0, 0, size, memory, flags)) is early


@pytest.mark.parametrize(
    ("address", "size", "left_out"),
    [
        (0, 4, False),  # it takes all of these
        (0, 5, True),
        (4, 1, True),
        (5, 3, False),  # which are zeros
        (4, 4, True),
        (4, 5, False),  # beyond its memory
        (9, 1, False),  # in no segment
    ],
)
def test_bytes_that_a_segment_does_not_take(address: int, size: int, left_out: bool) -> None:
    """Four of a file of eight bytes, in a memory of eight."""
    made = loader(b"abcdx\0\0\0", Segment(0, 0, 4, 8, PF_W))
    assert own_state._left_out(made, address, size) is left_out


@pytest.mark.parametrize(
    ("sections", "taken"),
    [
        ([], False),
        ([(0x1004, 4)], True),
        ([(0x1002, 2)], True),
        ([(0x1003, 1)], True),
        ([(0x1004, 3)], False),
        ([(0x1000, 2)], True),
        ([(0x1007, 1)], True),
        ([(0x1008, 4)], False),  # behind what is taken from the file
        ([(0x0FFE, 2)], False),
        ([(0x1004, 2), (0x1005, 2)], False),
    ],
)
def test_zeros_that_are_others_in_the_file(
    sections: list[tuple[int, int]], taken: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_state, "zeroed", Mock(return_value=sections))
    made = loader(b"abcd\0\0\0z", Segment(0, 0x1000, 8, 16, PF_W))
    assert own_state._taken_from_file(made) is taken


# Files that are looked up


@pytest.mark.parametrize(
    ("size", "reason"), [(0, "file too short"), (63, "file too short"), (64, "invalid ELF header")]
)
def test_a_file_whose_bytes_nobody_kept_was_no_elf_file(size: int, reason: str) -> None:
    node = Node(FileKind.REGULAR, 0o755, 0, 0, size, 1, 0)
    found = FileStore(Mock(find=Mock(return_value=Found("/x", node))), Allowance("tables", 1000)).at("/x")
    assert found.elf == NotElf(reason)


# Relocations that are counted


@pytest.mark.parametrize(
    ("machine", "counted", "told"),
    [
        (Machine.X86_64, {8}, ""),
        (Machine.X86_64, set(), ""),
        (Machine.X86_64, {8, 6}, "Inconsistency detected by ld.so: Assertion"),
        (Machine.AARCH64, {1027}, ""),
        (Machine.AARCH64, {8}, "relocations that are not relative are counted as relative ones"),
        (Machine.MIPS, {8}, ""),  # whose relative one nobody knows
    ],
)
def test_relocations_that_are_counted_as_relative(machine: Machine, counted: set[int], told: str) -> None:
    words = _not_relative(replace(ELF, machine=machine), Mock(counted=counted))
    assert bool(words) is bool(told)
    assert words.startswith(told)
