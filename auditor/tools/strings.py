"""The strings of a program: what its loaded segments hold, without its sections."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from auditor.elf.file import ElfFile
from auditor.filetree import Content

_LIMIT = 1 << 25  # bytes of all segments; the largest real tool has a tenth
_WRITABLE = 2  # PF_W
_SEGMENTS = 64


@dataclass(frozen=True, slots=True)
class Strings:
    """The file's bytes of each loaded segment; empty for a file that is too large to be one of the tools."""

    parts: tuple[bytes, ...]
    too_large: bool = False

    def has(self, text: bytes) -> bool:
        """Whether the bytes are there, anywhere."""
        return any(text in part for part in self.parts)

    def has_bare(self, text: bytes) -> bool:
        """Whether the text is there as a whole string."""
        return any(self.bare(re.escape(text)))

    def bare(self, pattern: bytes) -> Iterator[re.Match[bytes]]:
        """Each whole string that matches. A char array may follow other data, so that no NUL precedes it."""
        expression = re.compile(rb"(?<![\x20-\x7e])(?:" + pattern + rb")(?=\0)")
        for part in self.parts:
            yield from expression.finditer(part)

    def search(self, pattern: bytes) -> re.Match[bytes] | None:
        """The first place that matches."""
        expression = re.compile(pattern)
        return next((match for part in self.parts if (match := expression.search(part))), None)


def read_strings(content: Content, elf: ElfFile) -> Strings:
    """The strings of a file. One without segments has none."""
    segments = [segment for segment in elf.segments[:_SEGMENTS] if segment.file_size]
    if sum(segment.file_size for segment in segments) > _LIMIT:
        return Strings((), too_large=True)
    memory = elf.memory(content)
    return Strings(tuple(memory.read(segment.address, segment.file_size) for segment in segments))
