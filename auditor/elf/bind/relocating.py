"""Why a loader would refuse to relocate an object, beyond symbols that are missing: `elf_get_dynamic_info` in glibc's
get-dynamic-info.h, its dynamic-link.h and do-rel.h, `elf_machine_rela` of its dl-machine.h; `do_relocs` in musl's
dynlink.c. Which types each loader knows was asked of the loaders themselves, one type after another.
"""

from auditor.elf.model import Loader
from auditor.elf.read.file import ElfFile, Tag
from auditor.elf.read.memory import page_down, page_up
from auditor.elf.read.relocation_use import RelocationUse
from auditor.elf.read.relocations import RELATIVE
from auditor.machine import Machine

_BIND_NOW = 8  # DF_BIND_NOW
_NOW = 1  # DF_1_NOW
_NOT_PROTECTED = "cannot apply additional memory protection after relocation: Cannot allocate memory"
_STORAGE_LIMIT = 1 << 30  # bytes of thread-local storage; for more it depends on the machine whether it can be had

# glibc 2.31 to 2.41, 64 bit.
_GLIBC_TYPES: dict[int, frozenset[int]] = {
    Machine.X86_64: frozenset((0, 1, 2, 5, 6, 7, 8, 10, 16, 17, 18, 32, 33, 36, 37, 38)),
    Machine.AARCH64: frozenset((0, 257, 258, *range(1024, 1033))),
    # Without those of less than 64 bits that are out of range for any address of a process.
    Machine.PPC64: frozenset(
        (
            0,
            4,
            *range(19, 23),
            24,
            26,
            *range(37, 45),
            57,
            68,
            *range(70, 74),
            78,
            *range(96, 101),
            *range(110, 114),
            247,
            248,
        )
    ),
    Machine.S390: frozenset((0, 1, 3, 4, 5, 9, 10, 11, 12, 16, 17, 19, 22, 23, 54, 55, 56, 61)),
}
# What a PLT's relocations may be, where they wait for the first call (`elf_machine_lazy_rel`).
_LAZY_TYPES: dict[int, frozenset[int]] = {
    Machine.X86_64: frozenset((7, 36, 37)),
    Machine.AARCH64: frozenset((1026, 1031, 1032)),
    Machine.S390: frozenset((11, 61)),
    Machine.PPC64: frozenset((21, 248)),
}
# Machines that look at no PLT relocation before a call of it (`_dl_fixup` in glibc's dl-runtime.c).
_LOOKS_WHEN_CALLED = frozenset((Machine.PPC64,))
# musl 1.1 to 1.2 (its arch/*/reloc.h).
_MUSL_TYPES: dict[int, frozenset[int]] = {
    Machine.X86_64: frozenset((0, 1, 2, 5, 6, 7, 8, 16, 17, 18, 36)),
    Machine.AARCH64: frozenset((0, 257, 1024, 1025, 1026, 1027, 1028, 1029, 1030, 1031)),
}
_CHECKS_COUNTED = frozenset((Machine.X86_64,))  # whose loader asserts that the counted ones are relative
_RELA_ONLY = frozenset((Machine.X86_64, Machine.AARCH64, Machine.PPC64, Machine.S390, Machine.RISCV, Machine.LOONGARCH))


def relocation_fault(loader: Loader, elf: ElfFile, use: RelocationUse, *, lazily: bool, is_loader: bool = False) -> str:
    """The loader's words; "" where it goes on. `is_loader`: the object is the loader itself."""
    if loader is Loader.MUSL:
        kinds = use.kinds | use.calls | use.counted
        return (
            _storage_fault(elf, "Error getting so many bytes thread-local storage: Out of memory")
            or _protection_fault(elf, "RELRO protection failed: Out of memory")
            or _unknown(kinds, _MUSL_TYPES.get(_key(elf)), "unsupported relocation type {}")
        )
    known = _GLIBC_TYPES.get(_key(elf))
    calls, words = known, "unexpected reloc type {:#04x}"
    if lazily:
        calls, words = _LAZY_TYPES.get(_key(elf), known), "unexpected PLT reloc type {:#04x}"
        if elf.machine in _LOOKS_WHEN_CALLED:
            words = _inconsistency("ELFW(R_TYPE)(reloc->r_info) == ELF_MACHINE_JMP_SLOT")
    return (
        _storage_fault(elf, "cannot allocate TLS data structures for initial thread")
        or _protection_fault(elf, _NOT_PROTECTED)
        or _asserted(elf, is_loader=is_loader)
        or _not_relative(elf, use)
        or _unknown(use.kinds, known, "unexpected reloc type {:#04x}")
        or _unknown(use.calls, calls, words)
    )


def target_fault(elf: ElfFile, use: RelocationUse) -> str:
    """Words for a relocation that writes where nothing of the object may be written: no loader survives it, unless what
    happens to lie behind the object may be.
    """
    if use.outside is None:
        return ""
    low, high = _span(elf)
    if low <= use.outside < high:
        return f"a relocation writes to {use.outside:#x}, outside every writable segment"
    return f"a relocation writes to {use.outside:#x}, beyond the memory of the object"


def _protection_fault(elf: ElfFile, words: str) -> str:
    """What is read-only after relocation must be mapped (`_dl_protect_relro` in glibc's dl-reloc.c, `reloc_all` in
    musl's dynlink.c).
    """
    address, size = elf.relro
    start, end = page_down(address), page_down((address + size) % (1 << elf.bits))
    low, high = _span(elf)
    if not size or start == end or low <= start < end <= high:
        return ""
    return f"{words} (what is asked for lies beyond the memory of the object)" if start < end else words


def _span(elf: ElfFile) -> tuple[int, int]:
    """The pages from the first segment to the last."""
    low = min((each.address for each in elf.segments), default=0)
    high = max((each.address + each.memory_size for each in elf.segments), default=0)
    return page_down(low), page_up(high)


def _storage_fault(elf: ElfFile, words: str) -> str:
    """Each thread's storage is one piece of memory, that of the first thread is taken at the start (`init_tls` in
    glibc's rtld.c, `__dls3` in musl's dynlink.c); near the end of memory its size wraps.
    """
    if not elf.tls_size or max(elf.tls_size, elf.tls_alignment) <= _STORAGE_LIMIT:
        return ""
    what = f"{elf.tls_size:#x} bytes aligned to {elf.tls_alignment:#x} are more storage than any real object has"
    return f"{words} ({what})"


def _key(elf: ElfFile) -> int:
    """The machine, where it has 64 bits; x32 and 32-bit S/390 have the number of another."""
    return elf.machine if elf.bits == 64 else 0


def _asserted(elf: ElfFile, *, is_loader: bool) -> str:
    """What the loader takes for granted, and ends with `Inconsistency detected by ld.so` where it isn't so."""
    expected = {Tag.RELRENT: elf.word_size} if elf.tag(Tag.RELR) is not None else {}
    if elf.machine in _RELA_ONLY:
        if elf.tag(Tag.RELA) is not None:
            expected[Tag.RELAENT] = 3 * elf.word_size
        if elf.tag(Tag.PLTREL) is not None:
            expected[Tag.PLTREL] = Tag.RELA
    elif elf.machine == Machine.I386:
        if elf.tag(Tag.REL) is not None:
            expected[Tag.RELENT] = 2 * elf.word_size
        if elf.tag(Tag.PLTREL) is not None:
            expected[Tag.PLTREL] = Tag.REL
    if elf.tls_size and elf.tls_image_size > elf.tls_size:
        return _inconsistency("map->l_tls_blocksize >= map->l_tls_initimage_size")
    for tag, value in expected.items():
        if elf.tag(tag) is not None and elf.tag(tag) != value:
            return _inconsistency(f"info[DT_{tag.name}]->d_un.d_val == {value}")
    if is_loader and (elf.tag(Tag.FLAGS) or 0) & ~_BIND_NOW:
        return _inconsistency("info[DT_FLAGS] == NULL || (info[DT_FLAGS]->d_un.d_val & ~DF_BIND_NOW) == 0")
    if is_loader and (elf.tag(Tag.FLAGS_1) or 0) & ~_NOW:
        return _inconsistency("info[DT_FLAGS_1] == NULL || (info[DT_FLAGS_1]->d_un.d_val & ~DF_1_NOW) == 0")
    if is_loader and (elf.tag(Tag.RUNPATH) is not None or elf.tag(Tag.RPATH) is not None):
        return _inconsistency("info[DT_RUNPATH] == NULL")
    return ""


def _not_relative(elf: ElfFile, use: RelocationUse) -> str:
    relative = RELATIVE.get(elf.machine)
    if relative is None or use.counted <= {relative}:
        return ""
    if elf.machine in _CHECKS_COUNTED:
        return _inconsistency("elf_machine_rela_relative: ELFW(R_TYPE) (reloc->r_info) == R_X86_64_RELATIVE")
    return "relocations that are not relative are counted as relative ones: what they ask for is never looked up"


def _unknown(kinds: set[int], known: frozenset[int] | None, words: str) -> str:
    strange = set() if known is None else kinds - known
    return words.format(min(strange)) if strange else ""


def _inconsistency(condition: str) -> str:
    return f"Inconsistency detected by ld.so: Assertion `{condition}' failed!"
