"""All that the sources show of one kernel, read when it is asked for."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

from msgspec import Struct

from auditor.archive.compression import decompress
from auditor.errors import AuditError, CorruptImage
from auditor.kernel.bootimage import LIMIT as IMAGE_LIMIT
from auditor.kernel.bootimage import KernelImage, embedded_config
from auditor.kernel.config import Config, parse_config
from auditor.kernel.lists import AliasTable, parse_dep, parse_names
from auditor.kernel.modinfo import Modinfo, parse_builtin, parse_module
from auditor.kernel.names import module_file, module_name
from auditor.kernel.source.facts import TOLD
from auditor.kernel.source.interface import MIB, Files
from auditor.kernel.version import Version, release_version

_LIST_LIMIT = 64 * MIB
_CONFIG_LIMIT = 16 * MIB
FACTS = "facts"  # the kind of source that is a whole node
_PACKAGES = ("deb", "rpm")  # kinds of sources that others of the same kernel may add to
_MODULE_LIMIT = 256 * MIB  # decompressed; the largest of Debian's have 20 MiB


@dataclass(frozen=True)
class Part:
    """What one source has of one kernel: canonical paths by what they are, `tree` by their path in the module tree."""

    files: Files
    kind: str
    label: str
    release: str
    tree: dict[str, str] = field(default_factory=dict)
    configs: list[str] = field(default_factory=list)
    images: list[str] = field(default_factory=list)
    process: list[str] = field(default_factory=list)  # proc/…, of a running kernel

    @cached_property
    def module_files(self) -> dict[str, "ModuleFile"]:
        """The module files by name; of several the one that depmod prefers: `updates/` first (depmod.d(5))."""
        found: dict[str, ModuleFile] = {}
        for relative in sorted(self.tree, key=lambda path: (not path.startswith("updates/"), path)):
            file = module_file(relative)
            if file is not None and file[0] not in found:
                found[file[0]] = ModuleFile(self, self.tree[relative], *file)
        return found

    def list_bytes(self, name: str) -> bytes | None:
        """One of the lists of the module tree (`modules.dep`); None where the part hasn't it."""
        path = self.tree.get(name)
        return None if path is None else self.files.read(path, _LIST_LIMIT)

    @cached_property
    def dependencies(self) -> dict[str, tuple[str, str]] | None:
        """`modules.dep`; None where depmod has not been run, as it never has for good on a package's files."""
        data = None if self.kind in _PACKAGES else self.list_bytes("modules.dep")
        return None if data is None else parse_dep(data)

    @cached_property
    def told(self) -> dict[str, Modinfo]:
        """What modules whose files are elsewhere say of themselves: of a node's facts."""
        data = self.list_bytes(TOLD) if self.kind == FACTS else None
        return {} if data is None else parse_builtin(data)

    def holds(self) -> tuple[str, ...]:
        """What of a kernel is in it, in words."""
        lists = any(name.startswith("modules.") for name in self.tree)
        found = {
            "modules": bool(self.module_files),
            "module lists": lists,
            "config": bool(self.configs),
            "kernel image": bool(self.images),
        }
        return tuple(word for word, there in found.items() if there)


class ModuleFile(Struct, frozen=True):
    """A module's file in a part. `compression` is "" (none), `gz`, `xz` or `zst`."""

    part: Part
    path: str
    name: str
    compression: str

    @property
    def shown(self) -> str:
        """The path as people know it from the source."""
        return self.part.files.shown(self.path)


class Evidence:
    """One kernel, from all its parts."""

    def __init__(self, release: str, parts: list[Part]) -> None:
        self.release = release
        self.parts = parts
        self._modinfo: dict[str, Modinfo] = {}

    @cached_property
    def modules(self) -> dict[str, ModuleFile]:
        """The modules that can be loaded by name: in a tree that depmod has seen, those that it lists."""
        found: dict[str, ModuleFile] = {}
        for part in self.parts:
            listed = part.dependencies
            if listed is None:
                found |= {name: file for name, file in part.module_files.items() if name not in found}
                continue
            for name, (path, compression) in listed.items():
                canonical = part.tree.get(_relative(path, self.release))
                if canonical is not None:
                    found.setdefault(name, ModuleFile(part, canonical, name, compression))
        return found

    @cached_property
    def broken(self) -> dict[str, str]:
        """Names that can't be loaded though there is a trace of them, each with the reason."""
        found: dict[str, str] = {}
        for part in self.parts:
            listed = part.dependencies
            if listed is None:
                continue
            for name, (path, _) in listed.items():
                if _relative(path, self.release) not in part.tree:
                    found[name] = f"modules.dep lists {path}, which is not there"
            for name, file in part.module_files.items():
                if name not in listed:
                    found[name] = f"{file.shown} is there, but modules.dep doesn't list it: depmod has not seen it"
        return {name: reason for name, reason in found.items() if name not in self.modules}

    @cached_property
    def installed(self) -> bool:
        """Whether a tree is as a machine uses it, depmod having been run on it: no other package will add to it."""
        return any(part.dependencies is not None for part in self.parts)

    @cached_property
    def built_in(self) -> frozenset[str] | None:
        """What `modules.builtin` lists; None where no part has it."""
        return self._names("modules.builtin")

    @cached_property
    def ordered(self) -> frozenset[str] | None:
        """What `modules.order` lists, all modules that were built; None where no part has it."""
        return self._names("modules.order")

    @cached_property
    def built_in_info(self) -> dict[str, Modinfo] | None:
        """What `modules.builtin.modinfo` holds; None where no part has it."""
        tables = [part.list_bytes("modules.builtin.modinfo") for part in self.parts]
        found = [parse_builtin(table) for table in tables if table is not None]
        return {name: info for table in found for name, info in table.items()} if found else None

    @cached_property
    def aliases(self) -> tuple[AliasTable, ...]:
        """The `modules.alias` of every part that has one."""
        tables = [part.list_bytes("modules.alias") for part in self.parts]
        return tuple(AliasTable(table) for table in tables if table is not None)

    @cached_property
    def loaded(self) -> frozenset[str]:
        """The modules that a running kernel has loaded."""
        lines = [line for part in self.parts for line in self._process(part, "proc/modules").splitlines()]
        names = [line.split(b" ", 1)[0] for line in lines]
        return frozenset(module_name(name.decode("utf-8", "replace")) for name in names if name)

    @cached_property
    def modprobe_setting(self) -> str | None:
        """What a running kernel has in kernel.modprobe (sysctl), "" where loading is switched off."""
        for part in self.parts:
            if "proc/sys/kernel/modprobe" in part.process:
                return self._process(part, "proc/sys/kernel/modprobe").decode("utf-8", "replace").strip()
        return None

    @cached_property
    def config(self) -> Config | None:
        """The config, from a file or else from the kernel image that embeds it; None where there is none."""
        for part in self.parts:
            for path in part.configs:
                config = parse_config(self._decompressed(part, path, _CONFIG_LIMIT))
                if config is None:
                    raise CorruptImage("not a kernel's config", part.files.shown(path), "give the config of the kernel")
                self._check(config, part.files.shown(path))
                return config
        embedded = self._embedded()
        return None if embedded is None else parse_config(embedded)

    @cached_property
    def version(self) -> Version:
        """The release's version; with the third number that the config's header gives, where there is one."""
        version = release_version(self.release)
        config = self.config
        return config.version if config is not None and config.version[:2] == version[:2] else version

    @cached_property
    def architecture(self) -> str:
        """As in OCI platforms, from the config, the sources' own word, or a module's ELF header; "" where unknown."""
        if self.config is not None and self.config.architecture:
            return self.config.architecture
        declared = next((part.files.architecture for part in self.parts if part.files.architecture), "")
        if declared or not self.modules:
            return declared
        known = next(iter(self._modinfo.values()), None)
        try:
            return (known or self.modinfo(next(iter(self.modules)))).architecture
        except AuditError:
            return ""  # a broken module counts where it is needed

    def modinfo(self, name: str) -> Modinfo:
        """What the module of that name, one of `modules`, says of itself. CorruptImage where its file is broken."""
        if name not in self._modinfo:
            file = self.modules[name]
            if name in file.part.told:
                # Of nodes' facts: the architecture is not in a list.
                self._modinfo[name] = file.part.told[name]
                return self._modinfo[name]
            data = self._decompressed(file.part, file.path, _MODULE_LIMIT)
            self._modinfo[name] = parse_module(data, name, file.shown)
        return self._modinfo[name]

    def fetch(self, names: Iterable[str]) -> None:
        """Make ready the files of modules that are about to be asked for; names that are no modules are passed over."""
        files = [self.modules[name] for name in names if name in self.modules and name not in self._modinfo]
        for part in self.parts:
            part.files.fetch([file.path for file in files if file.part is part])

    def compressions(self) -> tuple[str, ...]:
        """How the module files are compressed, most frequent first."""
        counts = Counter(file.compression for file in self.modules.values())
        return tuple(kind for kind, _ in counts.most_common())

    def _names(self, name: str) -> frozenset[str] | None:
        tables = [part.list_bytes(name) for part in self.parts]
        found = [parse_names(table) for table in tables if table is not None]
        return frozenset().union(*found) if found else None

    def _embedded(self) -> bytes | None:
        if "configs" in self.modules:
            file = self.modules["configs"]
            return embedded_config(self._decompressed(file.part, file.path, _MODULE_LIMIT), file.shown)
        for part in self.parts:
            for path in part.images:
                try:
                    config = KernelImage(part.files.read(path, IMAGE_LIMIT), part.files.shown(path)).config()
                except AuditError:
                    continue  # an image that can't be looked into says as much as one that embeds nothing
                if config is not None:
                    return config
        return None

    def _decompressed(self, part: Part, path: str, limit: int) -> bytes:
        return decompress(part.files.read(path, limit), limit, part.files.shown(path))

    def _check(self, config: Config, shown: str) -> None:
        version = release_version(self.release)
        if version and config.version and config.version[:2] != version[:2]:
            was = ".".join(map(str, config.version))
            raise CorruptImage(f"a config of Linux {was}, not of {self.release}", shown, "give this kernel's config")

    def _process(self, part: Part, path: str) -> bytes:
        return part.files.read(path, _LIST_LIMIT) if path in part.process else b""


def _relative(path: str, release: str) -> str:
    """A path of modules.dep, relative to the tree: old depmod writes absolute ones."""
    return path.rpartition(f"/modules/{release}/")[2] if path.startswith("/") else path
