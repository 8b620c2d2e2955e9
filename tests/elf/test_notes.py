"""Notes of an object: those that say something, those that are damaged, and how many are read at most."""

import json
import struct
from collections.abc import Callable

import pytest
from msgspec.structs import replace

from auditor.elf.bind.judgement import dlopen_notices
from auditor.elf.model import NoticeKind
from auditor.elf.read.file import ElfFile, read_elf
from auditor.elf.read.memory import Unreadable
from auditor.elf.read.notes import AbiNote, DlopenNote, Notes, read_notes
from auditor.elf.search.mapped import Mapped
from auditor.elf.search.store import StoredFile
from fixtures.contents import Bytes
from tests.elf.forge import Forge, library
from tests.elf.loaders import own_loader
from tests.tools.elves import Elf, parsed

ISA_NEEDED, OTHER_PROPERTY = 0xC0008002, 0xC0000002
DLOPEN, PROPERTIES = 0x407C0C0A, 5


def note(owner: bytes, kind: int, description: bytes, step: int = 4) -> bytes:
    head = struct.pack("<3I", len(owner) + 1, len(description), kind) + owner + b"\0"
    return padded(padded(head, step) + description, step)


def padded(data: bytes, step: int) -> bytes:
    return data + bytes(-len(data) % step)


def dlopen(told: object) -> bytes:
    return note(b"FDO", DLOPEN, json.dumps(told).encode() + b"\0")


def prop(kind: int, word: int) -> bytes:
    return struct.pack("<4I", kind, 4, word, 0)


CASES = {
    "nothing": (b"", 4, Notes()),
    "the oldest kernel": (
        note(b"GNU", 1, struct.pack("<4I", 0, 3, 2, 1)),
        4,
        Notes(abi=AbiNote("Linux", (3, 2, 1))),
    ),
    "of two the first": (
        note(b"GNU", 1, struct.pack("<4I", 0, 3, 2, 1)) + note(b"GNU", 1, struct.pack("<4I", 3, 9, 9, 9)),
        4,
        Notes(abi=AbiNote("Linux", (3, 2, 1))),
    ),
    "a kernel too short": (note(b"GNU", 1, bytes(12)), 4, Notes()),
    "a build id": (note(b"GNU", 3, b"\xab\xcd"), 4, Notes(build_id="abcd")),
    "another owner's": (note(b"Go", 3, b"\xab\xcd"), 4, Notes()),
    "another kind": (note(b"GNU", 99, prop(ISA_NEEDED, 4)) + note(b"FDO", 99, b'[{"soname": ["a.so"]}]'), 4, Notes()),
    "another owner of that kind": (
        note(b"Go", PROPERTIES, prop(ISA_NEEDED, 4)) + note(b"GNU", DLOPEN, b'[{"soname": ["a.so"]}]'),
        4,
        Notes(),
    ),
    "the processor at the very end": (
        note(b"GNU", PROPERTIES, struct.pack("<3I", ISA_NEEDED, 4, 2)),
        4,
        Notes(x86_isa_needed=2),
    ),
    "the processor": (note(b"GNU", PROPERTIES, prop(ISA_NEEDED, 4), 8), 8, Notes(x86_isa_needed=4)),
    "the processor behind another property": (
        note(b"GNU", PROPERTIES, prop(OTHER_PROPERTY, 3) + prop(ISA_NEEDED, 2), 8),
        8,
        Notes(x86_isa_needed=2),
    ),
    "a property that ends before its word": (
        note(b"GNU", PROPERTIES, struct.pack("<2I", ISA_NEEDED, 4), 8),
        8,
        Notes(),
    ),
    "a library by name": (
        dlopen([{"soname": ["a.so", "b.so"], "feature": "x", "priority": "required"}]),
        4,
        Notes(dlopen=(DlopenNote(("a.so", "b.so"), "x", "", "required"),)),
    ),
    "what names no library": (
        dlopen([{"soname": None}, {"soname": ["a.so", 1]}, {"soname": "a.so"}, 7, {}, {"soname": ["c.so"]}]),
        4,
        Notes(dlopen=(DlopenNote(("c.so",)),)),
    ),
    "no list": (dlopen({"soname": ["a.so"]}), 4, Notes()),
    "no JSON": (note(b"FDO", DLOPEN, b'[{"soname": ["a.so"]\0'), 4, Notes()),
    "a note that reaches beyond the end": (note(b"GNU", 3, bytes(8))[:-4], 4, Notes()),
}


@pytest.mark.parametrize("case", CASES)
def test_what_notes_say(case: str) -> None:
    data, alignment, expected = CASES[case]
    assert read_notes([(data, alignment)], "<") == expected


def test_a_thousand_notes_are_read_and_no_more() -> None:
    one = note(b"X", 1, b"")
    last = note(b"GNU", 3, b"\xab")
    assert read_notes([(one * 1023 + last, 4)], "<").build_id == "ab"
    with pytest.raises(Unreadable, match="more notes than any real object"):
        read_notes([(one * 1024 + last, 4)], "<")


PT_NOTE = 4


def moved(alignment: int, size: int) -> Callable[[bytes], bytes]:
    """The first PT_NOTE leads behind the end of the file."""

    def change(old: bytes) -> bytes:
        start, count = struct.unpack_from("<Q", old, 32)[0], struct.unpack_from("<H", old, 56)[0]
        for place in range(start, start + 56 * count, 56):
            if struct.unpack_from("<I", old, place)[0] == PT_NOTE:
                header = struct.pack("<IIQQQQQQ", PT_NOTE, 4, len(old) + 64, 0, 0, size, size, alignment)
                return old[:place] + header + old[place + 56 :]
        raise AssertionError("no PT_NOTE")

    return change


@pytest.mark.parametrize(
    ("alignment", "size", "outside"), [(4, 32, True), (8, 64, True), (16, 32, False), (4, 31, False)]
)
def test_only_a_segment_that_may_hold_the_abi_is_looked_for(
    forge: Forge, alignment: int, size: int, outside: bool
) -> None:
    elf = read_elf(Bytes(forge.make(library("", flags=("-Wl,--build-id=sha1",), change=moved(alignment, size)))))
    assert isinstance(elf, ElfFile)
    assert elf.note_outside is outside


def one_more(old: bytes) -> bytes:
    """A PT_NOTE behind the others, which leads behind the end of the file."""
    start, count = struct.unpack_from("<Q", old, 32)[0], struct.unpack_from("<H", old, 56)[0]
    added = struct.pack("<IIQQQQQQ", PT_NOTE, 4, len(old) + 8192, 0, 0, 32, 32, 4)
    changed = bytearray(old + old[start : start + 56 * count] + added)
    changed[32:40], changed[56:58] = struct.pack("<Q", len(old)), struct.pack("<H", count + 1)
    return bytes(changed)


def test_who_has_found_the_abi_looks_no_further(forge: Forge) -> None:
    without = read_elf(Bytes(forge.make(library("", flags=("-Wl,--build-id=sha1",), change=one_more))))
    having = read_elf(Bytes(one_more(own_loader().resolve().with_name("libc.so.6").read_bytes())))
    assert isinstance(without, ElfFile)
    assert isinstance(having, ElfFile)
    assert (without.abi, without.note_outside) == (None, True)
    assert having.abi is not None
    assert not having.note_outside


@pytest.mark.parametrize(
    ("noted", "told"),
    [
        (
            DlopenNote(("a.so", "b.so"), "zip", "to compress", "required"),
            "may load a.so|b.so (zip: to compress; required): found as /lib/b.so",
        ),
        (DlopenNote(("b.so",), description="it"), "may load b.so (it; recommended): found as /lib/b.so"),
        (DlopenNote(("c.so",)), "may load c.so (no description; recommended): not found"),
    ],
)
def test_a_library_by_name_is_remarked_with_where_it_is(noted: DlopenNote, told: str) -> None:
    elf = replace(parsed(Elf().content()), dlopen=(noted,))
    mapped = Mapped("x", "/x", StoredFile("/x", None, None, elf), elf, None, "program")
    (notice,) = dlopen_notices([mapped], lambda name, _: {"b.so": "/lib/b.so"}.get(name))
    assert (notice.kind, notice.path, notice.message) == (NoticeKind.DLOPEN, "/x", told)
