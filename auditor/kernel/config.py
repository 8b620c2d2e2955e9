"""A kernel's config: the CONFIG symbols that it was built with (the kernel's Documentation/kbuild/kconfig.rst)."""

import re
from dataclasses import dataclass, field

from auditor.kernel.version import Version, release_version

_VALUE = re.compile(r"^CONFIG_(\w+)=(.*)$|^# CONFIG_(\w+) is not set$", re.MULTILINE)
_HEADER = re.compile(r"^# Linux(?:/(\S+)| kernel version:) ([0-9]\S*)(?: Kernel Configuration)?$", re.MULTILINE)
_HEADER_SPAN = 4096  # characters; the header is in the first lines
# Kconfig asks for these in every kernel, early, late and last: a file that lacks one is a piece of a config.
_ASKED_ALWAYS = frozenset({"NET", "CRYPTO", "DEBUG_KERNEL"})


@dataclass(frozen=True)
class Config:
    """The symbols of one kernel, without `CONFIG_`: `y`, `m`, a value as it is written, or `n` for "is not set".

    `version` is the one that Kconfig wrote into the header, `()` where there is no header. `complete` tells whether
    a symbol that the file doesn't mention is one that isn't set: only of a whole file as Kconfig writes it.
    """

    version: Version
    complete: bool
    architecture: str
    values: dict[str, str] = field(repr=False)

    def state(self, symbol: str) -> str | None:
        """The symbol's value; `n` where it isn't set; None where an incomplete config doesn't mention it."""
        return self.values.get(symbol, "n" if self.complete else None)

    def mentions(self, symbol: str) -> bool:
        """Whether the file has a line on the symbol, be it that it is not set."""
        return symbol in self.values

    def text(self, symbol: str) -> str | None:
        """A string symbol's text without its quotes; None where the file has none."""
        value = self.values.get(symbol, "")
        return value[1:-1] if len(value) >= 2 and value[0] == value[-1] == '"' else None


def parse_config(data: bytes) -> Config | None:
    """Read a config's uncompressed bytes; None where they hold no CONFIG symbol."""
    if b"\0" in data:
        return None
    text = data.decode("utf-8", "replace")
    values = {match[1] or match[3]: match[2] if match[1] else "n" for match in _VALUE.finditer(text)}
    if not values:
        return None
    header = _HEADER.search(text[:_HEADER_SPAN])
    # A copy that was cut short ends within a line, or leaves out what comes last.
    complete = header is not None and text.endswith("\n") and values.keys() >= _ASKED_ALWAYS
    version = release_version(header[2]) if header is not None else ()
    return Config(version, complete, _architecture(values), values)


def _architecture(values: dict[str, str]) -> str:
    def has(symbol: str) -> bool:
        return values.get(symbol) == "y"

    if has("X86_64"):
        return "amd64"
    if has("X86_32"):
        return "386"
    if has("ARM64"):
        return "arm64"
    if has("PPC64"):
        return "ppc64le" if has("CPU_LITTLE_ENDIAN") else "ppc64"
    if has("S390"):
        return "s390x"
    if has("RISCV"):
        return "riscv64" if has("64BIT") else ""
    if has("LOONGARCH"):
        return "loong64" if has("64BIT") else ""
    return "arm" if has("ARM") else ""
