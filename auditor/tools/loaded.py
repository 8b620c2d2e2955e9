"""A program's loaded segments, read once: its bytes by address, its strings, and the pointers that it holds.

Everything that the tools say of themselves is in there. Sections aren't needed, and may be stripped.
"""

import hashlib
import re
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING

from msgspec import Struct

from auditor.budget import Count, uncounted
from auditor.filetree import Content, facts_of

if TYPE_CHECKING:
    from auditor.elf.read.file import ElfFile

_LIMIT = 1 << 23  # bytes of all segments; busybox and static builds have a quarter of it
_SEGMENT_LIMIT = 64
_POINTER_LIMIT = 1 << 18
_FACT = "strings"
_KEPT_STRINGS, _KEPT_BYTES = 1 << 14, 1 << 20  # of a file, and of its segments, for the next image that has it
_WORD_LIMIT = 1 << 19  # words of writable segments; real tools have some thousand
# Begun only where a text begins, and never taken back: a text without an end is gone through once.
_STRING = re.compile(rb"(?<![\t\n\r\x20-\x7e])[\t\n\r\x20-\x7e]++(?=\0)")


class _Part(Struct, frozen=True):
    address: int
    data: bytes
    writable: bool
    executable: bool = False


@dataclass(frozen=True)
class Loaded:
    """The file's own bytes of each loaded segment. Nothing where the file is `too_large` to be one of the tools."""

    content: Content
    elf: "ElfFile"
    parts: tuple[_Part, ...] = field(repr=False)
    too_large: bool = False

    @cached_property
    def digest(self) -> bytes:
        """A hash of everything that is known of the file here: the same for the same file under another name."""
        elf = self.elf
        summary = hashlib.blake2b(
            repr((elf.ident, elf.type, elf.machine, elf.tags, elf.needed)).encode(), digest_size=32
        )
        for part in self.parts:
            summary.update(repr((part.address, len(part.data), part.writable, part.executable)).encode())
            summary.update(part.data)
        return summary.digest()

    @cached_property
    def strings(self) -> frozenset[bytes]:
        """Every text that a NUL ends, with its line ends, but for those amid code: where a file has a segment that can
        only be read, that is where its linker put constants.

        What precedes a text is not looked at, but that it is no text: a char array may follow other data.
        """
        facts = facts_of(self.content)
        match facts.known.get(_FACT):
            case segments, frozenset() as known if segments == self.elf.segments:
                return known
        apart = any(not (part.writable or part.executable) for part in self.parts)
        parts = [part for part in self.parts if not (apart and part.executable)]
        found = frozenset(text for part in parts for text in _STRING.findall(part.data))
        if len(found) <= _KEPT_STRINGS and sum(len(part.data) for part in self.parts) <= _KEPT_BYTES:
            facts.known[_FACT] = self.elf.segments, found
        return found

    @cached_property
    def writable_strings(self) -> frozenset[bytes]:
        """Those of the writable segments: char arrays that aren't constant."""
        return frozenset(text for part in self.parts if part.writable for text in _STRING.findall(part.data))

    def has(self, text: bytes) -> bool:
        """Whether these bytes are there, wherever."""
        return any(text in part.data for part in self.parts)

    def search(self, pattern: re.Pattern[bytes]) -> re.Match[bytes] | None:
        """The first match in any segment."""
        return next((match for part in self.parts if (match := pattern.search(part.data))), None)

    def matches(self, pattern: re.Pattern[bytes]) -> Iterator[tuple[int, re.Match[bytes]]]:
        """Every match with its address."""
        for part in self.parts:
            for match in pattern.finditer(part.data):
                yield part.address + match.start(), match

    def read(self, address: int, length: int) -> bytes:
        """Up to `length` bytes at an address; b"" outside."""
        for part in self.parts:
            start = address - part.address
            if 0 <= start < len(part.data):
                return part.data[start : start + length]
        return b""

    def text(self, address: int, limit: int) -> bytes:
        """The string at an address; b"" where it has no end within `limit` bytes."""
        text, end, _ = self.read(address, limit + 1).partition(b"\0")
        return text if end else b""

    def pointers(self, count: Count = uncounted) -> Iterator[tuple[int, int]]:
        """Each address that holds a pointer into the file, with where it points. `count` is told how many are read.

        They show as relative relocations. In a program that is linked to a fixed address, and on a machine whose
        relocations aren't known (MIPS), they are aligned words of the writable segments, of which some may be plain
        numbers.
        """
        # Who asks this has read the file; who only knows the tools has not.
        from auditor.elf.read.file import FileType  # noqa: PLC0415
        from auditor.elf.read.relocations import relative_relocations  # noqa: PLC0415

        relocated = False
        for pointer in islice(relative_relocations(self.content, self.elf, count), _POINTER_LIMIT):
            relocated = True
            yield pointer
        if self.elf.type == FileType.EXEC or not relocated:
            yield from self._words()

    def pointers_to(self, targets: Iterable[int], count: Count = uncounted) -> Iterator[tuple[int, int]]:
        """Those pointers that lead to one of `targets`."""
        wanted = frozenset(targets)
        if wanted:
            yield from ((address, target) for address, target in self.pointers(count) if target in wanted)

    def _words(self) -> Iterator[tuple[int, int]]:
        word = struct.Struct(self.elf.prefix + ("Q" if self.elf.bits == 64 else "I"))
        left = _WORD_LIMIT
        low = min((part.address for part in self.parts), default=0)
        high = max((part.address + len(part.data) for part in self.parts), default=0)
        for part in self.parts:
            if not part.writable:
                continue
            skipped = -part.address % word.size
            count = min((len(part.data) - skipped) // word.size, left)
            left -= max(count, 0)
            for number in range(count):
                position = skipped + number * word.size
                (value,) = word.unpack_from(part.data, position)
                if low <= value < high:
                    yield part.address + position, value


def load(content: Content, elf: "ElfFile") -> Loaded:
    """The segments of a file, as far as the file has them. Raises nothing, reads no more than a real tool has."""
    segments = [segment for segment in elf.segments if segment.file_size and segment.offset < content.size]
    length = sum(min(segment.file_size, content.size - segment.offset) for segment in segments)
    if length > _LIMIT or len(segments) > _SEGMENT_LIMIT:
        return Loaded(content, elf, (), too_large=True)
    parts = tuple(
        _Part(segment.address, content.read(segment.offset, segment.file_size), segment.writable, segment.executable)
        for segment in segments
    )
    return Loaded(content, elf, parts)
