"""What is asked of a kernel, and what a kernel answers: plain values."""

import enum
from collections.abc import Collection, Iterable, Sequence

from msgspec import Struct

from auditor.kernel.version import Version


class ConfigSymbol(Struct, frozen=True):
    """A Kconfig symbol, without `CONFIG_`, in the kernels from `since` on and before `before` (`()`: no bound)."""

    name: str
    since: Version = ()
    before: Version = ()


class Replacement(Struct, frozen=True):
    """A module that took over another's work in kernel `since`, whether or not it also answers to the old name."""

    name: str
    since: Version = ()


class ModuleNeed(Struct, frozen=True):
    """One thing that a feature needs of the kernel, by the name of the module that first carried it.

    `config` is the symbol that builds it; where it was renamed, each name with its versions, newest first. `gates`
    must be set for that symbol to be offered at all: they tell what else to set. `aliases` are names that the
    kernel or modprobe ask for when they want it, so that whatever answers to one of them is it. It is needed only
    from kernel `since` on and before `before`, by the address family `family` (`ipv4`, `ipv6`) and by the flavour
    of iptables `flavour` (`legacy`, `nf_tables`); "" is by every one. An `option` is no module at all: nothing but the
    config shows it.
    """

    name: str
    config: tuple[ConfigSymbol, ...] = ()
    gates: tuple[ConfigSymbol, ...] = ()
    aliases: tuple[str, ...] = ()
    replaced_by: tuple[Replacement, ...] = ()
    since: Version = ()
    before: Version = ()
    family: str = ""
    flavour: str = ""
    option: bool = False


class FeatureNeed(Struct, frozen=True):
    """The kernel's half of one requirement: all of `modules`, in a kernel of at least `min_version` (`()`: any)."""

    id: str
    modules: tuple[ModuleNeed, ...] = ()
    min_version: Version = ()


class Presence(enum.StrEnum):
    """How a kernel has a thing."""

    BUILT_IN = "built-in"
    MODULE = "module"  # a file that can be loaded, with all that it depends on
    ALIAS = "alias"  # under this name another module, or built-in code, answers
    REPLACED = "replaced"  # another module does its work since some version
    NOT_NEEDED = "not-needed"  # by a kernel of this version
    ABSENT = "absent"
    UNKNOWN = "unknown"


class ModuleAnswer(Struct, frozen=True):
    """What a kernel says to one `ModuleNeed`.

    `provider` is the module that carries it, "" where there is none; `path` its file as the source names it, ""
    where it is built in; `compression` of that file is "" (none), `gz`, `xz` or `zst`. `reason` says why it is
    absent or unknown, or what shows that it is there; `config` and `gates` are the symbols to set in a kernel of
    this version, without `CONFIG_`.
    """

    need: ModuleNeed
    presence: Presence
    provider: str = ""
    built_in: bool = False
    path: str = ""
    compression: str = ""
    reason: str = ""
    config: str = ""
    gates: tuple[str, ...] = ()

    @property
    def present(self) -> bool | None:
        """Whether a program that asks for it is served; None where that is unknown."""
        if self.presence is Presence.UNKNOWN:
            return None
        return self.presence is not Presence.ABSENT

    def concerns(self, families: Collection[str] = ("ipv4", "ipv6"), flavours: Collection[str] = ()) -> bool:
        """Whether somebody with these address families and flavours of iptables needs it."""
        need = self.need
        return (not need.family or need.family in families) and (not need.flavour or need.flavour in flavours)


class FeatureAnswer(Struct, frozen=True):
    """What a kernel says to one `FeatureNeed`. `new_enough` is None where the kernel's version is unknown."""

    need: FeatureNeed
    new_enough: bool | None
    modules: tuple[ModuleAnswer, ...] = ()

    def met(self, families: Collection[str] = ("ipv4", "ipv6"), flavours: Collection[str] = ()) -> bool | None:
        """Whether the kernel has all of it: one thing that is not there is enough for False; None is unknown.

        What only a flavour needs counts where `flavours` holds it: an image that is not known asks for none. Where the
        need describes several flavours, one of them that is whole will do for such an image.
        """
        answers = [self.new_enough, *(answer.present for answer in self.modules if answer.concerns(families, flavours))]
        if not flavours and len(self.flavours) > 1:
            answers.append(_any(self.served(flavour, families) for flavour in self.flavours))
        return _all(answers)

    @property
    def flavours(self) -> tuple[str, ...]:
        """The flavours that some of the modules are for."""
        return tuple(sorted({answer.need.flavour for answer in self.modules} - {""}))

    def served(self, flavour: str, families: Collection[str] = ("ipv4", "ipv6")) -> bool | None:
        """Whether the kernel has all that only this flavour needs; None is unknown."""
        own = (answer for answer in self.modules if answer.need.flavour == flavour)
        return _all([answer.present for answer in own if answer.concerns(families, (flavour,))])


def _all(answers: Iterable[bool | None]) -> bool | None:
    """One False is enough for False; None is unknown."""
    found = set(answers)
    if False in found:
        return False
    return None if None in found else True


def _any(answers: Iterable[bool | None]) -> bool | None:
    """One True is enough for True; None is unknown."""
    found = set(answers)
    if True in found:
        return True
    return None if None in found else False


class SetTypeRange(Struct, frozen=True):
    """An ipset set type (`hash:ip,port`) and the revisions of it that the kernel's `module` supports."""

    name: str
    minimum: int
    maximum: int
    module: str


class Relation(enum.StrEnum):
    """How a kernel's revisions of a set type stand to an image's."""

    SAME = "same"  # the highest revisions are equal
    KERNEL_HIGHER = "kernel-higher"  # a set that a newer ipset made can't be listed with the image's
    IMAGE_HIGHER = "image-higher"
    DISJOINT = "disjoint"  # no revision in common: the type can't be used at all
    KERNEL_LACKS = "kernel-lacks"  # the kernel has no such type
    IMAGE_LACKS = "image-lacks"  # the image's ipset has no such type
    UNKNOWN = "unknown"  # what was read of the kernel doesn't show it


class SetTypeMatch(Struct, frozen=True):
    """One set type in a kernel and in an image: (lowest, highest) revision each, None where it has none."""

    name: str
    kernel: tuple[int, int] | None
    image: tuple[int, int] | None
    relation: Relation
    reason: str = ""  # of an unknown


class SourceInfo(Struct, frozen=True):
    """Something that a kernel was read from. `kind`: `directory`, `image`, `config`, `kernel image`, `deb`, `rpm`,
    `host`, `facts`. `holds` says what of the kernel is in it: `modules`, `module lists`, `config`, `kernel image`."""

    kind: str
    label: str
    holds: tuple[str, ...]


def what_would_answer(sources: Sequence[SourceInfo]) -> str:
    """What else to give so that more of a kernel is known than these sources show."""
    holds = {word for source in sources for word in source.holds}
    has_tree = not holds.isdisjoint({"modules", "module lists"})
    if any(source.kind == "host" for source in sources) and not has_tree:
        return "mount /lib/modules"
    if not has_tree:
        return "give the module tree (/lib/modules/RELEASE) or the kernel's packages too"
    if "module lists" not in holds:
        return "give the whole module tree or the kernel's own package too"
    return "give the kernel's config and its other packages too"


class Kernel(Struct, frozen=True):
    """One kernel as its sources show it.

    `release` is as `uname -r` prints it; of a config alone, the version that it was made for. `version` is `()`
    where nothing tells it. `architecture` is written as in OCI platforms (`amd64`, `ppc64le`), "" where unknown.
    `set_types_unknown` lists (module or "ip_set_*", reason) where a type's revisions could not be read.
    `modprobe_path` is what the kernel runs to load a module, None where `modprobe_reason` says why it isn't known;
    "" is a kernel that never runs one. `module_compression` is what its module files have ("", `gz`, `xz`, `zst`),
    most frequent first; `compression_config` what its config says they shall have, None where that is unknown;
    `decompresses` whether the kernel itself can decompress them (CONFIG_MODULE_DECOMPRESS).
    `node` is the machine's name and `cpu_level` its processor's level (see auditor.processor), where its facts were
    given; `cpu_reason` says why they tell no level.
    """

    release: str
    version: Version
    architecture: str
    sources: tuple[SourceInfo, ...]
    features: tuple[FeatureAnswer, ...]
    set_types: tuple[SetTypeRange, ...] = ()
    set_types_unknown: tuple[tuple[str, str], ...] = ()
    modprobe_path: str | None = None
    modprobe_reason: str = ""
    module_compression: tuple[str, ...] = ()
    compression_config: str | None = None
    decompresses: bool | None = None
    node: str = ""
    cpu_level: str = ""
    cpu_reason: str = ""

    def feature(self, name: str) -> FeatureAnswer:
        """The answer to the need of that id; KeyError where it was not asked."""
        for answer in self.features:
            if answer.need.id == name:
                return answer
        raise KeyError(name)
