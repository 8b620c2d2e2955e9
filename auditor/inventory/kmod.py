"""The programs that load kernel modules from inside the container, and which compressed modules they can read."""

from collections.abc import Iterator
from fnmatch import fnmatchcase

from auditor.elf.linker import Linker
from auditor.elf.model import Closure
from auditor.elf.read.file import ElfFile
from auditor.filetree import FileTree
from auditor.inventory.model import Decoder, Kmod, ModprobePlace, ModuleLoader
from auditor.inventory.owners import Owners
from auditor.process.model import LaunchFault
from auditor.process.path import SearchPath, lookup, usable
from auditor.tools.project.kmod import COMPRESSIONS, KMOD, MODPROBE, KmodSigns, kmod_signs

#: Where kernels look for it: the kernel's own default, merged directories, and what distributions set.
PLACES = (
    "/sbin/modprobe",
    "/usr/sbin/modprobe",
    "/bin/modprobe",
    "/usr/bin/modprobe",
    "/usr/local/sbin/modprobe",
    "/usr/local/bin/modprobe",
    "/run/current-system/sw/bin/modprobe",
)
_HANDS_OVER_SINCE = (31,)  # kmod's NEWS: "Use in-kernel decompression if available"
_KMOD_LIBRARY = "libkmod.so.*"


def take_kmod(tree: FileTree, linker: Linker, owners: Owners, search: SearchPath) -> Kmod:
    """What the image has under the name `modprobe`, on PATH and in the places that kernels name."""
    places = tuple(_place(tree, path) for path in PLACES)
    found = lookup(tree, MODPROBE, search)
    on_path = found.real_path if found.path else ""
    paths = dict.fromkeys(path for path in (on_path, *(place.resolved_path for place in places)) if path)
    loaders = tuple(_loader(tree, linker, owners, path) for path in paths)
    return Kmod(on_path, places, loaders)


def _place(tree: FileTree, path: str) -> ModprobePlace:
    found = tree.find(path)
    fault = usable(found.node)
    if fault is None:
        return ModprobePlace(path, found.path)
    if fault is LaunchFault.NOT_EXECUTABLE:
        return ModprobePlace(path, "", f"{found.path} can't be executed")
    removals = [removal for removal in tree.removals(MODPROBE) if removal.path in (path, found.path)]
    layer = removals[-1].layer if removals else None
    if tree.lstat(path) is not None:
        return ModprobePlace(path, "", f"a dangling link to {found.path}", layer)
    return ModprobePlace(path, "", "not in the image", layer)


def _loader(tree: FileTree, linker: Linker, owners: Owners, path: str) -> ModuleLoader:
    node, elf = tree.find(path).node, linker.elf(path)
    layer = node.layer if node else None
    package = owners.label(path)
    if node is None or node.content is None or elf is None:
        script = node is not None and node.content is not None and node.content.read(0, 2) == b"#!"
        reason = "it is a script" if script else "it is no ELF file"
        return ModuleLoader(path, "script" if script else "other", None, layer, package, reason=reason)
    signs = kmod_signs(node.content, elf)
    evidence = signs.evidence(path)
    if signs.project != KMOD:
        reason = (
            f"it is an applet of {signs.project}, whose build doesn't tell which modules it reads"
            if signs.project
            else "it is not kmod's, so which modules it reads isn't known"
        )
        return ModuleLoader(path, signs.project or "other", None, layer, package, evidence=evidence, reason=reason)
    stops = [problem.message for problem in linker.closure(path).problems if problem.at_start]
    if stops:
        reason = f"it does not start: {stops[0]}"
        decoders = tuple(Decoder(kind, "none", usable=False, reason=reason) for kind in COMPRESSIONS)
        return ModuleLoader(path, KMOD, signs.version, layer, package, False, decoders, evidence, reason)
    return ModuleLoader(
        path=path,
        kind=KMOD,
        version=signs.version,
        layer=layer,
        package=package,
        hands_over=_hands_over(signs.version),
        decoders=tuple(_decoder(linker, path, elf, signs, kind) for kind in COMPRESSIONS),
        evidence=evidence,
    )


def _hands_over(version: str | None) -> bool | None:
    """Whether it leaves decompression to a kernel that can do it (finit_module(2), MODULE_INIT_COMPRESSED_FILE)."""
    return None if version is None else tuple(map(int, version.split("."))) >= _HANDS_OVER_SINCE


def _decoder(linker: Linker, path: str, elf: ElfFile, signs: KmodSigns, kind: str) -> Decoder:
    """How kmod reads modules of one compression. Only what it or its libkmod asks for counts: other libraries of its
    closure, such as libcrypto, may have the same needs for themselves."""
    _, stem = COMPRESSIONS[kind]
    closure = linker.closure(path)
    askers = [(path, elf), *_libkmod(linker, closure)]
    linked = next((name for _, asker in askers for name in asker.needed if fnmatchcase(name, f"{stem}.*")), None)
    built_with = signs.built_with(kind)
    if built_with is False:
        return Decoder(kind, "none", usable=False, reason=f"kmod was built without it ({' '.join(signs.features)})")
    if linked is not None:
        place = next((entry.path for entry in closure.objects if linked in (entry.name, entry.soname)), "")
        return Decoder(kind, "linked", bool(place), linked, place, "" if place else f"{linked} is not found")
    named = [
        (soname, asker_path)
        for asker_path, asker in askers
        for note in asker.dlopen
        for soname in note.sonames
        if fnmatchcase(soname, f"{stem}.*")
    ] or [(soname, path) for soname in signs.sonames if fnmatchcase(soname, f"{stem}.*")]
    if named:
        return _dlopened(linker, closure, kind, named)
    if built_with:
        return Decoder(kind, "built-in", usable=True)
    return Decoder(kind, "unknown", usable=None, reason="kmod doesn't say which compressions it was built to read")


def _libkmod(linker: Linker, closure: Closure) -> Iterator[tuple[str, ElfFile]]:
    for entry in closure.objects:
        if fnmatchcase(entry.soname or entry.name, _KMOD_LIBRARY):
            library = linker.elf(entry.real_path)
            if library is not None:
                yield entry.real_path, library


def _dlopened(linker: Linker, closure: Closure, kind: str, named: list[tuple[str, str]]) -> Decoder:
    """The first of the libraries that dlopen(3) would open and load, called by the object that names it."""
    reasons = []
    for soname, caller in named:
        place = linker.locate(closure, soname, caller)
        if place is None:
            reasons.append(f"{soname} is not found")
            continue
        problems = linker.plugin(closure, place, caller).problems
        if not problems:
            return Decoder(kind, "dlopen", usable=True, library=soname, path=place)
        reasons.append(f"{place} does not load: {problems[0].message}")
    return Decoder(kind, "dlopen", usable=False, library=named[0][0], reason="; ".join(dict.fromkeys(reasons)))
