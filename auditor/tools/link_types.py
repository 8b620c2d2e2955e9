"""Which kinds of network links an `ip` program knows by name."""

import re
from collections.abc import Iterable

from auditor.elf.read.file import NotElf, read_elf
from auditor.filetree import Content
from auditor.tools.loaded import Loaded, load


def known_link_types(content: Content, names: Iterable[str]) -> tuple[str, ...]:
    """Those of `names` that the program holds as strings of their own, in the given order; none for what is no ELF.

    `ip link add type NAME` looks up a `struct link_util` whose `id` points to that string (iproute2's ip/iplink.c). A
    linker may store a string as the end of a longer one; then a pointer to it shows that it is one.
    """
    elf = read_elf(content)
    if isinstance(elf, NotElf):
        return ()
    loaded = load(content, elf)
    return tuple(name for name in names if name and _holds(loaded, name.encode("utf-8", "surrogateescape")))


def _holds(loaded: Loaded, text: bytes) -> bool:
    if text in loaded.strings:
        return True
    places = (address for address, _ in loaded.matches(re.compile(re.escape(text) + rb"\0")))
    return any(True for _ in loaded.pointers_to(places))
