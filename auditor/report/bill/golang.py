"""The Go modules of an image, as syft's go-module cataloger lists them: each program's own, Go's, and the built-in."""

import re
from collections.abc import Iterable, Iterator

from packageurl import PackageURL

from auditor.inventory.model import GoProgram
from auditor.report.bill.model import ModuleEntry

_STANDARD_LIBRARY = "stdlib"
_WORKING_TREE = "(devel)"
_LINKED_VERSION = re.compile(r"-X[ =]['\"]?[\w./-]*\.[vV]ersion=(v?\d[\w.+-]*)")


def module_entries(programs: Iterable[GoProgram], prefix: str) -> tuple[ModuleEntry, ...]:
    """Every module at every version, once, by path and version."""
    found: dict[tuple[str, str], set[str]] = {}
    for program in programs:
        for module in _modules(program):
            found.setdefault(module, set()).add(program.path)
    return tuple(_entry(*module, tuple(sorted(paths)), prefix) for module, paths in sorted(found.items()))


def _modules(program: GoProgram) -> Iterator[tuple[str, str]]:
    yield _STANDARD_LIBRARY, program.version
    yield from _own(program)
    # Go before 1.18 leaves the version of a replacement in a folder out; later ones call it a working tree.
    yield from ((module.path, module.version or _WORKING_TREE) for module in program.modules)


def _own(program: GoProgram) -> Iterator[tuple[str, str]]:
    """The program's own module. A build of a working tree is `(devel)`; the release then shows in what it was linked
    with (`-X main.version=…`, as projects do), where the build tells that."""
    if program.module is None:
        return
    version = program.module.version
    linked = _LINKED_VERSION.search(program.settings.get("-ldflags", ""))
    if version in ("", _WORKING_TREE) and linked:
        version = f"v{linked[1].removeprefix('v')}"
    yield program.module.path, version or _WORKING_TREE


def _entry(path: str, version: str, programs: tuple[str, ...], prefix: str) -> ModuleEntry:
    purl = _purl(path, version)
    return ModuleEntry(f"{prefix}{purl or f'module:{path}@{version}'}", path, version, purl, programs)


def _purl(path: str, version: str) -> str:
    """Empty for what is no module path, above all the folder that stands in for a module: it is nobody's name."""
    if not all(word.strip(".") for word in path.split("/")):
        return ""
    namespace, _, name = path.rpartition("/")
    known = "" if version == _WORKING_TREE else version
    # purl-spec's golang type: a release of Go is a version of stdlib without the word.
    shown = known.removeprefix("go") if path == _STANDARD_LIBRARY else known
    return PackageURL("golang", namespace or None, name, shown or None).to_string()
