"""What the Go linker writes into each program: release, modules and settings of the build.

The layout is that of Go's `debug/buildinfo`: a header of 32 bytes, aligned to 16, somewhere in the data segment; from
Go 1.18 on the texts follow it, before it points to them. No section is needed, so a stripped program shows it too.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from itertools import islice

from msgspec import Struct, field

from auditor.budget import Count, uncounted
from auditor.elf.model import GoModule
from auditor.elf.read.file import ElfFile
from auditor.elf.read.memory import Memory, Segment
from auditor.elf.read.relocations import relative_relocations
from auditor.filetree import Content

_MAGIC = b"\xff Go buildinf:"
_ALIGNMENT = 16
_HEADER = 32
_BIG_ENDIAN, _INLINE = 1, 2  # flags
_CHUNK = 1 << 20  # bytes
_TEXT_LIMIT = 1 << 22  # bytes of the module list; Kubernetes' own has 30 KB
_MODULE_LIMIT = 1 << 14
_RELOCATION_LIMIT = 1 << 20
_HEADER_LIMIT = 16  # what looks like a header and is none, before one that is
_FRAME = 16  # bytes of a marker before and behind the module list
# What Go's strconv.Quote writes for a character that it doesn't write as it is.
_ESCAPE = re.compile(r"\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8})|(.))")
_CONTROLS = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_RELEASE = re.compile(r"go(\d{1,4})\.(\d{1,4})")


class GoBuild(Struct, frozen=True):
    """What one program says of its build. `release` is Go's own (`go1.24.4`), with what a distributor adds to it."""

    release: str
    package: str = ""  # import path of package main
    module: GoModule | None = None  # the main module
    modules: tuple[GoModule, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)  # `GOAMD64`, `CGO_ENABLED`, `-tags`, `vcs.revision`, …

    @property
    def number(self) -> tuple[int, int] | None:
        """Major and minor number of the release; None for a development build."""
        match = _RELEASE.search(self.release)
        return (int(match[1]), int(match[2])) if match else None


def read_go_build(content: Content, elf: ElfFile, count: Count = uncounted) -> GoBuild | None:
    """The build information of a program; None where it is none of Go's. Raises nothing on any bytes."""
    memory = elf.memory(content)
    moved = _Moved(content, elf, count)
    found = (address for segment in elf.segments if segment.writable for address in _headers(memory, segment))
    builds = (_read(memory, moved, address) for address in islice(found, _HEADER_LIMIT))
    return next((build for build in builds if build is not None), None)


def _headers(memory: Memory, segment: Segment) -> Iterator[int]:
    """The addresses in a segment where a header begins."""
    start, end = segment.address, segment.address + segment.file_size
    while start < end:
        data = memory.read(start, _CHUNK)
        at = data.find(_MAGIC)
        while at >= 0:
            if (start + at) % _ALIGNMENT == 0:
                yield start + at
            at = data.find(_MAGIC, at + 1)
        if len(data) < _CHUNK:
            return
        start += _CHUNK - _ALIGNMENT  # a header may lie across the end of a piece


class _Moved:
    """Pointers that are there as relocations only, as in a position-independent program; read once if at all."""

    def __init__(self, content: Content, elf: ElfFile, count: Count) -> None:
        self._content = content
        self._elf = elf
        self._count = count

    @cached_property
    def pointers(self) -> Mapping[int, int]:
        """Where each leads, by its own address."""
        return dict(islice(relative_relocations(self._content, self._elf, self._count), _RELOCATION_LIMIT))


def _read(memory: Memory, moved: _Moved, address: int) -> GoBuild | None:
    header = memory.read(address, _HEADER)
    if len(header) < _HEADER:
        return None
    if header[15] & _INLINE:
        release, after = _counted(memory, address + _HEADER)
        modules, _ = _counted(memory, after)
    else:
        text = _go_strings(memory, moved, header)
        release, modules = text(address + 16), text(address + 16 + header[14])
    return _parse(release.decode("utf-8", "replace"), modules) if release else None


def _counted(memory: Memory, address: int) -> tuple[bytes, int]:
    """The bytes behind a varint (Go's `encoding/binary`), and where they end; b"" where they aren't there."""
    length = 0
    for position, byte in enumerate(memory.read(address, 10)):
        length |= (byte & 0x7F) << 7 * position
        if byte < 0x80:
            start = address + position + 1
            data = memory.read(start, length) if length <= _TEXT_LIMIT else b""
            return data if len(data) == length else b"", start + length
    return b"", address


def _go_strings(memory: Memory, moved: _Moved, header: bytes) -> Callable[[int], bytes]:
    """Reads the Go string (pointer and length) that the pointer at an address leads to, as before Go 1.18."""
    word = header[14] if header[14] in (4, 8) else 8
    order = "big" if header[15] & _BIG_ENDIAN else "little"

    def number(address: int) -> int:
        return moved.pointers.get(address) or int.from_bytes(memory.read(address, word), order)  # type: ignore[arg-type]

    def text(address: int) -> bytes:
        pointer = number(address)
        length = int.from_bytes(memory.read(pointer + word, word), order)  # type: ignore[arg-type]
        return memory.read(number(pointer), length) if 0 < length <= _TEXT_LIMIT else b""

    return text


def _parse(release: str, framed: bytes) -> GoBuild:
    """The module list as `go version -m` prints it: one tab-separated line an entry (Go's `debug.BuildInfo`)."""
    text = framed[_FRAME:-_FRAME].decode("utf-8", "replace") if framed[-_FRAME - 1 : -_FRAME] == b"\n" else ""
    package, main, modules, settings = "", None, list[GoModule](), dict[str, str]()
    for line in islice(text.split("\n"), _MODULE_LIMIT):
        kind, _, rest = line.partition("\t")
        if kind == "path":
            package = rest
        elif kind == "mod":
            main = _module(rest)
        elif kind == "dep":
            modules.append(_module(rest))
        elif kind == "=>" and modules:
            asked = modules.pop()
            modules.append(_module(rest, f"{asked.path} {asked.version}"))
        elif kind == "build":
            key, _, value = rest.partition("=")
            settings[_unquoted(key)] = _unquoted(value)
    return GoBuild(release, package, main, tuple(modules), settings)


def _module(fields: str, replaces: str = "") -> GoModule:
    path, version, checksum = (*fields.split("\t"), "", "")[:3]
    return GoModule(path, version, checksum, replaces)


def _unquoted(text: str) -> str:
    """A key or value; those with blanks or quotes in them are quoted as in Go sources."""
    if len(text) < 2 or text[0] not in '"`' or text[-1] != text[0]:
        return text
    return text[1:-1] if text[0] == "`" else _ESCAPE.sub(_meant, text[1:-1])


def _meant(escape: re.Match[str]) -> str:
    digits = escape[1] or escape[2] or escape[3]
    if digits:
        return int(digits, 16).to_bytes(4, "little").decode("utf-32-le", "replace")  # no character: U+FFFD
    return _CONTROLS.get(escape[4], escape[4])
