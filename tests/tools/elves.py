"""ELF files of a few hundred bytes that hold just the strings and tables that a case is about.

They stand for builds that no package archive offers any more, and for layouts that Debian doesn't build.
"""

import struct
from dataclasses import dataclass, field

from auditor.elf.read.file import ElfFile, FileType, Tag, read_elf
from auditor.filetree import Facts
from auditor.machine import Machine
from fixtures.contents import Bytes

_CONSTANTS = 0x1000  # file offset of the read-only strings
_DATA = 0x3000  # file offset of the writable tables
_RELATIVE = {Machine.X86_64: 8, Machine.AARCH64: 1027, Machine.S390: 12, Machine.PPC64: 22, Machine.I386: 8}


@dataclass(frozen=True)
class Pointer:
    """A word that holds an address."""

    address: int


class Elf:
    """One file: `text` adds constants, `data` tables; `content` is the whole."""

    def __init__(
        self,
        *,
        bits: int = 64,
        order: str = "<",
        machine: int = Machine.X86_64,
        kind: int = FileType.DYN,
        interpreter: bytes = b"",
    ) -> None:
        self.bits, self.order, self.machine, self.kind = bits, order, machine, kind
        self.base = 0x400000 if kind == FileType.EXEC else 0
        self._interpreter = interpreter and interpreter + b"\0"  # the first constant
        self._constants = self._interpreter
        self._table = b""
        self._pointers: list[tuple[int, int]] = []

    @property
    def _word(self) -> str:
        return self.order + ("Q" if self.bits == 64 else "I")

    def text(self, *texts: bytes) -> int:
        """Strings, each with its NUL; the address of the first."""
        address = self.base + _CONSTANTS + len(self._constants)
        self._constants += b"".join(text + b"\0" for text in texts)
        return address

    def raw(self, data: bytes) -> int:
        """Constants without a NUL."""
        address = self.base + _CONSTANTS + len(self._constants)
        self._constants += data
        return address

    def data(self, *items: bytes | Pointer) -> int:
        """A writable struct, at the start of a word; pointers in it are relocated."""
        size = self.bits // 8
        self._table += bytes(-len(self._table) % size)
        start = self.base + _DATA + len(self._table)
        for item in items:
            if isinstance(item, bytes):
                self._table += item
                continue
            self._table += bytes(-len(self._table) % size)
            self._pointers.append((self.base + _DATA + len(self._table), item.address))
            self._table += struct.pack(self._word, item.address)
        return start

    def content(
        self, *, needed: tuple[str, ...] = (), soname: str = "", imports: tuple[str, ...] = (), relr: bool = False
    ) -> Bytes:
        """The file. Its pointers show as RELA entries, as RELR with `relr`, and not at all at a fixed address."""
        names = b"\0"
        places = {}
        for name in (*needed, soname, *imports):
            places[name] = len(names)
            names += name.encode() + b"\0"
        body = self._table + bytes(-len(self._table) % 16)
        entries: list[tuple[int, int]] = [(Tag.NEEDED, places[name]) for name in needed]
        entries += [(Tag.SONAME, places[soname])] if soname else []

        def place(data: bytes) -> int:
            nonlocal body
            address = self.base + _DATA + len(body)
            body += data + bytes(-len(data) % 16)
            return address

        entries += [(Tag.STRTAB, place(names)), (Tag.STRSZ, len(names))]
        symbols = self._symbols(imports, places)
        entries.append((Tag.SYMTAB, place(symbols)))
        pointers = [] if self.kind == FileType.EXEC else self._pointers
        rela = b"".join(self._rela(0, number + 1, 6) for number in range(len(imports)))
        if relr:
            addresses = b"".join(struct.pack(self._word, address) for address, _ in pointers)
            entries += [(Tag.RELR, place(addresses)), (Tag.RELRSZ, len(addresses))]
        else:
            rela += b"".join(self._rela(*pointer, 0) for pointer in pointers)
        entries += [(Tag.RELA, place(rela)), (Tag.RELASZ, len(rela))]
        dynamic = b"".join(struct.pack(self._word[0] + self._word[1] * 2, *entry) for entry in (*entries, (0, 0)))
        where = place(dynamic)
        return Bytes(self._file(body, where, len(dynamic)))

    def _symbols(self, imports: tuple[str, ...], places: dict[str, int]) -> bytes:
        layout = struct.Struct(self.order + ("IBBHQQ" if self.bits == 64 else "III2BH"))
        rows = [bytes(layout.size)]
        for name in imports:
            fields = (places[name], 0x12, 0, 0, 0, 0) if self.bits == 64 else (places[name], 0, 0, 0x12, 0, 0)
            rows.append(layout.pack(*fields))
        return b"".join(rows)

    def _rela(self, address: int, addend: int, kind: int) -> bytes:
        """A relative entry, or, with a kind, one of the symbol that `addend` numbers."""
        number = kind or _RELATIVE[Machine(self.machine)]
        symbol, addend = (addend, 0) if kind else (0, addend)
        info = symbol << 32 | number if self.bits == 64 else symbol << 8 | number
        return struct.pack(self._word[0] + self._word[1] * 3, address, info, addend)

    def _file(self, body: bytes, dynamic: int, length: int) -> bytes:
        wide = self.bits == 64
        headers = [
            (1, 4, 0, self.base, _CONSTANTS + len(self._constants)),
            (1, 6, _DATA, self.base + _DATA, len(body)),
            (2, 6, dynamic - self.base, dynamic, length),
        ]
        if self._interpreter:
            headers.insert(0, (3, 4, _CONSTANTS, self.base + _CONSTANTS, len(self._interpreter)))
        ident = b"\x7fELF" + bytes((2 if wide else 1, 1 if self.order == "<" else 2, 1)) + bytes(9)
        start, entry = (64, 56) if wide else (52, 32)
        word = "Q" if wide else "I"
        head = ident + struct.pack(
            f"{self.order}HHI{word * 3}IHHHHHH",
            self.kind,
            self.machine,
            1,
            0,
            start,
            0,
            0,
            start,
            entry,
            len(headers),
            0,
            0,
            0,
        )
        for kind, flags, offset, address, size in headers:
            if wide:
                head += struct.pack(f"{self.order}IIQQQQQQ", kind, flags, offset, address, address, size, size, 8)
            else:
                head += struct.pack(f"{self.order}8I", kind, offset, address, address, size, size, flags, 4)
        file = head.ljust(_CONSTANTS, b"\0") + self._constants
        assert len(file) <= _DATA
        return file.ljust(_DATA, b"\0") + body


@dataclass(frozen=True)
class Known(Bytes):
    """A content that what is found out about it goes with."""

    facts: Facts = field(default_factory=Facts)


def parsed(content: Bytes) -> ElfFile:
    """What the file says; it must be an ELF file without fault."""
    elf = read_elf(content)
    assert isinstance(elf, ElfFile)
    assert elf.fault is None
    return elf


def program(*texts: bytes, needed: tuple[str, ...] = ()) -> Bytes:
    """A program that holds these strings."""
    elf = Elf()
    elf.text(b"", *texts)
    return elf.content(needed=needed)
