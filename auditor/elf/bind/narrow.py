"""Relocations with room for less than an address: whether what they are to hold fits (`elf_machine_rela` of glibc's
powerpc64/dl-machine.h). No compiler makes them for what a loader does; a damage of a type's lowest bits does.
"""

from collections.abc import Sequence

from auditor.elf.bind.lookup import Binder, content_of
from auditor.elf.read.file import FileType
from auditor.elf.read.memory import Unreadable
from auditor.elf.read.relocation_use import PPC64_ADDR30, Narrow
from auditor.elf.read.symbols import STT_GNU_IFUNC, SymbolTable, key
from auditor.elf.search.mapped import Mapped

_NAMES = {PPC64_ADDR30: "R_PPC64_ADDR30"}
_OTHER = "R_PPC64_ADDR16_LO_DS"
_REACH = 1 << 31  # bytes in both directions
_NEAR = 1 << 30  # libraries that are mapped one after another are not further apart than that
_WRAP = 1 << 64


def narrow_fault(binder: Binder, mapped: Mapped, scope: Sequence[Mapped], *, lazily: bool) -> str:
    """The loader's words of the first that doesn't fit; "" where all do."""
    asked = [each for each in binder.references(mapped).relocations.narrow if not (lazily and each.call)]
    if not asked:
        return ""
    table = SymbolTable(mapped.elf.memory(content_of(mapped)), mapped.elf)
    for each in asked:
        try:
            fits = _fits(each, *_target(binder, table, each, mapped, scope), mapped)
        except Unreadable as unreadable:
            return str(unreadable)
        if not fits:
            return f"{_NAMES.get(each.kind, _OTHER)} reloc at {each.offset:#x} out of range of where its symbol lies"
    return ""


def _target(
    binder: Binder, table: SymbolTable, asked: Narrow, mapped: Mapped, scope: Sequence[Mapped]
) -> tuple[Mapped | None, int | None]:
    """The object that the symbol lies in (None: a weak one that nobody has), and where in it; None where that is told
    by its code.
    """
    row = table.row(asked.symbol)
    if asked.symbol == 0 or row.info >> 4 == 0 or not row.bound_outside:
        return mapped, row.value
    wanted = key(*table.looked_up(asked.symbol))
    provider = binder.provider(wanted, mapped, scope, call=asked.call)
    found = provider and binder.definitions(provider).find(wanted, call=asked.call)
    if not found:
        return None, 0
    return provider, None if found.type == STT_GNU_IFUNC else found.value


def _fits(asked: Narrow, provider: Mapped | None, value: int | None, mapped: Mapped) -> bool:
    if value is None:
        return True
    target = value + asked.addend
    if asked.kind != PPC64_ADDR30:
        return target % 4 == 0
    distance = (target - asked.offset + _REACH) % _WRAP - _REACH
    if distance % 4:
        return False
    moved = any(each is not None and each.elf.type == FileType.DYN for each in (provider, mapped))
    if provider is mapped or not moved:
        return distance < _REACH
    libraries = provider is not None and "program" not in (provider.found_by, mapped.found_by)
    return libraries and abs(distance) < _NEAR
