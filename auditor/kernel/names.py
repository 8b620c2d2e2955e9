"""Names of modules and of their files, as kmod reads them."""

import re

_FILE = re.compile(r"(?:.*/)?([^/.][^/.]*)\.ko(?:\.(gz|xz|zst))?")
_INSIDE_BRACKETS = re.compile(r"(\[[^\]]*\])")


def module_name(text: str) -> str:
    """The name as the kernel has it: `-` and `_` are the same (modprobe(8)), but not inside `[…]` of a pattern."""
    if "-" not in text:
        return text
    parts = _INSIDE_BRACKETS.split(text)
    return "".join(part if part.startswith("[") else part.replace("-", "_") for part in parts)


def module_file(path: str) -> tuple[str, str] | None:
    """Name and compression ("", `gz`, `xz`, `zst`) of a module's file; None where the path is no module's."""
    match = _FILE.fullmatch(path)
    return None if match is None else (module_name(match[1]), match[2] or "")
