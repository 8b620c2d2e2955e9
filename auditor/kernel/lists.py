"""The lists beside a kernel's modules: modules.dep, .builtin, .order, .alias (modules.dep(5), kbuild.rst)."""

import re

from auditor.kernel.names import module_file, module_name

# Names that programs ask for hold no colon, and what pci:, usb:, of:, … stand for does: those lines are left out.
_ALIAS = re.compile(r"^alias[ \t]+([^\s:]+)[ \t]+(\S+)[ \t]*$", re.MULTILINE)
_LISTED = re.compile(r"([^/.\s][^/.\n]*)(?:\.[^/\n]*)?$", re.MULTILINE)
_WILDCARDS = frozenset("*?[")


def parse_dep(data: bytes) -> dict[str, tuple[str, str]]:
    """`modules.dep`: path and compression of each module that depmod saw, by name; paths as they are written."""
    found: dict[str, tuple[str, str]] = {}
    for line in _text(data).splitlines():
        path, colon, _ = line.partition(":")
        file = module_file(path) if colon else None
        if file is not None:
            found[file[0]] = (path, file[1])
    return found


def parse_names(data: bytes) -> frozenset[str]:
    """`modules.builtin` and `modules.order`: the names of the modules that are listed.

    The paths end in `.ko` whatever the files are compressed with (and in `.o` in modules.order of a build tree).
    """
    return frozenset(map(module_name, _LISTED.findall(_text(data))))


class AliasTable:
    """`modules.alias`: which modules answer to a name."""

    def __init__(self, data: bytes) -> None:
        self._exact: dict[str, list[str]] = {}
        self._patterns: list[tuple[str, str]] = []
        for pattern, module in _ALIAS.findall(_text(data)):
            if _WILDCARDS.isdisjoint(pattern):
                self._exact.setdefault(module_name(pattern), []).append(module_name(module))
            else:
                self._patterns.append((module_name(pattern), module_name(module)))

    def modules(self, name: str) -> tuple[str, ...]:
        """Names of the modules that answer to `name`, patterns last (fnmatch(3), as libkmod matches them)."""
        from fnmatch import fnmatchcase  # noqa: PLC0415 - few tables hold a pattern without a colon

        wanted = module_name(name)
        matching = (module for pattern, module in self._patterns if fnmatchcase(wanted, pattern))
        return tuple(dict.fromkeys([*self._exact.get(wanted, ()), *matching]))


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")
