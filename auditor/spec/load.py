"""From a spec's name or file to a checked value."""

import hashlib
from fnmatch import fnmatchcase
from importlib import resources
from pathlib import Path

import msgspec

from auditor.errors import UsageError, did_you_mean
from auditor.files import exists, parse_toml, read_small_file
from auditor.processor import check_level
from auditor.spec.model import Incident, Kind, Module, Requirement, Spec, SpecFile

DEFAULT_SPEC = "calico-system-requirements"
_MAX_EXTENDS = 8

# What a row of each kind must say, beside the fields that every row has.
_REQUIRED_FIELDS: dict[Kind, tuple[str, ...]] = {
    Kind.TOOL: ("tool", "programs"),
    Kind.LIBRARY: ("tools", "sonames"),
    Kind.FEATURE: ("tools",),
    Kind.VARIANT: ("tools", "flavour"),
    Kind.KERNEL: ("needs",),
    Kind.CPU: ("cpu_floor",),
}
# Kinds that hold an image's own rows: findings about loading and starting belong to them.
_ALWAYS_PRESENT = (Kind.LOADS, Kind.ENTRYPOINT, Kind.PLATFORMS)


def shipped_specs() -> tuple[str, ...]:
    """The names of the specs that come with the auditor."""
    folder = resources.files("auditor.spec")
    return tuple(sorted(entry.name[:-5] for entry in folder.iterdir() if entry.name.endswith(".toml")))


def load_spec(name_or_file: str = DEFAULT_SPEC) -> Spec:
    """Load a shipped spec by name, or a file by path; UsageError says what is wrong and where."""
    chain = _chain(name_or_file)
    rows: dict[str, dict[str, object]] = {}
    modules: dict[str, Module] = {}
    incidents: list[Incident] = []
    default_modes: tuple[str, ...] = ()
    digest = hashlib.sha256()
    for where, data, file in chain:
        digest.update(data)
        for pattern in file.drop:
            dropped = [row_id for row_id in rows if fnmatchcase(row_id, pattern)]
            if not dropped:
                raise UsageError(f"drop pattern '{pattern}' matches no requirement", where)
            for row_id in dropped:
                del rows[row_id]
        for row in file.requirement:
            name = row.get("id")
            if not isinstance(name, str):
                raise UsageError("a requirement has no id", where)
            rows[name] = {**rows.get(name, {}), **row}
        modules.update(file.module)
        incidents.extend(file.incident)
        default_modes = file.default_modes or default_modes
    where, _, last = chain[-1]
    requirements = tuple(_requirement(row_id, row, where) for row_id, row in rows.items())
    _check_rows(requirements, where)
    _check_modules(requirements, modules, where)
    return Spec(
        name=last.name,
        version=last.version,
        title=last.title,
        digest=f"sha256:{digest.hexdigest()}",
        requirements=requirements,
        modules=modules,
        incidents=tuple(incidents),
        default_modes=default_modes,
    )


def _chain(name_or_file: str) -> list[tuple[str, bytes, SpecFile]]:
    """The file and all that it extends, root first."""
    chain: list[tuple[str, bytes, SpecFile]] = []
    wanted, base = name_or_file, Path()
    while wanted:
        if len(chain) == _MAX_EXTENDS:
            raise UsageError(f"extends more than {_MAX_EXTENDS} specs, one after the other", name_or_file)
        where, data, base = _read(wanted, base)
        file = _parse(where, data)
        chain.insert(0, (where, data, file))
        wanted = file.extends
    return chain


def _read(name_or_file: str, base: Path) -> tuple[str, bytes, Path]:
    if name_or_file in shipped_specs():
        resource = resources.files("auditor.spec") / f"{name_or_file}.toml"
        return f"spec {name_or_file}", resource.read_bytes(), Path()
    path = base / name_or_file
    if not exists(path):
        remedy = did_you_mean(name_or_file, shipped_specs()) or f"the shipped specs are: {', '.join(shipped_specs())}"
        raise UsageError("can't read the spec: there is none of that name, and no such file", str(path), remedy)
    return str(path), read_small_file(path, "the spec"), path.parent


def _parse(where: str, data: bytes) -> SpecFile:
    try:
        return msgspec.convert(parse_toml(data, "the spec", where), SpecFile)
    except msgspec.ValidationError as error:
        raise UsageError(f"not a spec: {error}", where, "see `audit-image schema spec`") from error


def _requirement(row_id: str, row: dict[str, object], where: str) -> Requirement:
    try:
        requirement = msgspec.convert(row, Requirement)
    except msgspec.ValidationError as error:
        raise UsageError(f"requirement {row_id}: {error}", where, "see `audit-image schema spec`") from error
    for field in _REQUIRED_FIELDS.get(requirement.kind, ()):
        if not getattr(requirement, field):
            raise UsageError(f"requirement {row_id}: a row of kind {requirement.kind} needs `{field}`", where)
    for architecture, level in requirement.cpu_floor.items():
        check_level(architecture, level, f"{where}, requirement {row_id}")
    return requirement


def _check_rows(requirements: tuple[Requirement, ...], where: str) -> None:
    for kind in _ALWAYS_PRESENT:
        found = sum(row.kind is kind for row in requirements)
        if found != 1:
            raise UsageError(f"a spec has exactly one row of kind {kind}, this one has {found}", where)
    tools = {row.tool for row in requirements if row.kind is Kind.TOOL}
    for row in requirements:
        unknown = sorted(set(row.tools) - tools)
        if unknown:
            raise UsageError(f"requirement {row.id}: no row of kind tool is about {', '.join(unknown)}", where)


def _check_modules(requirements: tuple[Requirement, ...], modules: dict[str, Module], where: str) -> None:
    for row in requirements:
        unknown = [name for name in (row.needs.modules if row.needs else ()) if name not in modules]
        if unknown:
            remedy = f"describe each in a table [module.{unknown[0]}]"
            raise UsageError(f"requirement {row.id}: no table describes {', '.join(unknown)}", where, remedy)
