"""Where the tables lie that a loader reads in an ELF file: which bytes a damage may touch, entry by entry."""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from auditor.elf.read.file import ElfFile, Tag
from auditor.elf.read.memory import Memory
from auditor.filetree import Content
from auditor.machine import Machine

Fields = tuple[tuple[str, int, int], ...]  # name, offset in the entry, size


@dataclass(frozen=True)
class Table:
    """Entries of one layout. `hot` are the numbers of those that the programs at hand surely use."""

    name: str
    offsets: Sequence[int]  # in the file
    fields: Fields
    hot: tuple[int, ...] = ()


_EHDR_64: Fields = (
    *((f"EI_{number}", number, 1) for number in range(16)),
    ("e_type", 16, 2), ("e_machine", 18, 2), ("e_version", 20, 4), ("e_entry", 24, 8), ("e_phoff", 32, 8),
    ("e_shoff", 40, 8), ("e_flags", 48, 4), ("e_ehsize", 52, 2), ("e_phentsize", 54, 2), ("e_phnum", 56, 2),
    ("e_shentsize", 58, 2), ("e_shnum", 60, 2), ("e_shstrndx", 62, 2),
)  # fmt: skip
_PHDR_64: Fields = (
    ("p_type", 0, 4), ("p_flags", 4, 4), ("p_offset", 8, 8), ("p_vaddr", 16, 8), ("p_paddr", 24, 8),
    ("p_filesz", 32, 8), ("p_memsz", 40, 8), ("p_align", 48, 8),
)  # fmt: skip
_SYMBOL_64: Fields = (
    ("st_name", 0, 4), ("st_info", 4, 1), ("st_other", 5, 1), ("st_shndx", 6, 2), ("st_value", 8, 8),
    ("st_size", 16, 8),
)  # fmt: skip
_VERNEED: Fields = (("vn_version", 0, 2), ("vn_cnt", 2, 2), ("vn_file", 4, 4), ("vn_aux", 8, 4), ("vn_next", 12, 4))
_VERNAUX: Fields = (
    ("vna_hash", 0, 4), ("vna_flags", 4, 2), ("vna_other", 6, 2), ("vna_name", 8, 4), ("vna_next", 12, 4),
)  # fmt: skip
_VERDEF: Fields = (
    ("vd_version", 0, 2), ("vd_flags", 2, 2), ("vd_ndx", 4, 2), ("vd_cnt", 6, 2), ("vd_hash", 8, 4),
    ("vd_aux", 12, 4), ("vd_next", 16, 4),
)  # fmt: skip
_VERDAUX: Fields = (("vda_name", 0, 4), ("vda_next", 4, 4))
_NOTE: Fields = (("n_namesz", 0, 4), ("n_descsz", 4, 4), ("n_type", 8, 4), ("words", 16, 4), ("words", 20, 4))


def tables(content: Content, elf: ElfFile, wanted: frozenset[bytes]) -> Iterator[Table]:
    """The tables of a sound 64-bit file; `wanted` are the names that other objects look up."""
    yield Table("ELF header", (0,), _EHDR_64)
    start = struct.unpack(f"{elf.prefix}Q", content.read(32, 8))[0]
    headers = range(start, start + 56 * elf.header_count, 56)
    yield Table("program headers", headers, _PHDR_64)
    for offset in headers:
        kind, _, at, _, _, size = struct.unpack(f"{elf.prefix}IIQQQQ", content.read(offset, 40))
        if kind == 2:
            count = next(number for number, (tag, _) in enumerate((*elf.tags, (0, 0))) if tag == 0) + 1
            entries = range(at, at + 16 * min(count, size // 16), 16)
            yield Table("dynamic section", entries, (("d_tag", 0, 8), ("d_val", 8, 8)))
        if kind == 3:
            yield Table("interpreter", range(at, at + size), (("byte", 0, 1),))
        if kind in (4, 0x6474E553) and size >= 24:
            yield Table("note", (at,), _NOTE)
    yield from _Dynamic(content, elf, wanted).tables()


class _Dynamic:
    """What PT_DYNAMIC leads to."""

    def __init__(self, content: Content, elf: ElfFile, wanted: frozenset[bytes]) -> None:
        self._elf = elf
        self._memory: Memory = elf.memory(content)
        self._wanted = wanted
        self._names: list[bytes] = self._all_names()
        self._hot = tuple(number for number, name in enumerate(self._names) if name in wanted)

    def tables(self) -> Iterator[Table]:
        """All that are there."""
        symbols = self._at(Tag.SYMTAB)
        strings = self._at(Tag.STRTAB)
        if symbols is None or strings is None:
            return
        count = len(self._names)
        yield Table("symbol table", range(symbols, symbols + 24 * count, 24), _SYMBOL_64, self._hot)
        yield from self._string_table(strings)
        versym = self._at(Tag.VERSYM)
        if versym is not None:
            yield Table("version indexes", range(versym, versym + 2 * count, 2), (("index", 0, 2),), self._hot)
        yield from self._versions()
        yield from self._gnu_hash()
        yield from self._hash()
        yield from self._relocations()

    def _string_table(self, strings: int) -> Iterator[Table]:
        tags = (Tag.NEEDED, Tag.SONAME)
        hot = [value for tag, value in self._elf.tags if tag in tags]
        table, start = self._elf.last_tags[Tag.SYMTAB], self._elf.last_tags[Tag.STRTAB]
        hot += [self._word(table + 24 * number) for number in self._hot]
        bytes_of = [place + step for place in hot for step in range(len(self._memory.string(start + place)) + 1)]
        size = self._elf.tag(Tag.STRSZ) or 0
        yield Table("strings", range(strings, strings + size), (("byte", 0, 1),), tuple(bytes_of))

    def _versions(self) -> Iterator[Table]:
        outer, inner = self._chain(Tag.VERNEED, first=8, following=12, inner_next=12)
        if outer:
            yield Table("needed versions", outer, _VERNEED)
            yield Table("needed versions", inner, _VERNAUX)
        outer, inner = self._chain(Tag.VERDEF, first=12, following=16, inner_next=4)
        if outer:
            yield Table("defined versions", outer, _VERDEF)
            yield Table("defined versions", inner, _VERDAUX)

    def _chain(self, tag: Tag, *, first: int, following: int, inner_next: int) -> tuple[list[int], list[int]]:
        outer: list[int] = []
        inner: list[int] = []
        address = self._elf.tag(tag)
        while address is not None:
            outer.append(self._offset(address))
            place = address + self._word(address + first)
            inner.append(self._offset(place))
            while step := self._word(place + inner_next):
                place += step
                inner.append(self._offset(place))
            step = self._word(address + following)
            address = address + step if step else None
        return outer, inner

    def _gnu_hash(self) -> Iterator[Table]:
        address = self._elf.tag(Tag.GNU_HASH)
        if address is None:
            return
        header = self._offset(address)
        names = ("nbuckets", "symoffset", "bloom_size", "bloom_shift")
        yield Table("GNU hash header", (header,), tuple((name, 4 * number, 4) for number, name in enumerate(names)))
        buckets, first, bloom, _ = (self._word(address + 4 * number) for number in range(4))
        hashes = {number: _gnu_hash(self._names[number]) for number in self._hot if number >= first}
        place = header + 16
        words = tuple({hashed // 64 % bloom for hashed in hashes.values()})
        yield Table("GNU hash bloom", range(place, place + 8 * bloom, 8), (("word", 0, 8),), words)
        place += 8 * bloom
        used = tuple({hashed % buckets for hashed in hashes.values()})
        yield Table("GNU hash bucket", range(place, place + 4 * buckets, 4), (("bucket", 0, 4),), used)
        place += 4 * buckets
        chain = tuple(number - first for number in hashes)
        count = len(self._names) - first
        if count > 0:
            yield Table("GNU hash chain", range(place, place + 4 * count, 4), (("chain", 0, 4),), chain)

    def _hash(self) -> Iterator[Table]:
        address = self._elf.tag(Tag.HASH)
        if address is None:
            return
        size = 8 if self._elf.machine == Machine.S390 else 4
        place = self._offset(address)
        buckets, chains = (self._word(address + size * number, size) for number in range(2))
        end = place + size * (2 + buckets + chains)
        yield Table("hash header", (place,), (("nbucket", 0, size), ("nchain", size, size)))
        yield Table("hash words", range(place + 2 * size, end, size), (("word", 0, size),))

    def _relocations(self) -> Iterator[Table]:
        little = self._elf.byte_order == "little"
        fields: Fields = (
            ("r_offset", 0, 8), ("type", 8 if little else 12, 4), ("symbol", 12 if little else 8, 4), ("addend", 16, 8),
        )  # fmt: skip
        for name, tag, size_tag in (
            ("relocations", Tag.RELA, Tag.RELASZ),
            ("PLT relocations", Tag.JMPREL, Tag.PLTRELSZ),
        ):
            address, size = self._elf.tag(tag), self._elf.tag(size_tag)
            if address and size:
                place = self._offset(address)
                yield Table(name, range(place, place + size // 24 * 24, 24), fields)
        address, size = self._elf.tag(Tag.RELR), self._elf.tag(Tag.RELRSZ)
        if address and size:
            place = self._offset(address)
            yield Table("packed relocations", range(place, place + size, 8), (("word", 0, 8),))

    def _all_names(self) -> list[bytes]:
        """The names of all symbols: linkers write the string table directly behind them."""
        table, strings = self._elf.tag(Tag.SYMTAB), self._elf.tag(Tag.STRTAB)
        if table is None or strings is None or strings < table:
            return []
        addresses = range(table, table + (strings - table) // 24 * 24, 24)
        return [self._memory.string(strings + self._word(address)) for address in addresses]

    def _at(self, tag: Tag) -> int | None:
        address = self._elf.tag(tag)
        return None if address is None else self._memory.offset_of(address)

    def _offset(self, address: int) -> int:
        offset = self._memory.offset_of(address)
        assert offset is not None, "a sound file"
        return offset

    def _word(self, address: int, size: int = 4) -> int:
        return int.from_bytes(self._memory.read_exactly(address, size), self._elf.byte_order)


def _gnu_hash(name: bytes) -> int:
    hashed = 5381
    for byte in name:
        hashed = (hashed * 33 + byte) & 0xFFFFFFFF
    return hashed
