"""What a spec file says. The classes are the file format: msgspec checks each file against them."""

import enum
from typing import Any, Literal

from msgspec import Struct

FlavourName = Literal["legacy", "nf_tables"]


class Family(enum.StrEnum):
    """Which IP families the cluster uses; a row that names none holds for each."""

    DUAL = "dual"
    IPV4 = "ipv4"
    IPV6 = "ipv6"

    @property
    def stacks(self) -> tuple[str, ...]:
        """The families of xtables that are in use: `ipv4`, `ipv6`."""
        return ("ipv4", "ipv6") if self is Family.DUAL else (self.value,)


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


class Extensions(Struct, frozen=True, forbid_unknown_fields=True):
    """xtables extensions, by the names that rules use (`-m NAME`, `-j NAME`)."""

    match: tuple[str, ...] = ()
    target: tuple[str, ...] = ()


class Replacement(Struct, frozen=True, forbid_unknown_fields=True):
    """A module that took over another's work: `module` serves for `name` from kernel `since` on."""

    name: str
    module: str
    since: str = ""
    config: tuple[str, ...] = ()


class Needs(Struct, frozen=True, forbid_unknown_fields=True):
    """The kernel's half of a row: all modules and CONFIG symbols (without `CONFIG_`), and the oldest kernel."""

    modules: tuple[str, ...] = ()
    config: tuple[str, ...] = ()
    min_version: str = ""
    replacements: tuple[Replacement, ...] = ()


class Requirement(Struct, frozen=True, forbid_unknown_fields=True):
    """One row of a document."""

    id: str
    kind: Kind
    section: str
    text: str
    families: tuple[Family, ...] = ()  # for which --ip-family the row holds; empty: all
    tool: str = ""  # kind tool
    programs: tuple[str, ...] = ()  # kind tool: every one must be there
    minimum: str = ""  # kinds tool, variant: the oldest upstream version
    packages: dict[str, str] = {}  # kind tool: what to install, by package type ("deb", "rpm", "apk")
    tools: tuple[str, ...] = ()  # kinds library, feature, variant: the tools whose row this builds on
    sonames: tuple[str, ...] = ()  # kind library: glob patterns, any of which will do
    extensions: Extensions = Extensions()  # kind feature
    link_types: tuple[str, ...] = ()  # kind feature: link types that `ip` must know
    set_types: bool = False  # kind feature: ipset's set types are its half
    flavour: FlavourName | None = None  # kind variant
    platforms: tuple[str, ...] = ()  # kind platforms: os/arch[/variant]
    needs: Needs | None = None

    def holds_for(self, family: Family) -> bool:
        """Whether the row is applicable to a cluster of this IP family."""
        return not self.families or family in self.families


class Incident(Struct, frozen=True, forbid_unknown_fields=True):
    """A report from the field that a rule would have caught."""

    reference: str
    rule: str
    summary: str


class SpecFile(Struct, frozen=True, forbid_unknown_fields=True):
    """One file as it is written. A row whose id the extended spec has already changes the fields that it names."""

    schema_version: Literal["1"]
    name: str
    version: str
    title: str
    extends: str = ""
    drop: tuple[str, ...] = ()  # glob patterns of ids of the extended spec
    requirement: tuple[dict[str, Any], ...] = ()
    incident: tuple[Incident, ...] = ()
    cpu_floor: dict[str, str] = {}  # architecture -> glibc-hwcaps level that every node has


class Spec(Struct, frozen=True):
    """A spec with everything that it extends. `digest` is over the bytes of all its files, root first."""

    name: str
    version: str
    title: str
    digest: str
    requirements: tuple[Requirement, ...]
    incidents: tuple[Incident, ...] = ()
    cpu_floor: tuple[tuple[str, str], ...] = ()

    def of_kind(self, kind: Kind) -> tuple[Requirement, ...]:
        """The rows of one kind, in the document's order."""
        return tuple(row for row in self.requirements if row.kind is kind)

    def find(self, row_id: str) -> Requirement | None:
        """The row of this id."""
        return next((row for row in self.requirements if row.id == row_id), None)
