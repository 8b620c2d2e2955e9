"""The xtables extensions that each flavour of iptables finds, and whether they load there."""

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase

from auditor.elf.linker import Linker
from auditor.elf.model import Closure, LoadedObject
from auditor.elf.read.file import ElfFile
from auditor.filetree import FileKind, FileTree
from auditor.inventory.model import LoadableExtension, Tool
from auditor.tools.extensions import built_in_extensions, file_beside, search_extensions
from auditor.tools.model import Extension
from auditor.tools.project.xtables import PLUGIN_PREFIXES, Xtables

_LIBXTABLES = "libxtables.so.*"


def plugin_files(names: Iterable[str]) -> frozenset[str]:
    """The files in which extensions of these names may lie."""
    return frozenset(f"{prefix}{name}.so" for prefix in PLUGIN_PREFIXES for name in names)


class PluginReader:
    """Reads the extensions of one image. The closure of each plug-in in each program is worked out once."""

    def __init__(self, tree: FileTree, linker: Linker, closures: Mapping[str, Closure], env: Mapping[str, str]) -> None:
        self._tree = tree
        self._linker = linker
        self._closures = closures
        self._env = env
        self._loaded: dict[tuple[str, str], Closure] = {}

    def extensions(self, tools: Iterable[Tool]) -> tuple[LoadableExtension, ...]:
        """The extensions of every program of iptables and ip6tables, each flavour once."""
        programs: dict[str, str] = {}
        for tool in tools:
            for binary in tool.programs:
                if tool.name in Xtables.tools:
                    programs.setdefault(binary.resolved_path, binary.flavour or "")
        found = {entry for path, flavour in programs.items() for entry in self._of_program(path, flavour)}
        return tuple(
            sorted(
                (entry for entry in found if _is_asked(entry)),
                key=lambda entry: (
                    entry.flavour,
                    entry.kind,
                    entry.name,
                    entry.family,
                    entry.path,
                    entry.revision,
                    entry.reason,
                ),
            )
        )

    @property
    def plugin_closures(self) -> tuple[Closure, ...]:
        """What was loaded for the plug-ins, those that failed included."""
        return tuple(self._loaded.values())

    def _of_program(self, path: str, flavour: str) -> Iterable[LoadableExtension]:
        closure = self._closures.get(path)
        if closure is None:
            return
        node, elf = self._tree.find(path).node, self._linker.elf(path)
        if node is not None and node.content is not None and isinstance(elf, ElfFile):
            for extension in built_in_extensions(path, node.content, elf, self._linker.counted(path)):
                yield self._entry(extension, flavour, reason="")
        library = _find(closure, _LIBXTABLES)
        if library is None:
            return
        node, elf = self._tree.find(library.real_path).node, self._linker.elf(library.real_path)
        if node is None or node.content is None or not isinstance(elf, ElfFile):
            return
        found = (library.real_path, node.content, elf)
        search = search_extensions(self._tree, found, self._env, self._linker.counted(library.real_path))
        for extension in search.extensions:
            yield self._entry(extension, flavour, self._why_not(closure, extension, library))
        for refused in search.refused:
            extension = Extension("", refused.family, refused.kind, refused.name, 0, refused.path)
            yield self._entry(extension, flavour, refused.reason)

    def _why_not(self, closure: Closure, extension: Extension, library: LoadedObject) -> str:
        """Why dlopen(3) of the plug-in fails in this program; empty where it succeeds."""
        key = (closure.program, extension.path)
        if key not in self._loaded:
            self._loaded[key] = self._linker.plugin(closure, extension.path, library.real_path)
        problems = self._loaded[key].problems
        return problems[0].message if problems else self._lacks_file(extension.path)

    def _lacks_file(self, path: str) -> str:
        """What a plug-in reads when it is loaded, and does not register without; empty where it is there."""
        node, elf = self._tree.find(path).node, self._linker.elf(path)
        if node is None or node.content is None or elf is None:
            return ""
        wanted = file_beside(node.content, elf)
        return (
            f"it needs {wanted}, which is not in the image" if wanted and self._tree.find(wanted).node is None else ""
        )

    def _entry(self, extension: Extension, flavour: str, reason: str) -> LoadableExtension:
        node = self._tree.find(extension.path).node
        return LoadableExtension(
            flavour=flavour,
            family=extension.family,
            kind=extension.kind,
            name=extension.name,
            path=extension.path,
            revision=extension.revision,
            loadable=not reason,
            layer=node.layer if node is not None and node.kind is FileKind.REGULAR else None,
            reason=reason,
        )


def _find(closure: Closure, pattern: str) -> LoadedObject | None:
    return next((entry for entry in closure.objects if fnmatchcase(entry.soname or entry.name, pattern)), None)


def _is_asked(extension: LoadableExtension) -> bool:
    """Whether a program of the flavour asks for it: those of arptables and ebtables only nf_tables builds do."""
    return extension.flavour != "legacy" or extension.family not in ("arp", "bridge")
