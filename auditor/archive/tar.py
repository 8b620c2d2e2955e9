"""Tar headers, read from a stream the way container runtimes read them (Go's archive/tar).

The standard library's tarfile spends about five times as long on a header and differs from the runtimes in a few
rules: it merges global PAX headers, takes a GNU header's time stamps for a name prefix, and keeps every member.
Formats: V7, ustar, star, PAX (pax(1)), GNU with long names and its four sparse forms (GNU tar manual, appendix D).
"""

from collections.abc import Iterator
from struct import Struct as Packed
from typing import Protocol
from zlib import adler32

from msgspec import Struct
from msgspec.structs import replace

from auditor.archive import REMEDY
from auditor.errors import CorruptImage, LimitExceeded

BLOCK = 512
SPECIAL_LIMIT = 1 << 20  # bytes of one PAX header or long name, as archive/tar takes them
SPARSE_LIMIT = 1 << 20  # fragments of one sparse file

_OWNERS = 4096  # triples of mode, uid and gid that are remembered; an image has a few dozen

_HEADER = Packed("100s24s12s12x8sc100s8s80x155s12x")
_ZERO = bytes(BLOCK)
_USTAR = b"ustar\x0000"
_GNU = b"ustar  \0"
_DATA_TYPES = frozenset(b"07S")  # all other known types have no data, whatever their size says


class Stream(Protocol):
    """Bytes that go by once."""

    def read(self, length: int) -> bytes:
        """Exactly `length` bytes; fewer at the end."""

    def skip(self, length: int) -> int:
        """Pass over `length` bytes; how many there were."""


class Entry(Struct, frozen=True):
    """One member. `type` is the typeflag (`0` for every regular file, `5` for a directory); `size` the real size.

    `fragments` are the (offset, length) pieces that a sparse file's data fills, in order; None for ordinary files.
    `stored` is the length of the data that follows the header in the archive.
    """

    name: str
    type: str
    mode: int
    uid: int
    gid: int
    size: int
    link: str
    stored: int
    fragments: tuple[tuple[int, int], ...] | None
    capabilities: bytes


class TarReader:
    """Iterates the members of one tar stream; the caller may take an entry's data by `read` and `skip` in between."""

    def __init__(self, stream: Stream, where: str) -> None:
        self._stream = stream
        self._where = where
        self._left = 0  # data bytes of the current member not yet taken
        self._padding = 0
        self._owners: dict[bytes, tuple[int, int, int]] = {}
        self.complete = False  # whether the end mark was seen; archive/tar doesn't ask for one

    def read(self, length: int) -> bytes:
        """Up to `length` bytes of the current member's stored data; `CorruptImage` where the archive ends early."""
        length = min(length, self._left)
        data = self._stream.read(length)
        if len(data) != length:
            raise self._wrong("the tar ends inside a file")
        self._left -= length
        return data

    def __iter__(self) -> Iterator[Entry]:
        while True:
            self._finish_member()
            entry = self._next()
            if entry is None:
                return
            yield entry

    def _wrong(self, what: str) -> CorruptImage:
        return CorruptImage(what, self._where, REMEDY)

    def _finish_member(self) -> None:
        left = self._left + self._padding
        self._left = self._padding = 0
        if left and self._stream.skip(left) != left:
            raise self._wrong("the tar ends inside a file")

    def _next(self) -> Entry | None:
        pax: dict[str, bytes] = {}
        long_name = long_link = None
        while True:
            block = self._header()
            if block is None:
                return None
            name_field, owner, size, checksum, type_byte, link_field, magic, prefix = _HEADER.unpack(block)
            self._check(block, checksum)
            length = self._number(size)
            if type_byte in b"xgLK":
                data = self._special(length)  # a global PAX header changes nothing, as in archive/tar
                if type_byte == b"x":
                    pax = self._pax(data)
                elif type_byte == b"L":
                    long_name = _decode(data.partition(b"\0")[0])
                elif type_byte == b"K":
                    long_link = _decode(data.partition(b"\0")[0])
                continue
            mode, uid, gid = self._owners.get(owner) or self._owner(owner)
            name = name_field.partition(b"\0")[0]
            if prefix[0]:
                name = self._prefixed(name, magic, prefix, block)
            entry = Entry(
                _decode(name) if long_name is None else long_name,
                type_byte.decode("latin-1"),
                mode,
                uid,
                gid,
                length,
                _decode(link_field.partition(b"\0")[0]) if long_link is None else long_link,
                length,
                None,
                b"",
            )
            if pax:
                entry = self._with_pax(entry, pax, named=long_name is not None, linked=long_link is not None)
            return self._with_data(entry, block, pax)

    def _header(self) -> bytes | None:
        block = self._stream.read(BLOCK)
        if not block:
            return None  # no end mark: archive/tar takes that as the end
        if len(block) != BLOCK:
            raise self._wrong("the tar ends inside a header")
        if block[0] or block != _ZERO:
            return block
        second = self._stream.read(BLOCK)
        if second not in (b"", _ZERO):
            raise self._wrong("the tar goes on after its end mark")
        self.complete = True
        return None

    def _check(self, block: bytes, field: bytes) -> None:
        claimed = self._number(field)
        if block.isascii():  # so the sum is below 65521, and the low half of Adler-32 (RFC 1950) is one more than it
            total = ((adler32(block) - adler32(field)) & 0xFFFF) + 8 * 0x20
        else:
            total = sum(block) - sum(field) + 8 * 0x20
        if claimed == total:
            return
        signed = total - 256 * sum(byte > 127 for byte in block[:148] + block[156:])  # as old tars added them up
        if claimed != signed:
            raise self._wrong("a tar header's checksum is wrong")

    def _owner(self, fields: bytes) -> tuple[int, int, int]:
        """Mode, uid and gid; most members of an image have the same few."""
        owner = (self._number(fields[:8]) & 0o7777, self._number(fields[8:16]), self._number(fields[16:]))
        if len(self._owners) < _OWNERS:
            self._owners[fields] = owner
        return owner

    def _number(self, field: bytes) -> int:
        digits = field[:-1]
        if digits.isdigit() and field[-1] in b"\0 ":  # as nearly every header has it
            try:
                return int(digits, 8)
            except ValueError:
                raise self._wrong("a tar header has a number that is none") from None
        if field[0] & 0x80:  # base 256, GNU's form for what octal can't hold
            value = int.from_bytes(field, "big") & ((1 << (len(field) * 8 - 1)) - 1)
            if field[0] & 0x40:
                raise self._wrong("a tar header has a negative number")
            return value
        digits = field.partition(b"\0")[0].strip() if field[0] else field.strip(b"\0 ").partition(b"\0")[0]
        try:
            value = int(digits, 8) if digits else 0
        except ValueError:
            value = -1
        if value < 0:
            raise self._wrong("a tar header has a number that is none")
        return value

    def _special(self, length: int) -> bytes:
        if length > SPECIAL_LIMIT:
            raise LimitExceeded(
                f"a tar header of {length} bytes, over {SPECIAL_LIMIT}",
                self._where,
                "no container runtime takes it either",
            )
        padded = -(-length // BLOCK) * BLOCK
        data = self._stream.read(padded)
        if len(data) != padded:
            raise self._wrong("the tar ends inside a header")
        return data[:length]

    def _pax(self, data: bytes) -> dict[str, bytes]:
        """The records of one PAX header. Sparse 0.0's repeated keys become 0.1's map, as archive/tar does."""
        records: dict[str, bytes] = {}
        sparse: list[bytes] = []
        at = 0
        while at < len(data):
            space = data.find(b" ", at, at + 20)
            length = _decimal(data[at:space]) if space > at else None
            if length is None or length < 5 or at + length > len(data) or data[at + length - 1] != 0x0A:
                raise self._wrong("a PAX header that can't be read")
            key, equals, value = data[space + 1 : at + length - 1].partition(b"=")
            at += length
            name = key.decode("utf-8", "surrogateescape")
            if not equals or not key or (name in ("path", "linkpath") and b"\0" in value):
                raise self._wrong("a PAX header that can't be read")
            if name in ("GNU.sparse.offset", "GNU.sparse.numbytes"):
                sparse.append(value)
            else:
                records[name] = value
        if sparse:
            records["GNU.sparse.map"] = b",".join(sparse)
        return records

    def _with_pax(self, entry: Entry, pax: dict[str, bytes], *, named: bool, linked: bool) -> Entry:
        """`named` and `linked`: GNU's long name and link came too, which go before."""
        changes: dict[str, object] = {}
        if (value := pax.get("path")) and not named:
            changes["name"] = _decode(value)
        if (value := pax.get("linkpath")) and not linked:
            changes["link"] = _decode(value)
        for key in ("size", "uid", "gid"):
            if value := pax.get(key):
                changes[key] = self._decimal(value)
        if "size" in changes:
            changes["stored"] = changes["size"]
        if value := pax.get("SCHILY.xattr.security.capability"):
            changes["capabilities"] = value
        return replace(entry, **changes) if changes else entry

    def _decimal(self, digits: bytes) -> int:
        value = _decimal(digits)
        if value is None:
            raise self._wrong("a PAX header has a number that is none")
        return value

    def _with_data(self, entry: Entry, block: bytes, pax: dict[str, bytes]) -> Entry:
        """The entry as its type says; from here on its data can be read."""
        kind = entry.type
        if kind == "\0":
            kind = "5" if entry.name.endswith("/") else "0"
        if ord(kind) not in _DATA_TYPES:
            return entry if kind == entry.type and not entry.size else replace(entry, type=kind, size=0, stored=0)
        self._left = entry.stored
        self._padding = -entry.stored % BLOCK
        if kind == "S":
            entry = self._old_sparse(entry, block)
        elif pax and any(key.startswith("GNU.sparse.") for key in pax):
            entry = self._pax_sparse(entry, pax)
        return entry if entry.type == "0" else replace(entry, type="0")

    def _old_sparse(self, entry: Entry, block: bytes) -> Entry:
        numbers = [self._number(block[at : at + 12]) for at in range(386, 482, 12)]
        more, real_size = block[482], self._number(block[483:495])
        while more:
            extension = self._stream.read(BLOCK)
            if len(extension) != BLOCK:
                raise self._wrong("the tar ends inside a header")
            numbers += [self._number(extension[at : at + 12]) for at in range(0, 504, 12)]
            more = extension[504]
            self._bound_fragments(len(numbers))
        return self._sparse(entry, numbers, real_size)

    def _pax_sparse(self, entry: Entry, pax: dict[str, bytes]) -> Entry:
        if name := pax.get("GNU.sparse.name"):
            entry = replace(entry, name=_decode(name))
        real_size = pax.get("GNU.sparse.realsize") or pax.get("GNU.sparse.size")
        if real_size is None:
            return entry
        if pax.get("GNU.sparse.major") == b"1":
            return self._sparse(entry, self._leading_map(), self._decimal(real_size))
        numbers = [self._decimal(number) for number in pax.get("GNU.sparse.map", b"").split(b",") if number]
        return self._sparse(entry, numbers, self._decimal(real_size))

    def _leading_map(self) -> list[int]:
        """Sparse 1.0: the count and the pairs stand in lines at the head of the data, padded to a block."""
        text = b""
        numbers: list[int] = []
        wanted = 1
        while len(numbers) < wanted:
            line, newline, rest = text.partition(b"\n")
            if not newline:
                more = self.read(BLOCK)
                if not more or len(text) > BLOCK:
                    raise self._wrong("a sparse file's map can't be read")
                text += more
                continue
            text = rest
            numbers.append(self._decimal(line))
            if len(numbers) == 1:
                self._bound_fragments(numbers[0] * 2)
                wanted = 1 + numbers[0] * 2
        return numbers[1:]

    def _bound_fragments(self, numbers: int) -> None:
        if numbers > 2 * SPARSE_LIMIT:
            raise LimitExceeded("a sparse file in too many pieces", self._where, "no container runtime takes it either")

    def _sparse(self, entry: Entry, numbers: list[int], real_size: int) -> Entry:
        """Checked as archive/tar does: pieces in order, inside the file, and together as long as the data."""
        fragments = []
        end = total = 0
        if len(numbers) % 2:
            raise self._wrong("a sparse file's map can't be read")
        for offset, length in zip(numbers[::2], numbers[1::2], strict=True):
            if length == 0:
                continue
            if offset < end or offset + length > real_size:
                raise self._wrong("a sparse file's map is out of order")
            end = offset + length
            total += length
            fragments.append((offset, length))
        if total > self._left:
            raise self._wrong("a sparse file's map is longer than its data")
        return replace(entry, size=real_size, fragments=tuple(fragments))

    def _prefixed(self, name: bytes, magic: bytes, prefix: bytes, block: bytes) -> bytes:
        """The name as the header's format splits it."""
        if magic == _USTAR:
            if block[508:512] == b"tar\0":  # star keeps its times after a shorter prefix
                prefix = prefix[:131]
            head = prefix.partition(b"\0")[0]
        elif magic == _GNU:
            head = self._gnu_prefix(block)
        else:
            return name
        return head + b"/" + name if head else name

    def _gnu_prefix(self, block: bytes) -> bytes:
        """GNU keeps times where ustar has the prefix; Go before 1.8 wrote the prefix there all the same."""
        field = block[345:500].partition(b"\0")[0]
        if not field or field[0] & 0x80 or not field.isascii():
            return b""
        return b"" if field[:11].strip().isdigit() else field


def _decode(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")


def _decimal(digits: bytes) -> int | None:
    return int(digits) if 0 < len(digits) <= 20 and digits.isdigit() else None
