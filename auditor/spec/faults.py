"""What can be wrong with a spec, and what a row of each kind must and may say."""

import re
from collections.abc import Iterable, Iterator

import msgspec
from msgspec import Struct, structs

from auditor.errors import UsageError
from auditor.processor import check_level
from auditor.spec.model import Kind, Requirement

#: purl types of the databases that are read.
PACKAGE_TYPES = ("deb", "rpm", "apk", "opkg")
CONFIG_FIELDS = ("user", "non_root", "entrypoint", "cmd", "ports", "labels", "env")
# What a row of each kind must say, beside the fields that every row has.
_REQUIRED_FIELDS: dict[Kind, tuple[str, ...]] = {
    Kind.TOOL: ("tool", "programs"),
    Kind.LIBRARY: ("tools", "sonames"),
    Kind.FEATURE: ("tools",),
    Kind.VARIANT: ("tools", "flavour"),
    Kind.KERNEL: ("needs",),
    Kind.CPU: ("cpu_floor",),
    Kind.PACKAGE: ("packages",),
    Kind.FILE: ("path",),
    Kind.CONFIG: (),
    Kind.PLUGIN: ("tools", "directory", "plugins"),
}
# What it may say beside them; any other field would be read by nobody.
_FURTHER_FIELDS: dict[Kind, tuple[str, ...]] = {
    Kind.PLATFORMS: ("platforms",),
    Kind.TOOL: ("minimum", "pattern", "order", "version_from", "packages"),
    Kind.FEATURE: ("extensions", "link_types", "set_types", "needs"),
    Kind.VARIANT: ("minimum",),
    Kind.PACKAGE: ("minimum",),
    Kind.FILE: ("owner", "mode", "digest", "not_empty"),
    Kind.CONFIG: CONFIG_FIELDS,
}
_OF_EVERY_ROW = ("id", "kind", "section", "text", "severity", "families", "modes", "except_modes")


class Fault(Struct, frozen=True):
    """One thing that is wrong with a spec: in which row (its id, or ""), at which of its fields, and what to do."""

    what: str
    row: str = ""
    field: str = ""
    remedy: str = ""

    def error(self, where: str) -> UsageError:
        """The fault as it ends a command."""
        return UsageError(f"requirement {self.row}: {self.what}" if self.row else self.what, where, self.remedy)


def field_faults(requirements: Iterable[Requirement]) -> Iterator[Fault]:
    """What each row says that can't be meant, leaves out, or says to nobody."""
    for row in requirements:
        for check in (_left_out, _unread, _bad_names, _pattern_faults, _bad_levels):
            yield from check(row)


def _left_out(row: Requirement) -> Iterator[Fault]:
    for field in _REQUIRED_FIELDS.get(row.kind, ()):
        if not getattr(row, field):
            yield Fault(f"a row of kind {row.kind} needs `{field}`", row.id, field)
    if row.kind is Kind.CONFIG and not any(getattr(row, field) for field in CONFIG_FIELDS):
        remedy = f"it has: {', '.join(CONFIG_FIELDS)}"
        yield Fault("a row of kind config asks for nothing", row.id, "kind", remedy)


def _unread(row: Requirement) -> Iterator[Fault]:
    known = (*_REQUIRED_FIELDS.get(row.kind, ()), *_FURTHER_FIELDS.get(row.kind, ()))
    for field in structs.fields(row):
        if field.name in (*_OF_EVERY_ROW, *known):
            continue
        default = field.default_factory() if field.default is msgspec.NODEFAULT else field.default
        if getattr(row, field.name) != default:
            remedy = f"it has: {', '.join(known)}" if known else ""
            yield Fault(f"a row of kind {row.kind} has no `{field.name}`", row.id, field.name, remedy)


def _bad_names(row: Requirement) -> Iterator[Fault]:
    for soname in row.sonames:
        if ".so" not in soname:
            yield Fault(f"'{soname}' is no soname, which has `.so` in it", row.id, "sonames", "write libfoo.so.*")
    for program in row.programs:
        if "/" in program or not program:
            yield Fault(f"'{program}' is no program's name: it is looked up on PATH", row.id, "programs")
    for plugin in row.plugins:
        if "/" in plugin or not plugin:
            yield Fault(f"'{plugin}' is no file name: its directory is `directory`", row.id, "plugins")
    for kind in row.packages:
        if kind not in PACKAGE_TYPES:
            remedy = f"the types are: {', '.join(PACKAGE_TYPES)}"
            yield Fault(f"'{kind}' is no type of package", row.id, "packages", remedy)


def _bad_levels(row: Requirement) -> Iterator[Fault]:
    try:
        for architecture, level in row.cpu_floor.items():
            check_level(architecture, level, f"requirement {row.id}")
    except UsageError as error:
        yield Fault(error.what, row.id, "cpu_floor", error.remedy)


def _pattern_faults(row: Requirement) -> Iterator[Fault]:
    if not row.pattern:
        return
    if row.version_from:
        yield Fault("`pattern` and `version_from` exclude each other", row.id, "version_from")
    try:
        groups = re.compile(row.pattern.encode()).groups
    except re.error as error:
        yield Fault(f"`pattern` is no regular expression: {error}", row.id, "pattern")
        return
    if groups != 1:
        remedy = "put parentheses around the version, and (?:…) around other parts"
        yield Fault(f"`pattern` has {groups} groups, and one is the version", row.id, "pattern", remedy)
