"""Thread-local storage that a library asks for at a fixed place, when it is loaded while the program runs.

A relocation of the initial-exec model wants its variable in the block that each thread got at its start. glibc keeps
some bytes of that block spare for such libraries (`_dl_try_allocate_static_tls` in its dl-reloc.c), musl none
(`do_relocs` in its dynlink.c).
"""

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence

from auditor.budget import Count, uncounted
from auditor.elf.model import Loader, LoadFault, LoadNotice, LoadProblem, NoticeKind
from auditor.elf.read.file import Tag, dynamic_strings
from auditor.elf.read.memory import Unreadable
from auditor.elf.read.relocations import thread_offset_symbols
from auditor.elf.search.mapped import Mapped

Offers = Callable[[Mapped, tuple[bytes, ...]], bool]

_STB_LOCAL = 0
# What glibc keeps by default, and its parts (rtld_static_tls_surplus in its dl-tls.c; ld.so's tunables of these names).
_NAMESPACES, _OPTIONAL = 4, 512
_OF_LIBC, _OF_OTHERS = 192, 144
_TCB_ALIGNMENT = 64
_TUNABLES = "GLIBC_TUNABLES"


def static_tls(
    loader: Loader,
    offers: Offers,
    new: Sequence[Mapped],
    scope: Sequence[Mapped],
    env: Mapping[str, str],
    count: Count = uncounted,
) -> Iterator[LoadProblem | LoadNotice]:
    """Why objects that dlopen(3) mapped don't get the storage that they ask for; nothing where they do.

    `new` are those objects, `scope` where their symbols are looked up, `env` what the program was started with.
    Storage that libraries took that were loaded before isn't counted. `count` is told how many relocations are read.
    """
    with_storage = [mapped for mapped in new if mapped.elf.tls_size]
    if loader is Loader.GLIBC:
        surplus = _surplus(env)
        if sum(_block(mapped) for mapped in with_storage) <= surplus:
            return
        yield from _beyond(
            surplus,
            list(dict.fromkeys(owner for _, _, owner in _asked(with_storage, new, scope, offers, count))),
            scope,
        )
        return
    for mapped, name, owner in _asked(with_storage, new, scope, offers, count):
        reason = f"initial-exec TLS resolves to dynamic definition in {owner.path}"
        message = f"Error relocating {mapped.path}: {name}: {reason}"
        yield LoadProblem(LoadFault.ELF_MALFORMED, mapped.real_path, name, message)
        return


def _beyond(surplus: int, owners: Sequence[Mapped], scope: Sequence[Mapped]) -> Iterator[LoadProblem | LoadNotice]:
    """What is left is the surplus, and what aligning the program's own storage adds to it."""
    needed = sum(_block(owner) for owner in owners)
    slack = max((_TCB_ALIGNMENT, *(mapped.elf.tls_alignment for mapped in scope if mapped not in owners)))
    if needed > surplus + slack:
        message = f"{owners[-1].path}: cannot allocate memory in static TLS block"
        yield LoadProblem(LoadFault.ELF_MALFORMED, owners[-1].real_path, "", message)
    elif needed > surplus:
        message = f"it asks for {needed} bytes of static TLS, about as many as the loader keeps spare"
        yield LoadNotice(NoticeKind.UNKNOWN, owners[-1].real_path, "", message)


def _block(mapped: Mapped) -> int:
    step = max(mapped.elf.tls_alignment, 1)
    return -(-mapped.elf.tls_size // step) * step


def _surplus(env: Mapping[str, str]) -> int:
    tunables = dict(entry.partition("=")[::2] for entry in env.get(_TUNABLES, "").split(":"))
    namespaces = _number(tunables.get("glibc.rtld.nns"), _NAMESPACES)
    optional = _number(tunables.get("glibc.rtld.optional_static_tls"), _OPTIONAL)
    return (namespaces - 1) * _OF_LIBC + namespaces * _OF_OTHERS + optional


def _number(text: str | None, default: int) -> int:
    return int(text) if text and text.isdecimal() and len(text) < 10 else default


def _asked(
    with_storage: Sequence[Mapped], new: Sequence[Mapped], scope: Sequence[Mapped], offers: Offers, count: Count
) -> Iterator[tuple[Mapped, str, Mapped]]:
    """Each variable that some object wants at a fixed place: that object, the name, and the owner of the storage."""
    for mapped in new if with_storage else ():
        for name in _wanted(mapped, count):
            owner = mapped if not name else next((each for each in scope if offers(each, (name,))), None)
            if owner is not None and owner in with_storage:
                yield mapped, name.decode("utf-8", "surrogateescape"), owner


def _wanted(mapped: Mapped, count: Count) -> Iterator[bytes]:
    """The names of the variables; b"" for the object's own."""
    elf, node = mapped.elf, mapped.stored.node
    assert node is not None and node.content is not None  # an ElfFile was read from it
    memory = elf.memory(node.content)
    layout = struct.Struct(elf.prefix + ("IB19x" if elf.bits == 64 else "I8xB3x"))
    strings = None
    for number in sorted(thread_offset_symbols(node.content, elf, count)):
        try:
            record = memory.read_exactly((elf.tag(Tag.SYMTAB) or 0) + number * layout.size, layout.size)
            name, info = layout.unpack(record)
            strings = strings or dynamic_strings(memory, elf)
            yield b"" if number == 0 or info >> 4 == _STB_LOCAL else strings.at(name)
        except Unreadable:
            return  # told as the fault of its symbol table
