"""What a spec file says. The classes are the file format: msgspec checks each file against them."""

import enum
from collections.abc import Collection, Iterable
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct
from msgspec.structs import replace

from auditor.family import Family

FlavourName = Literal["legacy", "nf_tables"]
#: What a value of a form looks like, in words, by its regular expression.
FORMS: dict[str, str] = {}


def _form(pattern: str, words: str) -> Meta:
    FORMS[pattern] = words
    return Meta(pattern=pattern, description=words)


MINIMUM = r"([0-9]{1,9}:)?[a-z]{0,3}[0-9][0-9A-Za-z.+~^_-]*"
_NAME = r"^[A-Za-z0-9_]+$"
KernelVersion = Annotated[str, _form(r"^([0-9]{1,5}(\.[0-9]{1,5}){0,3})?$", "a kernel's version alone, as 5.10")]
Minimum = Annotated[str, _form(f"^({MINIMUM})?$", "a version alone, as 1.8.8")]
ModuleName = Annotated[str, _form(_NAME, "a name of letters, digits and _")]
ConfigName = Annotated[str, _form(_NAME, "a name of letters, digits and _")]  # without CONFIG_
VersionFrom = Annotated[
    str, _form(r"^(package|(go|python|node):[!-~]{1,200})?$", "package, or a module as go:NAME, python:NAME, node:NAME")
]
AbsolutePath = Annotated[str, _form(r"^(/[^/]+)*$", "an absolute path")]
Owner = Annotated[
    str,
    _form(r"^([A-Za-z0-9_][A-Za-z0-9_.-]*(:[A-Za-z0-9_][A-Za-z0-9_.-]*)?)?$", "USER or USER:GROUP, by name or number"),
]
Mode = Annotated[str, _form(r"^([0-7]{3,5})?$", "octal digits, as 0755")]
Digest = Annotated[str, _form(r"^(sha256:[0-9a-f]{64})?$", "sha256: and 64 hexadecimal digits")]
Port = Annotated[str, _form(r"^[0-9]{1,5}(-[0-9]{1,5})?/(tcp|udp|sctp)$", "a port and its protocol, as 80/tcp")]


class Kind(enum.StrEnum):
    """What a row is about, and so which fields it reads and which rules look at it."""

    LOADS = "loads"
    ENTRYPOINT = "entrypoint"
    PLATFORMS = "platforms"
    KERNEL = "kernel"
    TOOL = "tool"
    LIBRARY = "library"
    FEATURE = "feature"
    VARIANT = "variant"
    CPU = "cpu"
    PACKAGE = "package"
    FILE = "file"
    CONFIG = "config"
    PLUGIN = "plugin"


class Extensions(Struct, frozen=True, forbid_unknown_fields=True):
    """xtables extensions, by the names that rules use (`-m NAME`, `-j NAME`)."""

    match: tuple[str, ...] = ()
    target: tuple[str, ...] = ()


class Symbol(Struct, frozen=True, forbid_unknown_fields=True):
    """A Kconfig symbol, without `CONFIG_`, in the kernels from `since` on and before `before`."""

    name: ConfigName
    since: KernelVersion = ""
    before: KernelVersion = ""


class Replacement(Struct, frozen=True, forbid_unknown_fields=True):
    """A module that took over another's work in kernel `since`."""

    name: ModuleName
    since: KernelVersion = ""


class Module(Struct, frozen=True, forbid_unknown_fields=True):
    """A kernel module that rows need, under the name that first carried it.

    `config` builds it: every name that the symbol has had, newest first. `gates` must be set for that symbol to be
    offered. `aliases` are further names by which the kernel or modprobe ask for it. It is needed from kernel `since`
    on and before `before`, by one `family` and one `flavour` of iptables, or by all.
    """

    config: tuple[Symbol, ...] = ()
    gates: tuple[Symbol, ...] = ()
    aliases: tuple[str, ...] = ()
    replaced_by: tuple[Replacement, ...] = ()
    since: KernelVersion = ""
    before: KernelVersion = ""
    family: Literal["ipv4", "ipv6"] | None = None
    flavour: FlavourName | None = None
    option: bool = False  # no module at all: only the kernel's config shows it

    def concerns(self, families: Collection[str], flavours: Collection[str]) -> bool:
        """Whether somebody with these IP families and flavours of iptables needs it."""
        return (self.family is None or self.family in families) and (self.flavour is None or self.flavour in flavours)


class Needs(Struct, frozen=True, forbid_unknown_fields=True):
    """The kernel's half of a row: all `modules`, each described by a table `module`, and the oldest kernel."""

    modules: tuple[ModuleName, ...] = ()
    min_version: KernelVersion = ""


class Requirement(Struct, frozen=True, forbid_unknown_fields=True):
    """One row of a document. A row without `text` is told in words made from its other fields."""

    id: str
    kind: Kind
    section: str = ""
    text: str = ""
    severity: Literal["error", "warning", "note"] | None = None  # of what breaks the row; None: as the rule says
    families: tuple[Family, ...] = ()  # for which --ip-family the row holds; empty: all
    modes: tuple[str, ...] = ()  # the --mode that ask for the row, any of them; empty: all
    except_modes: tuple[str, ...] = ()  # the --mode that do without the row
    tool: str = ""  # kind tool
    programs: tuple[str, ...] = ()  # kind tool: every one must be there
    minimum: Minimum = ""  # kinds tool, variant, package: the oldest version
    pattern: str = ""  # kind tool: a regular expression over the program's bytes, whose one group is the version
    order: Literal["dotted", "dated"] = "dotted"  # kind tool with a pattern: how its versions are numbered
    version_from: VersionFrom = ""  # kind tool: what says the version, where the program's bytes don't
    packages: dict[str, str] = {}  # kinds tool, package: what to install, by package type; `a|b`: any of these
    tools: tuple[str, ...] = ()  # kinds library, feature, variant, plugin: the tools whose row this builds on
    sonames: tuple[str, ...] = ()  # kind library: glob patterns, any of which will do
    extensions: Extensions = Extensions()  # kind feature
    link_types: tuple[str, ...] = ()  # kind feature: link types that `ip` must know
    set_types: bool = False  # kind feature: ipset's set types are its half
    flavour: FlavourName | None = None  # kind variant
    platforms: tuple[str, ...] = ()  # kind platforms: os/arch[/variant]
    cpu_floor: dict[str, str] = {}  # kind cpu: architecture -> the level that every node has (auditor/processor.py)
    needs: Needs | None = None
    path: AbsolutePath = ""  # kind file
    owner: Owner = ""  # kind file: names (of the image's passwd(5) and group(5)) or numbers
    mode: Mode = ""  # kind file
    digest: Digest = ""  # kind file
    not_empty: bool = False  # kind file: it has bytes; a directory has entries
    directory: AbsolutePath = ""  # kind plugin
    plugins: tuple[str, ...] = ()  # kind plugin: glob patterns of file names; each is there, and loads in the tool
    user: str = ""  # kind config: the User, word for word; root, 0 and none at all are the same
    non_root: bool = False  # kind config: the User is another than root
    entrypoint: tuple[str, ...] = ()  # kind config: the Entrypoint, word for word
    cmd: tuple[str, ...] = ()  # kind config: the Cmd, word for word
    ports: tuple[Port, ...] = ()  # kind config: exposed, at least
    labels: dict[str, str] = {}  # kind config: name -> glob pattern of the value
    env: dict[str, str] = {}  # kind config: name -> glob pattern of the value

    @property
    def version_by(self) -> str:
        """Where a tool's version shows, as the spec says; "" where it says nothing."""
        return " ".join(filter(None, (self.version_from, self.pattern)))

    def why_not(self, family: Family, modes: Collection[str]) -> str:
        """Why the row is not applicable to a cluster of this IP family and these modes; "" where it is."""
        if self.families and family not in self.families:
            return f"not asked for with --ip-family {family}"
        if self.modes and not set(self.modes) & set(modes):
            return f"only asked for with --mode {' or '.join(self.modes)}"
        excluding = [mode for mode in self.except_modes if mode in modes]
        return f"not asked for with --mode {excluding[0]}" if excluding else ""


class Incident(Struct, frozen=True, forbid_unknown_fields=True):
    """A report from the field that a rule would have caught."""

    reference: str
    rule: str
    summary: str


class SpecFile(Struct, frozen=True, forbid_unknown_fields=True):
    """One file as it is written. A row whose id the extended spec has already changes the fields that it names.

    A module that the extended spec describes already is described anew.
    """

    name: str
    schema_version: Literal["1"] = "1"
    version: str = ""
    title: str = ""
    extends: str = ""
    drop: tuple[str, ...] = ()  # glob patterns of ids of the extended spec
    default_modes: tuple[str, ...] = ()  # in force without --mode
    instead: tuple[str, ...] = ()  # shipped specs to try an image by that doesn't meet this one; not inherited
    requirement: tuple[dict[str, Any], ...] = ()
    tool: dict[str, dict[str, Any]] = {}  # by name: a row `tool.NAME` of kind tool; programs: NAME where not given
    module: dict[ModuleName, Module] = {}
    incident: tuple[Incident, ...] = ()


class Spec(Struct, frozen=True):
    """A spec with everything that it extends. `digest` is over the bytes of all its files, root first."""

    name: str
    version: str
    title: str
    digest: str
    requirements: tuple[Requirement, ...]
    modules: dict[str, Module] = {}
    incidents: tuple[Incident, ...] = ()
    default_modes: tuple[str, ...] = ()
    instead: tuple[str, ...] = ()

    @property
    def modes(self) -> tuple[str, ...]:
        """Every mode that a row speaks of."""
        return tuple(sorted({mode for row in self.requirements for mode in (*row.modes, *row.except_modes)}))

    @property
    def cpu_floor(self) -> dict[str, str]:
        """The level of processor that every node has, by architecture, of all rows of kind cpu."""
        return {name: level for row in self.of_kind(Kind.CPU) for name, level in row.cpu_floor.items()}

    def of_kind(self, kind: Kind) -> tuple[Requirement, ...]:
        """The rows of one kind, in the document's order."""
        return tuple(row for row in self.requirements if row.kind is kind)

    def config_symbols(self, modules: Iterable[str]) -> tuple[str, ...]:
        """The CONFIG symbols that build these modules, without `CONFIG_`, each by its newest name."""
        newest = (self.modules[name].config[:1] for name in modules)
        return tuple(dict.fromkeys(symbol.name for found in newest for symbol in found))

    def with_program(self, name: str) -> "Spec":
        """This spec, and a row for a program that no row of it names."""
        if any(name in row.programs for row in self.of_kind(Kind.TOOL)):
            return self
        row = Requirement(id=f"tool.{name}", kind=Kind.TOOL, tool=name, programs=(name,))
        return replace(self, requirements=(*self.requirements, row))

    def find(self, row_id: str) -> Requirement | None:
        """The row of this id."""
        return next((row for row in self.requirements if row.id == row_id), None)
