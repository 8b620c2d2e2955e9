"""What one ELF file says of itself: read once, from its headers, PT_DYNAMIC and PT_NOTE, never from its sections.

Layouts are the gABI's ("ELF Header", "Program Header", "Dynamic Section"). Nothing here depends on a loader.
"""

import enum
import struct
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from types import MappingProxyType
from typing import Literal

from msgspec import Struct, field
from msgspec.structs import replace

from auditor.elf.read.memory import PF_W, TEXT_LIMIT, Memory, Segment, Strings, Unreadable, Window, file_bytes, page_up
from auditor.elf.read.notes import AbiNote, DlopenNote, Notes, read_notes
from auditor.elf.read.properties import property_fault
from auditor.elf.read.versions import DefinedVersion, VersionNeed, read_definitions, read_needs
from auditor.filetree import Content
from auditor.machine import KNOWN, ByteOrder, Machine

CANNOT_READ = "cannot read file data"  # in the words of ld.so, which says so before it looks at anything else
_MAGIC = b"\x7fELF"
_HEAD = 1 << 12  # bytes of the first read: nearly always all program headers
_DYNAMIC_LIMIT = 1 << 16  # bytes
_HEADERS_LIMIT = 1 << 16  # bytes of all program headers: what the kernel reads of a program (load_elf_phdrs)
_NOTES_LIMIT = 1 << 16  # bytes of all notes
_ABI_NOTE_SIZE, _NOTE_ALIGNMENTS = 32, (4, 8)  # of a segment that may hold the ABI
_NAMES_LIMIT = 1 << 20  # bytes of all names in a dynamic section, and of those of all versions
_PATH_MAX = 4096  # limits.h, which execve(2) applies to an interpreter's path


class FileType(enum.IntEnum):
    """e_type."""

    REL = 1
    EXEC = 2
    DYN = 3


class Tag(enum.IntEnum):
    """d_tag of the dynamic entries that matter here."""

    NULL = 0
    NEEDED = 1
    PLTRELSZ = 2
    HASH = 4
    STRTAB = 5
    SYMTAB = 6
    RELA = 7
    RELASZ = 8
    RELAENT = 9
    STRSZ = 10
    SONAME = 14
    RPATH = 15
    REL = 17
    RELSZ = 18
    RELENT = 19
    PLTREL = 20
    TEXTREL = 22
    JMPREL = 23
    BIND_NOW = 24
    RUNPATH = 29
    FLAGS = 30
    RELRSZ = 35
    RELR = 36
    RELRENT = 37
    GNU_HASH = 0x6FFFFEF5
    VERSYM = 0x6FFFFFF0
    RELACOUNT = 0x6FFFFFF9
    RELCOUNT = 0x6FFFFFFA
    FLAGS_1 = 0x6FFFFFFB
    VERDEF = 0x6FFFFFFC
    VERNEED = 0x6FFFFFFE
    AUXILIARY = 0x7FFFFFFD
    FILTER = 0x7FFFFFFF


class Rest(enum.Enum):
    """What lies behind a segment's bytes of the file, where it can't be written: glibc writes zeros there all the same,
    the kernel leaves the rest of the page (`elf_load` in its binfmt_elf.c), musl all of it (`map_library`).
    """

    ZEROS = "zeros"
    PAGE = "page"
    ALL = "all"


_DF_BIND_NOW = 0x8
_DF_1_NOW = 0x1
_DF_1_NODEFLIB = 0x800
_DF_1_NOOPEN = 0x40
_DF_1_PIE = 0x08000000

_LOADER_DATA_LIMIT = 1 << 14  # bytes; the dynamic section is among the first of its data
_LOADER_SEGMENTS = 4  # that can be written; every loader has one or two
_LOADER_ENTRIES = 48  # of the dynamic section of any loader
_LOADER_DYNAMIC = 16 * _LOADER_ENTRIES

_PT_LOAD = 1
_PT_DYNAMIC = 2
_PT_INTERP = 3
_PT_NOTE = 4
_PT_TLS = 7
_PT_GNU_STACK = 0x6474E551
_PT_GNU_RELRO = 0x6474E552
_PT_GNU_PROPERTY = 0x6474E553


class NotElf(Struct, frozen=True):
    """A file that is no ELF; `reason` is what glibc would say of it, were it a library."""

    reason: str


class ElfFile(Struct, frozen=True):
    """One ELF file. Texts keep undecodable bytes by `surrogateescape`.

    `fault` is what makes the file unusable to any loader: headers or tables that lie outside it, a cut segment.
    What the file says is still given as far as it could be read. `interpreter_fault` makes the kernel refuse to
    start the file (execve(2)), and doesn't matter for a library; so does `property_fault` of a loader, or of a program
    that names none.
    """

    ident: bytes  # e_ident, 16 bytes
    bits: Literal[32, 64]
    byte_order: Literal["little", "big"]
    type: int
    machine: int
    version: int
    flags: int
    header_entry_size: int  # e_phentsize
    header_count: int  # e_phnum
    header_size: int  # e_ehsize
    size: int  # of the file
    segments: tuple[Segment, ...] = ()  # PT_LOAD, in file order
    interpreter: str | None = None  # PT_INTERP
    interpreter_fault: str | None = None
    property_fault: str = ""
    is_dynamic: bool = False  # has PT_DYNAMIC
    dynamic_size: int = 0  # what its header says
    tags: tuple[tuple[int, int], ...] = ()  # every dynamic entry
    last_tags: Mapping[int, int] = field(default_factory=dict)  # the same, by tag
    needed: tuple[str, ...] = ()
    soname: str | None = None
    rpath: str | None = None
    runpath: str | None = None
    filters: tuple[str, ...] = ()  # DT_FILTER
    auxiliaries: tuple[str, ...] = ()  # DT_AUXILIARY
    bind_now: bool = False
    nodeflib: bool = False
    noopen: bool = False  # DF_1_NOOPEN
    stack_flags: int | None = None  # PT_GNU_STACK's; None without one
    tls_size: int = 0  # PT_TLS: bytes of each thread's copy
    tls_alignment: int = 0
    tls_image_size: int = 0  # bytes of what each copy begins with
    relro: tuple[int, int] = (0, 0)  # PT_GNU_RELRO: address and size of what becomes read-only
    pie: bool = False  # DF_1_PIE; a position-independent program of an old linker lacks it
    needs: tuple[VersionNeed, ...] = ()  # DT_VERNEED
    definitions: tuple[DefinedVersion, ...] = ()  # DT_VERDEF
    abi: AbiNote | None = None
    note_outside: bool = False  # notes that aren't in the file, before any that says its ABI
    build_id: str | None = None
    dlopen: tuple[DlopenNote, ...] = ()
    x86_isa_needed: int = 0  # GNU_PROPERTY_X86_ISA_1_NEEDED; means something on x86-64 only
    fault: str | None = None

    @property
    def prefix(self) -> Literal["<", ">"]:
        """`struct`'s sign for the file's byte order."""
        return "<" if self.byte_order == "little" else ">"

    @property
    def word_size(self) -> int:
        """Bytes of an address."""
        return self.bits // 8

    @property
    def static(self) -> bool:
        """Whether the kernel alone starts it: no interpreter and no needed library."""
        return self.interpreter is None and not self.needed

    @property
    def has_versym(self) -> bool:
        """Whether each symbol has a version index (DT_VERSYM)."""
        return self.tag(Tag.VERSYM) is not None

    @property
    def versioned(self) -> bool:
        """Whether its symbols have versions to a loader: an index each, and a version that any index may mean."""
        needed = (version for need in self.needs for version in need.versions)
        return self.has_versym and (any(each.index for each in self.definitions) or any(each.index for each in needed))

    @property
    def has_verdef(self) -> bool:
        """Whether the object defines versions (DT_VERDEF)."""
        return self.tag(Tag.VERDEF) is not None

    def tag(self, tag: int) -> int | None:
        """The value of a dynamic entry, of several the last, as loaders do; None without."""
        return self.last_tags.get(tag)

    def memory(self, content: Content) -> Memory:
        """The file's segments over its bytes."""
        return Memory(content, self.segments)


class _ProgramHeader(Struct, frozen=True):
    kind: int
    flags: int
    offset: int
    address: int
    file_size: int
    memory_size: int
    alignment: int


def read_elf(content: Content, dynamic: int | None = None, rest: Rest = Rest.ZEROS) -> ElfFile | NotElf:
    """What the file says. Raises nothing on any bytes: a malformed file has a `fault`. `dynamic`: the address of the
    dynamic section, where it isn't PT_DYNAMIC's. `rest`: by whose rules its segments are mapped.
    """
    head = content.read(0, _HEAD)
    if head[:4] != _MAGIC:
        return NotElf("invalid ELF header" if content.size >= 64 else "file too short")
    if len(head) < (52 if head[4:5] == b"\x01" else 64):
        return NotElf("file too short")
    shape = _shape(head)
    if shape is None:
        return NotElf("invalid ELF header")
    elf = _read_header(head, content.size, *shape)
    headers, fault = _program_headers(content, elf, head)
    return _read_segments(content, elf, headers, fault, dynamic, rest)


def as_mapped(content: Content, elf: ElfFile, rest: Rest) -> ElfFile:
    """The same file as somebody else maps it than glibc's loader."""
    if not any(_is_cut_short(segment.flags, segment.file_size, segment.memory_size) for segment in elf.segments):
        return elf
    found = read_elf(content, rest=rest)
    return found if isinstance(found, ElfFile) else elf


def _is_cut_short(flags: int, file_size: int, memory_size: int) -> bool:
    """Whether what can't be written has more memory than bytes in the file: linkers make none like that."""
    return not flags & PF_W and file_size < memory_size


def _mapped_size(header: _ProgramHeader, rest: Rest) -> int:
    """How many bytes of the file a segment has in memory."""
    if rest is Rest.ZEROS or not _is_cut_short(header.flags, header.file_size, header.memory_size):
        return header.file_size
    pages = page_up(header.address + header.file_size)
    return min(pages - header.address, header.memory_size) if rest is Rest.PAGE else header.memory_size


def _shape(head: bytes) -> tuple[Literal[32, 64], ByteOrder] | None:
    """The class and byte order. A kernel goes by the machine and the sizes of the headers; EI_CLASS and EI_DATA are
    taken where those don't tell.
    """
    bits: dict[int, Literal[32, 64]] = {1: 32, 2: 64}
    orders: dict[int, ByteOrder] = {1: "little", 2: "big"}
    for order in orders.values():
        if _is_wide(head, order):
            return 64, order
    if head[4] in bits and head[5] in orders:
        return bits[head[4]], orders[head[5]]
    for known in sorted(KNOWN, key=lambda each: -each.bits):
        fits = bits.get(head[4], known.bits) == known.bits and orders.get(head[5], known.byte_order) == known.byte_order
        if fits and int.from_bytes(head[18:20], known.byte_order) == known.machine:
            return known.bits, known.byte_order
    return None


def _is_wide(head: bytes, byte_order: ByteOrder) -> bool:
    """Whether the sizes of its headers are those of 64 bits, in that order of bytes."""
    sizes = (int.from_bytes(head[place : place + 2], byte_order) for place in (52, 54))
    return [*sizes] == [64, 56]


def read_loader(content: Content, elf: ElfFile) -> ElfFile:
    """The same file as it sees itself when it is glibc's loader, which knows by its code where its dynamic section is,
    whatever PT_DYNAMIC says (`elf_machine_dynamic`). Where that leads to no tables, what looks like it is taken.
    """
    for segment in islice((each for each in elf.segments if each.writable), _LOADER_SEGMENTS):
        data = file_bytes(content, segment.offset, min(segment.file_size, _LOADER_DATA_LIMIT))
        for place in range(-segment.address % elf.word_size, len(data), elf.word_size):
            tags = dict(islice(_entries(data[place : place + _LOADER_DYNAMIC], elf), _LOADER_ENTRIES))
            found = read_elf(content, segment.address + place) if has_tables(tags) else None
            if isinstance(found, ElfFile):
                return found
    return elf


def has_tables(tags: Collection[int]) -> bool:
    """Whether dynamic entries with these tags lead to symbols, to their names, and from names to them."""
    return {Tag.SYMTAB, Tag.STRTAB, Tag.STRSZ} <= {*tags} and bool({Tag.HASH, Tag.GNU_HASH} & {*tags})


def _read_header(head: bytes, size: int, bits: Literal[32, 64], byte_order: ByteOrder) -> ElfFile:
    wide = bits == 64
    prefix = "<" if byte_order == "little" else ">"
    kind, machine, version = struct.unpack_from(f"{prefix}HHI", head, 16)
    flags, header_size, entry_size, count = struct.unpack_from(f"{prefix}IHHH", head, 48 if wide else 36)
    return ElfFile(
        ident=head[:16],
        bits=bits,
        byte_order=byte_order,
        type=kind,
        machine=machine,
        version=version,
        flags=flags,
        header_entry_size=entry_size,
        header_count=count,
        header_size=header_size,
        size=size,
    )


def _program_headers(content: Content, elf: ElfFile, head: bytes) -> tuple[list[_ProgramHeader], str | None]:
    """The program headers, and what is wrong with them."""
    layout = struct.Struct(elf.prefix + ("IIQQQQQQ" if elf.bits == 64 else "IIIIIIII"))
    if elf.header_count == 0:
        return [], None
    if elf.header_entry_size != layout.size:
        return [], "ELF file's phentsize not the expected size"
    (start,) = struct.unpack_from(elf.prefix + ("Q" if elf.bits == 64 else "I"), head, 32 if elf.bits == 64 else 28)
    length = elf.header_count * layout.size
    if start + length > content.size:
        return [], CANNOT_READ
    if length > _HEADERS_LIMIT:
        return (
            [],
            f"it has more program headers than any real object: {elf.header_count} (limit {_HEADERS_LIMIT} bytes)",
        )
    data = head[start : start + length] if start + length <= len(head) else file_bytes(content, start, length)
    if len(data) != length:
        return [], CANNOT_READ
    headers = []
    for fields in layout.iter_unpack(data):
        if elf.bits == 64:
            kind, flags, offset, address, _, file_size, memory_size, alignment = fields
        else:
            kind, offset, address, _, file_size, memory_size, flags, alignment = fields
        headers.append(_ProgramHeader(kind, flags, offset, address, file_size, memory_size, alignment))
    return headers, None


def _read_segments(
    content: Content,
    elf: ElfFile,
    headers: Sequence[_ProgramHeader],
    fault: str | None,
    dynamic: int | None,
    rest: Rest,
) -> ElfFile:
    segments = tuple(
        Segment(
            header.offset,
            header.address,
            _mapped_size(header, rest),
            header.memory_size,
            header.flags,
            header.alignment,
        )
        for header in headers
        if header.kind == _PT_LOAD
    )
    # What is missing of the last page reads as zeros; a page that is wholly missing can't be touched (mmap(2)).
    mappable = page_up(elf.size)
    loads = [header for header in headers if header.kind == _PT_LOAD and header.file_size]
    if any(header.offset + header.file_size > mappable for header in loads):
        fault = fault or "a segment reaches beyond the end of the file"
    interpreter, interpreter_fault = _interpreter(content, headers)
    try:
        notes = _notes(content, headers, elf.prefix)
        note_outside = _note_outside(content, headers, elf)  # of no more than those
    except Unreadable as unreadable:
        notes, note_outside, fault = Notes(), False, fault or str(unreadable)
    last = {header.kind: header for header in headers}  # of several the last, as glibc takes it
    stack, tls, relro = last.get(_PT_GNU_STACK), last.get(_PT_TLS), last.get(_PT_GNU_RELRO)
    elf = replace(
        elf,
        segments=segments,
        interpreter=interpreter,
        interpreter_fault=interpreter_fault,
        property_fault=_property_fault(content, elf, last.get(_PT_GNU_PROPERTY)),
        stack_flags=None if stack is None else stack.flags,
        tls_size=0 if tls is None else tls.memory_size,
        tls_alignment=0 if tls is None else tls.alignment,
        tls_image_size=0 if tls is None else tls.file_size,
        relro=(0, 0) if relro is None else (relro.address, relro.memory_size),
        abi=notes.abi,
        note_outside=note_outside,
        build_id=notes.build_id,
        dlopen=notes.dlopen,
        x86_isa_needed=notes.x86_isa_needed if elf.machine == Machine.X86_64 else 0,
        fault=fault,
    )
    memory = Memory(content, segments)
    return _read_dynamic(memory, elf, headers) if dynamic is None else _with_dynamic(memory, elf, dynamic, 1)


def _interpreter(content: Content, headers: Sequence[_ProgramHeader]) -> tuple[str | None, str | None]:
    """PT_INTERP's path, of several the first as the kernel takes it, and why the kernel would not."""
    header = next((header for header in headers if header.kind == _PT_INTERP), None)
    if header is None:
        return None, None
    data = file_bytes(content, header.offset, min(header.file_size, _PATH_MAX))
    path = data.partition(b"\0")[0].decode("utf-8", "surrogateescape")
    if not 2 <= header.file_size <= _PATH_MAX or len(data) != header.file_size or not data.endswith(b"\0"):
        return path, "the interpreter's path is empty, too long or has no end"
    return path, None


def _property_fault(content: Content, elf: ElfFile, header: _ProgramHeader | None) -> str:
    """What the one kernel that looks there finds wrong."""
    if header is None or elf.machine != Machine.AARCH64 or elf.bits != 64:
        return ""
    return property_fault(file_bytes(content, header.offset, header.file_size), header.file_size, elf.prefix)


def _notes(content: Content, headers: Sequence[_ProgramHeader], prefix: str) -> Notes:
    """The notes of all PT_NOTE segments. Raises `Unreadable` where they are more than any real object has."""
    found = [header for header in headers if header.kind == _PT_NOTE and header.file_size]
    length = sum(min(header.file_size, content.size) for header in found)
    if length > _NOTES_LIMIT and found:
        raise Unreadable(f"it has more notes than any real object: {length} bytes (limit {_NOTES_LIMIT})")
    parts = [(file_bytes(content, header.offset, header.file_size), header.alignment) for header in found]
    return read_notes(parts, prefix)


def _note_outside(content: Content, headers: Sequence[_ProgramHeader], elf: ElfFile) -> bool:
    """Whether who looks for the ABI note comes to one that can't be read (`open_verify` of glibc before 2.36). Where an
    end wraps it lies among what was read at first, and so the note, which is none then.
    """
    for header in headers:
        if header.kind != _PT_NOTE or header.file_size < _ABI_NOTE_SIZE or header.alignment not in _NOTE_ALIGNMENTS:
            continue
        if (header.offset + header.file_size) % (1 << elf.bits) > content.size:
            return True
        data = file_bytes(content, header.offset, header.file_size)
        with suppress(Unreadable):
            if read_notes([(data, header.alignment)], elf.prefix).abi is not None:
                return False
    return False


def _read_dynamic(memory: Memory, elf: ElfFile, headers: Sequence[_ProgramHeader]) -> ElfFile:
    """The file with what PT_DYNAMIC, of several the last, leads to."""
    header = next((header for header in reversed(headers) if header.kind == _PT_DYNAMIC), None)
    if header is None:
        return elf
    return _with_dynamic(memory, elf, header.address, header.file_size)


def _with_dynamic(memory: Memory, elf: ElfFile, address: int, size: int) -> ElfFile:
    # Loaders go by the entry that ends it, not by the size (`elf_get_dynamic_info` of glibc, `decode_vec` of musl).
    data = memory.read(address, _DYNAMIC_LIMIT)
    elf = replace(elf, dynamic_size=size)
    if not data:
        fault = elf.fault or "the dynamic section lies outside the loaded segments"
        return replace(elf, is_dynamic=True, fault=fault)
    tags = tuple(_entries(data, elf))
    elf = replace(elf, is_dynamic=True, tags=tags, last_tags=MappingProxyType(dict(tags)))
    try:
        return _read_versions(memory, _read_entries(memory, elf))
    except Unreadable as unreadable:
        return replace(elf, fault=elf.fault or str(unreadable))


def _entries(data: bytes, elf: ElfFile) -> Iterator[tuple[int, int]]:
    layout = struct.Struct(elf.prefix + ("qQ" if elf.bits == 64 else "iI"))
    for tag, value in layout.iter_unpack(data[: len(data) // layout.size * layout.size]):
        if tag == Tag.NULL:
            return
        yield tag, value


def _read_entries(memory: Memory, elf: ElfFile) -> ElfFile:
    strings = dynamic_strings(memory, elf, _NAMES_LIMIT)

    def texts(tag: int) -> tuple[str, ...]:
        return tuple(strings.text_at(value) for number, value in elf.tags if number == tag)

    def last_text(tag: int) -> str | None:
        value = elf.tag(tag)
        return None if value is None else strings.text_at(value)

    flags = elf.tag(Tag.FLAGS) or 0
    flags_1 = elf.tag(Tag.FLAGS_1) or 0
    needed, filters, auxiliaries = texts(Tag.NEEDED), texts(Tag.FILTER), texts(Tag.AUXILIARY)
    return replace(
        elf,
        needed=needed,
        soname=last_text(Tag.SONAME),
        rpath=last_text(Tag.RPATH),
        runpath=last_text(Tag.RUNPATH),
        filters=filters,
        auxiliaries=auxiliaries,
        bind_now=elf.tag(Tag.BIND_NOW) is not None or bool(flags & _DF_BIND_NOW) or bool(flags_1 & _DF_1_NOW),
        nodeflib=bool(flags_1 & _DF_1_NODEFLIB),
        noopen=bool(flags_1 & _DF_1_NOOPEN),
        pie=bool(flags_1 & _DF_1_PIE),
    )


def _read_versions(memory: Memory, elf: ElfFile) -> ElfFile:
    need, definition = elf.tag(Tag.VERNEED), elf.tag(Tag.VERDEF)
    if need is None and definition is None:
        return elf
    strings = dynamic_strings(memory, elf, _NAMES_LIMIT)
    try:
        return replace(
            elf,
            needs=() if need is None else read_needs(Window(memory, need), strings, elf.prefix),
            definitions=() if definition is None else read_definitions(Window(memory, definition), strings, elf.prefix),
        )
    except Unreadable as unreadable:
        return replace(elf, fault=elf.fault or f"symbol versions: {unreadable}")


def dynamic_strings(memory: Memory, elf: ElfFile, limit: int = TEXT_LIMIT) -> Strings:
    """The string table that the dynamic entries name; `limit`: bytes of what is taken from it."""
    return Strings(memory, elf.tag(Tag.STRTAB) or 0, elf.tag(Tag.STRSZ) or 0, limit)
