"""From a spec's name or file to a checked value."""

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path

import msgspec

from auditor.errors import UsageError, did_you_mean
from auditor.files import exists, parse_toml, read_small_file
from auditor.spec.faults import Fault, field_faults
from auditor.spec.model import FORMS, Incident, Kind, Module, Requirement, Spec, SpecFile
from auditor.spec.text import with_text

DEFAULT_SPEC = "calico-system-requirements"
_MAX_EXTENDS = 8
_UNFIT = re.compile(r"Expected `str` matching regex (.+) - at `\$\.(.+)`")
_SHIPPED = Path(__file__).parent  # not importlib.resources, which brings zipfile along

# Kinds that hold an image's own rows: findings about loading and starting belong to them.
_ALWAYS_PRESENT = (Kind.LOADS, Kind.ENTRYPOINT, Kind.PLATFORMS)


def shipped_specs() -> tuple[str, ...]:
    """The names of the specs that come with the auditor."""
    return tuple(sorted(entry[:-5] for entry in os.listdir(_SHIPPED) if entry.endswith(".toml")))  # noqa: PTH208


def load_spec(name_or_file: str = DEFAULT_SPEC) -> Spec:
    """Load a shipped spec by name, or a file by path; UsageError says what is wrong and where."""
    chain = _chain(name_or_file)
    spec, faults = _merge(chain)
    if faults:
        raise faults[0].error(chain[-1][0])
    return spec


def read_spec(text: str, where: str) -> Spec:
    """A spec from the text of a file, which extends shipped ones only; UsageError says what is wrong with it."""
    data = text.encode()
    file = _parse(where, data)
    spec, faults = _merge([*(_chain(file.extends) if file.extends else []), (where, data, file)])
    if faults:
        raise faults[0].error(where)
    return spec


def find_faults(name_or_file: str) -> tuple[str, tuple[Fault, ...]]:
    """Everything that is wrong with a spec, and the text of its file; UsageError where it can't be read at all."""
    chain = _chain(name_or_file)
    return chain[-1][1].decode(), _merge(chain)[1]


def _merge(chain: list[tuple[str, bytes, SpecFile]]) -> tuple[Spec, tuple[Fault, ...]]:
    """The spec, as far as its rows can be taken, and what is wrong with the others."""
    rows: dict[str, dict[str, object]] = {}
    modules: dict[str, Module] = {}
    incidents: list[Incident] = []
    default_modes: tuple[str, ...] = ()
    faults: list[Fault] = []
    digest = hashlib.sha256()
    for _, data, file in chain:
        digest.update(data)
        for pattern in file.drop:
            dropped = [row_id for row_id in rows if fnmatchcase(row_id, pattern)]
            if not dropped:
                faults.append(Fault(f"drop pattern '{pattern}' matches no requirement"))
            for row_id in dropped:
                del rows[row_id]
        for row in (*file.requirement, *(_tool_row(name, fields) for name, fields in file.tool.items())):
            known = row.get("id")
            if isinstance(known, str) and known:
                rows[known] = {**rows.get(known, {}), **row}
            else:
                faults.append(Fault("a requirement has no id"))
        modules.update(file.module)
        incidents.extend(file.incident)
        default_modes = file.default_modes or default_modes
    requirements = []
    for name, fields in rows.items():
        row_or_fault = _requirement(name, fields)
        if isinstance(row_or_fault, Fault):
            faults.append(row_or_fault)
        else:
            requirements.append(row_or_fault)
    faults += field_faults(requirements)
    faults += _row_faults(rows, requirements)
    faults += _module_faults(requirements, modules)
    last = chain[-1][2]
    spec = Spec(
        name=last.name,
        version=last.version,
        title=last.title or last.name,
        digest=f"sha256:{digest.hexdigest()}",
        requirements=tuple(map(with_text, requirements)),
        modules=modules,
        incidents=tuple(incidents),
        default_modes=default_modes,
        instead=last.instead,
    )
    return spec, tuple(faults)


def _tool_row(name: str, fields: dict[str, object]) -> dict[str, object]:
    """The row that a table [tool.NAME] stands for."""
    programs = {} if "programs" in fields else {"programs": [name]}
    return {"id": f"tool.{name}", "kind": "tool", "tool": name, **programs, **fields}


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
        return f"spec {name_or_file}", (_SHIPPED / f"{name_or_file}.toml").read_bytes(), Path()
    path = base / name_or_file
    if not exists(path):
        remedy = did_you_mean(name_or_file, shipped_specs()) or f"the shipped specs are: {', '.join(shipped_specs())}"
        raise UsageError("can't read the spec: there is none of that name, and no such file", str(path), remedy)
    return str(path), read_small_file(path, "the spec"), path.parent


def _parse(where: str, data: bytes) -> SpecFile:
    try:
        return msgspec.convert(parse_toml(data, "the spec", where), SpecFile)
    except msgspec.ValidationError as error:
        raise UsageError(f"not a spec: {_in_words(str(error))}", where, "see `audit-image schema spec`") from error


def _requirement(row_id: str, row: dict[str, object]) -> Requirement | Fault:
    try:
        return msgspec.convert(row, Requirement)
    except msgspec.ValidationError as error:
        field = str(error).partition("`$.")[2].rstrip("`").partition("[")[0].partition(".")[0]
        return Fault(_in_words(str(error)), row_id, field, "see `audit-image schema spec`")


def _in_words(message: str) -> str:
    """A fault of a value's form, as people know the form."""
    found = _UNFIT.fullmatch(message)
    words = next((words for pattern, words in FORMS.items() if found and found[1] == repr(pattern)), "")
    return f"`{found[2]}` is not {words}" if found and words else message


def _row_faults(rows: Mapping[str, object], requirements: list[Requirement]) -> Iterator[Fault]:
    """Rows that are missing, and rows that build on a tool that no row is about."""
    for kind in _ALWAYS_PRESENT:
        found = sum(row.kind is kind for row in requirements)
        if found != 1:
            remedy = "" if found else 'extends = "base" brings it'
            yield Fault(f"a spec has exactly one row of kind {kind}, this one has {found}", remedy=remedy)
    tools = {row.tool for row in requirements if row.kind is Kind.TOOL}
    tools |= {row_id.removeprefix("tool.") for row_id in rows if row_id.startswith("tool.")}
    for row in requirements:
        unknown = sorted(set(row.tools) - tools)
        if unknown:
            yield Fault(f"no row of kind tool is about {', '.join(unknown)}", row.id, "tools")


def _module_faults(requirements: list[Requirement], modules: dict[str, Module]) -> Iterator[Fault]:
    for row in requirements:
        unknown = [name for name in (row.needs.modules if row.needs else ()) if name not in modules]
        if unknown:
            remedy = f"describe each in a table [module.{unknown[0]}]"
            yield Fault(f"no table describes {', '.join(unknown)}", row.id, "needs", remedy)
