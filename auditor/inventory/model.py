"""The inventory as plain values: all that the rules look at, and all that a saved report keeps.

Paths are absolute inside the image. `layer` is always an index into the image's layers, None where no layer
is known. `package` is the owning package's name, `unowned` where the databases know no owner, and None where
the image has no package database.
"""

from msgspec import Struct, field

from auditor import processor
from auditor.elf.model import GoModule, LoadFault, NoticeKind
from auditor.image.model import Platform
from auditor.tools.model import Evidence, SetType

UNOWNED = "unowned"


class ClosureEntry(Struct, frozen=True):
    """One library that starting a program loads: the name it is asked for by, and where it is found."""

    soname: str
    path: str
    found_by: str
    layer: int | None
    package: str | None


class Binary(Struct, frozen=True):
    """One name of a tool that PATH reaches. `kind` is `program`, `applet`, `script`, `launcher` or `other`.

    A script that hands over to one program is that program: `resolved_path` and all that follows from it are the
    program's, and `via` are the scripts on the way. One that can't be followed, and a launcher that picks a program at
    run time, have no version and no flavour; `candidates` are the real paths of what they may pick, `unknown` says why
    the end can't be told. `target` is what a script looks for in vain.
    """

    name: str
    path: str
    resolved_path: str
    kind: str
    version: str | None
    flavour: str | None
    architecture: str | None
    interpreter: str | None
    layer: int | None
    package: str | None
    setuid: bool
    capabilities: tuple[str, ...]
    closure: tuple[ClosureEntry, ...]
    reason: str = ""  # why `version` is None
    package_version: str | None = None  # the upstream version of `package`
    vouched: bool | None = None  # the database has this very content; None where it can't tell
    via: tuple[str, ...] = ()
    candidates: tuple[str, ...] = ()
    unknown: str = ""
    target: str = ""


class Tool(Struct, frozen=True):
    """One tool. `version` is that of the file that the first of its names runs; None with a `reason`.

    `candidates` are programs that a script of the tool may pick and that PATH doesn't reach by a name of the tool.
    `version_by` is what the spec says of where its version shows, "" where it says nothing.
    """

    name: str
    version: str | None
    evidence: tuple[Evidence, ...]
    binaries: tuple[Binary, ...]
    reason: str = ""
    candidates: tuple[Binary, ...] = ()
    version_by: str = ""

    @property
    def programs(self) -> tuple[Binary, ...]:
        """Every binary and candidate that is a program of its own (no applet, no script)."""
        return tuple(binary for binary in (*self.binaries, *self.candidates) if binary.kind == "program")

    def candidates_of(self, binary: Binary) -> tuple[Binary, ...]:
        """The programs that a script or launcher may pick, each file once."""
        found = {one.resolved_path: one for one in reversed(self.programs) if one.resolved_path in binary.candidates}
        return tuple(found[path] for path in binary.candidates if path in found)

    def binary(self, name: str) -> Binary | None:
        """What PATH reaches under this name."""
        return next((binary for binary in self.binaries if binary.name == name), None)


class Executable(Struct, frozen=True):
    """A file that was looked at because it may be started. `kind`: `dynamic`, `static`, `script` or `other`.

    `started_by` tells why: `PATH`, `entrypoint`, or `SCRIPT:LINE`.
    """

    path: str
    resolved_path: str
    kind: str
    layer: int | None
    package: str | None
    started_by: str = "PATH"


class Place(Struct, frozen=True):
    """A path, and the layer that wrote it or, of a path that is gone, deleted it."""

    path: str
    layer: int | None


class Problem(Struct, frozen=True):
    """One load problem (see auditor.elf.model.LoadProblem) with every program that it stops.

    `suspect` is where to look first: the file that the loader passes over, or the part of the program that the
    latest layer brought, where that is later than the one that wrote `path`.
    """

    fault: LoadFault
    path: str
    name: str
    message: str
    programs: tuple[str, ...]
    layer: int | None = None  # that wrote `path`
    at_start: bool = True
    provider: str = ""
    passed_over: tuple[tuple[str, str], ...] = ()
    symbols: tuple[str, ...] = ()
    variant: str = ""
    suspect: Place | None = None


class Notice(Struct, frozen=True):
    """A remark of the loader's that stops nothing."""

    kind: NoticeKind
    path: str
    name: str
    message: str
    variant: str = ""
    programs: tuple[str, ...] = ()


class LoadableExtension(Struct, frozen=True):
    """An xtables extension that iptables would look up; `loadable` False with a `reason`."""

    flavour: str
    family: str
    kind: str
    name: str
    path: str
    revision: int
    loadable: bool
    layer: int | None = None
    reason: str = ""


class Unusable(Struct, frozen=True):
    """A path on PATH that has the right name and can't be started, and why."""

    path: str
    reason: str
    layer: int | None


class Whereabouts(Struct, frozen=True):
    """What the image shows of a program or library that is asked for and not found."""

    name: str
    gone: tuple[Place, ...] = ()
    elsewhere: tuple[Place, ...] = ()  # the same name outside the places that are searched
    siblings: tuple[str, ...] = ()  # the same library under another soname
    unusable: tuple[Unusable, ...] = ()
    unlinked: tuple[Place, ...] = ()  # files that have this soname under another name


class StartProblem(Struct, frozen=True):
    """Something that the entrypoint would start and that can't be started.

    Not `sure`: a script that no shell reads, but it isn't known which shell would, or whether it comes to that.
    """

    subject: str
    message: str
    layer: int | None
    script: str = ""
    line: int = 0
    text: str = ""
    sure: bool = True


class StartUnknown(Struct, frozen=True):
    """Something that is started in a way that can't be told from the outside.

    `unread`: it is the start itself, a script that can't be read.
    """

    script: str
    line: int
    message: str
    unread: bool = False


class LibraryFile(Struct, frozen=True):
    """A versioned shared library by its file name, wherever it lies."""

    name: str
    path: str


class InstalledPackage(Struct, frozen=True):
    """One package of the image's databases."""

    type: str
    name: str
    version: str
    architecture: str
    upstream_version: str
    source: str = ""
    source_version: str = ""
    vendor: str = ""
    licence: str = ""
    homepage: str = ""


class ElfObject(Struct, frozen=True):
    """One ELF file of the tools: a program, its loader, a library of a closure, or a plug-in.

    `needs` are the real paths of the objects that its own DT_NEEDED entries (and PT_INTERP) lead to.
    """

    path: str  # real path
    soname: str | None
    sha256: str  # of the content, hex
    build_id: str | None
    layer: int | None
    package: str | None
    needs: tuple[str, ...] = ()
    sha1: str = ""  # of the content, hex: SPDX 2.3 asks it of every file


class Distribution(Struct, frozen=True):
    """Which distribution the image says it is (os-release(5)); empty where it says nothing."""

    id: str = ""
    version_id: str = ""
    name: str = ""  # PRETTY_NAME


class Drift(Struct, frozen=True):
    """A file that a database describes otherwise than it is. `kind` is `missing` or `changed`."""

    kind: str
    path: str
    package: str
    layer: int | None
    used_by: tuple[str, ...] = ()  # the tools whose programs or closures have it


class MissingFiles(Struct, frozen=True):
    """Other files of a tool's package that are gone."""

    package: str
    count: int
    examples: tuple[str, ...]


class KernelFloor(Struct, frozen=True):
    """An ELF file that states a minimum kernel: every one of a tool's closure, and others where they ask for more.

    `enforced`: the loader refuses older ones.
    """

    path: str
    version: str
    enforced: bool
    layer: int | None


class SymbolFloor(Struct, frozen=True):
    """The newest version of one name space (`GLIBC`) that a tool's programs and libraries need."""

    tool: str
    name: str
    version: str
    path: str


class CpuFloor(Struct, frozen=True):
    """The oldest processor for which a file that may start, or that a start loads, is built; see auditor/processor.py.

    `evidence` is the mark, the loader's words or the setting of the build. `enforced`: it stops, or is compiled so
    that it will; without, it is only marked so and its loader doesn't look.
    """

    level: str
    path: str
    evidence: str
    enforced: bool
    layer: int | None


class Floors(Struct, frozen=True):
    """What the image asks of a kernel, of shared libraries and of a processor."""

    kernel: tuple[KernelFloor, ...] = ()
    symbols: tuple[SymbolFloor, ...] = ()
    cpu: tuple[CpuFloor, ...] = ()


class GoProgram(Struct, frozen=True):
    """A program of Go's, by what its linker wrote into it. `version` is Go's release, `package` that of main.

    `module` is the main module, None where the build had none (Go's own programs, and builds of a package list).
    """

    path: str
    version: str
    package: str
    module: GoModule | None
    settings: dict[str, str]
    modules: tuple[GoModule, ...]


class Decoder(Struct, frozen=True):
    """How a modprobe program reads modules of one compression (`gz`, `xz`, `zst`).

    `how` is `linked` (DT_NEEDED), `dlopen` (loaded when needed), `built-in`, `none` (it was built without) or
    `unknown`. `usable`: whether it can, by what the image has; None where that isn't known, with the `reason`.
    """

    compression: str
    how: str
    usable: bool | None
    library: str = ""
    path: str = ""
    reason: str = ""


class ModuleLoader(Struct, frozen=True):
    """A program called `modprobe`. `kind` is `kmod`, `busybox`, `toybox`, `script` or `other`.

    `hands_over`: whether it leaves decompression to a kernel that can do it. Where `decoders` is empty, `reason`
    says why they aren't known; else why the program does not start, if so.
    """

    path: str  # real path
    kind: str
    version: str | None
    layer: int | None
    package: str | None
    hands_over: bool | None = None
    decoders: tuple[Decoder, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    reason: str = ""

    def decoder(self, compression: str) -> Decoder:
        """What it makes of that compression."""
        unknown = Decoder(compression, "unknown", usable=None, reason=self.reason)
        return next((entry for entry in self.decoders if entry.compression == compression), unknown)


class ModprobePlace(Struct, frozen=True):
    """A path that kernels name, and the program that it leads to; "" where it leads to none, with the `reason`.

    `layer` deleted it, None where none did.
    """

    path: str
    resolved_path: str
    reason: str = ""
    layer: int | None = None


class Kmod(Struct, frozen=True):
    """How the image loads kernel modules. `on_path` is the real path of what PATH runs as `modprobe`, "" for none."""

    on_path: str
    places: tuple[ModprobePlace, ...] = ()
    loaders: tuple[ModuleLoader, ...] = ()

    def place(self, path: str) -> ModprobePlace | None:
        """What is known of that path; None where it wasn't looked at."""
        return next((entry for entry in self.places if entry.path == path), None)

    def loader(self, real_path: str) -> ModuleLoader | None:
        """The program of that real path."""
        return next((entry for entry in self.loaders if entry.path == real_path), None)


class RuntimeConfig(Struct, frozen=True):
    """What the image config tells a runtime. Not `stated`: there was none, or the report is older than these fields."""

    entrypoint: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    user: str = ""
    working_dir: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    ports: tuple[str, ...] = ()
    stated: bool = False


class FileFact(Struct, frozen=True):
    """A path that the spec asks for, and what it leads to. `kind` is inode(7)'s word, "" where it leads to nothing.

    `reason` says why it leads to nothing; then `layer` is the one that deleted it, if any. `user` and `group` are the
    names that the image's own passwd(5) and group(5) give, "" for none. `sha256` is of the content, "" where it was
    not asked for or not kept.
    """

    path: str
    real_path: str
    kind: str
    layer: int | None
    mode: int = 0  # with set-id and sticky bits
    uid: int = 0
    gid: int = 0
    user: str = ""
    group: str = ""
    empty: bool = False
    sha256: str = ""
    reason: str = ""


class PluginFile(Struct, frozen=True):
    """A file of a tool's directory of plug-ins. `loadable`: by dlopen(3) in the tool; else False or, unknown, None."""

    name: str
    layer: int | None
    loadable: bool | None
    reason: str = ""


class PluginDirectory(Struct, frozen=True):
    """A directory of plug-ins that the spec asks for, with those files of it that fit the spec's patterns.

    `gone` are fitting names that a layer deleted from it.
    """

    tool: str
    directory: str
    files: tuple[PluginFile, ...]
    gone: tuple[Place, ...] = ()


class Inventory(Struct, frozen=True):
    """Everything that was found in one image."""

    platform: Platform
    config: RuntimeConfig
    path: tuple[str, ...]  # the directories of PATH
    tools: tuple[Tool, ...]
    executables: tuple[Executable, ...] = ()
    problems: tuple[Problem, ...] = ()
    notices: tuple[Notice, ...] = ()
    extensions: tuple[LoadableExtension, ...] = ()
    set_types: tuple[SetType, ...] = ()
    link_types: tuple[str, ...] = ()  # of those asked for, what `ip` knows
    link_types_asked: tuple[str, ...] | None = None  # None in reports that were saved before it was kept
    packages: tuple[InstalledPackage, ...] = ()
    package_warnings: tuple[str, ...] = ()
    distribution: Distribution = Distribution()
    objects: tuple[ElfObject, ...] = ()
    drift: tuple[Drift, ...] = ()
    missing_files: tuple[MissingFiles, ...] = ()
    libraries: tuple[LibraryFile, ...] = ()
    whereabouts: tuple[Whereabouts, ...] = ()
    start_problems: tuple[StartProblem, ...] = ()
    start_unknowns: tuple[StartUnknown, ...] = ()
    entry: tuple[str, ...] = ()  # real paths of what the runtime itself starts
    floors: Floors = Floors()
    go: tuple[GoProgram, ...] = ()
    files: tuple[FileFact, ...] = ()  # those that the spec asks for
    plugins: tuple[PluginDirectory, ...] = ()
    kmod: Kmod | None = None  # None in reports that were saved before it was looked at
    offered_as: Platform | None = None  # by an index, where the config contradicts it
    offered: tuple[Platform, ...] = ()  # by the index that the image came from, where it has several

    @property
    def architecture(self) -> str:
        """What processors the image is for: the platform's; where the source names none (a root file system), that of
        all its tools and of all that asks for a processor. "" where these differ, or there are none.
        """
        if self.platform.architecture:
            return self.platform.architecture
        seen = {processor.architecture_of(floor.level) for floor in self.floors.cpu}
        seen |= {binary.architecture or "" for tool in self.tools for binary in tool.binaries}
        return next(iter(seen - {""})) if len(seen - {""}) == 1 else ""

    def tool(self, name: str) -> Tool | None:
        """The tool of this name."""
        return next((tool for tool in self.tools if tool.name == name), None)

    def file(self, path: str) -> FileFact | None:
        """What the path leads to; None where it wasn't looked at."""
        return next((entry for entry in self.files if entry.path == path), None)

    def plugins_of(self, tool: str, directory: str) -> PluginDirectory | None:
        """A tool's directory of plug-ins; None where it wasn't looked at."""
        return next((one for one in self.plugins if (one.tool, one.directory) == (tool, directory)), None)

    def whereabouts_of(self, name: str) -> Whereabouts:
        """What is known of a missing name; empty where it was not asked for."""
        return next((entry for entry in self.whereabouts if entry.name == name), Whereabouts(name))
