"""Which kinds of network links an `ip` program knows by name."""

from collections.abc import Iterable

from auditor.elf.file import NotElf, read_elf
from auditor.filetree import Content
from auditor.tools.loaded import load


def known_link_types(content: Content, names: Iterable[str]) -> tuple[str, ...]:
    """Those of `names` that the program holds as whole strings, in the given order; none for what is no ELF.

    `ip link add type NAME` looks up a `struct link_util` whose `id` is that string (iproute2's ip/iplink.c).
    """
    elf = read_elf(content)
    if isinstance(elf, NotElf):
        return ()
    strings = load(content, elf).strings
    return tuple(name for name in names if name.encode("utf-8", "surrogateescape") in strings)
