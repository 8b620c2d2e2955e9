"""What a spec makes an audit look for: which files of an image to keep while it goes by, and what to find in them."""

import json
import re
from collections.abc import Iterable
from functools import lru_cache, partial

from auditor.inventory.wanted import Wanted
from auditor.kept import Keep, NamedKeep
from auditor.rules.model import further_tools
from auditor.spec import Kind, Spec


def wanted_by(spec: Spec) -> Wanted:
    """What all rows ask for, whatever the mode: a saved report is to be judged under any."""
    tools, features, files = spec.of_kind(Kind.TOOL), spec.of_kind(Kind.FEATURE), spec.of_kind(Kind.FILE)
    return Wanted(
        programs=_programs(spec),
        link_types=_names(row.link_types for row in features),
        extensions=_names(row.extensions.match + row.extensions.target for row in features),
        further_tools=further_tools(spec),
        patterns={row.tool: re.compile(row.pattern.encode()) for row in tools if row.pattern},
        version_from={row.tool: row.version_from for row in tools if row.version_from},
        files=tuple(row.path for row in files),
        hashed=tuple(row.path for row in files if row.digest),
        plugins=_plugins(spec),
    )


def keep_for(spec: Spec) -> Keep:
    """What an audit under this spec reads: with files that rows ask the content of, in any directory, since links of
    directories lead to them. The same for every image: layers that two of them have are read once."""
    hashed = tuple(f"/{row.path.rpartition('/')[2]}" for row in spec.of_kind(Kind.FILE) if row.digest)
    return _keep_for(hashed, tuple(row.version_from for row in spec.of_kind(Kind.TOOL)))


@lru_cache(maxsize=16)
def _keep_for(hashed: tuple[str, ...], sources: tuple[str, ...]) -> Keep:
    return NamedKeep(json.dumps((hashed, sources)), partial(_policy_for, hashed, sources))


def _policy_for(hashed: tuple[str, ...], sources: tuple[str, ...]) -> Keep:
    from auditor.inventory.declared import kept_for  # noqa: PLC0415 - these know how images are read
    from auditor.inventory.files import KEPT as NAMES  # noqa: PLC0415
    from auditor.inventory.keep import READERS  # noqa: PLC0415
    from auditor.kept import Kept, policy  # noqa: PLC0415

    return policy((*READERS, NAMES, kept_for(sources), Kept(endings=(("/", hashed),) if hashed else ())))


def _programs(spec: Spec) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for row in spec.of_kind(Kind.TOOL):
        found[row.tool] = tuple(dict.fromkeys((*found.get(row.tool, ()), *row.programs)))
    return found


def _plugins(spec: Spec) -> dict[tuple[str, str], tuple[str, ...]]:
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    for row in spec.of_kind(Kind.PLUGIN):
        for tool in row.tools:
            found[tool, row.directory] = (*found.get((tool, row.directory), ()), *row.plugins)
    return found


def _names(groups: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(sorted({name for group in groups for name in group}))
