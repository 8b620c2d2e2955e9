"""Directories of services: what a supervisor finds there, now or once the scripts have put it there.

runsvdir(8): one service for each subdirectory, or link to one, whose name doesn't begin with a dot. runsv(8) starts
`run` and then `finish` in it with execve(2), so that a script there needs its `#!` line; `log/run` likewise; `check`
and `control/*` when asked; nothing while there is a file `down`. s6-supervise does the same for `run` and `finish`.
"""

import posixpath
from collections.abc import Iterator

from msgspec import Struct
from msgspec.structs import replace

from auditor.filetree import FileKind, FileTree
from auditor.process.findings import Findings, Placement
from auditor.process.follow import Follower
from auditor.process.model import Origin, Role
from auditor.process.path import lookup
from auditor.process.state import Call, Context
from auditor.process.supervisors import Supervision

MAX_SERVICES = 1000
"""runsvdir's own limit for one directory."""


class Service(Struct, frozen=True):
    """`directory` holds the service's files now, `place` is where the supervisor sees them."""

    directory: str
    place: str
    certain: bool


def follow_services(follower: Follower) -> None:
    """Follow what the supervisors that were met start, and those that are met on the way."""
    supervisions = follower.findings.supervisions
    seen: set[tuple[Supervision, bool]] = set()
    while supervisions:
        supervision, origin, context = supervisions.pop(0)
        if (supervision, context.reached) in seen:
            continue
        seen.add((supervision, context.reached))
        _helper(follower, supervision, origin, context)
        for service in services(follower.tree, follower.findings, supervision.directory):
            inner = replace(context, reached=context.reached and service.certain, vital=True, arguments=())
            _service(follower, service, origin, inner)


def services(tree: FileTree, findings: Findings, directory: str) -> tuple[Service, ...]:
    """The services of a directory: those that are in it, then those that a script puts or may put into it."""
    found: dict[str, Service] = {}
    for name in tree.listdir(directory):
        path = f"{directory}/{name}"
        if not name.startswith(".") and _is_directory(tree, path):
            certain = not _withdrawn(tree, findings, path)
            found[name] = Service(path, path, certain)
    for placement in findings.placements:
        for source, place, certain in _placed(tree, placement, directory):
            name = posixpath.basename(place)
            if name not in found and _is_directory(tree, source):
                found[name] = Service(source, place, certain and not _withdrawn(tree, findings, place))
    return tuple(found.values())[:MAX_SERVICES]


def _is_directory(tree: FileTree, path: str) -> bool:
    node = tree.find(path).node
    return node is not None and node.kind is FileKind.DIRECTORY


def _withdrawn(tree: FileTree, findings: Findings, place: str) -> bool:
    """A file `down` keeps the service from being started, or some command takes away what it would be started from."""
    if tree.find(f"{place}/down").node is not None:
        return True
    parents = {place, posixpath.dirname(place), f"{posixpath.dirname(place)}/*"}
    own = {f"{place}/run", f"{place}/down", f"{place}/*"}
    return bool((parents | own) & findings.removed)


def _placed(tree: FileTree, placement: Placement, directory: str) -> Iterator[tuple[str, str, bool]]:
    """What `cp`, `mv` or `ln` puts into the directory: its source, its place, and whether that is sure."""
    into = placement.target == directory
    for source in placement.sources:
        name = posixpath.basename(source)
        if into:
            yield source, f"{directory}/{name}", placement.certain
        elif posixpath.dirname(placement.target) == directory:
            yield source, placement.target, placement.certain
        elif placement.target == posixpath.dirname(directory) and name == posixpath.basename(directory):
            for inner in tree.listdir(source):
                yield f"{source}/{inner}", f"{directory}/{inner}", placement.certain
    if not into and posixpath.dirname(placement.target) != directory:
        return
    for folder in placement.any_of:
        for name in tree.listdir(folder):
            yield f"{folder}/{name}", f"{directory}/{name}", False


def _helper(follower: Follower, supervision: Supervision, origin: Origin, context: Context) -> None:
    """The supervisor starts one helper for each service; that it isn't on PATH is left to be noted."""
    if lookup(follower.tree, supervision.helper, context.search).path is not None:
        follower.start(Call(supervision.helper, (), context, origin, Role.COMMAND))
    elif context.path_known:
        message = f"{supervision.supervisor} starts {supervision.helper!r} for each service: it is not found on PATH"
        follower.findings.unknown(message, origin)


def _service(follower: Follower, service: Service, origin: Origin, context: Context) -> None:
    run = f"{service.directory}/run"
    if follower.tree.find(run).node is None and follower.tree.lstat(run) is None:
        if context.reached:
            follower.findings.unknown(f"the service {service.place} has no file `run`", origin)
        return
    _start(follower, service.directory, "run", origin, context, demanded=context.reached)
    log = f"{service.directory}/log"
    if _is_directory(follower.tree, log):
        kept = context.reached and not _withdrawn(follower.tree, follower.findings, f"{service.place}/log")
        _start(follower, log, "run", origin, replace(context, reached=kept), demanded=kept)
    later = replace(context, reached=False, vital=False)
    for directory, name in ((service.directory, "finish"), (log, "finish"), (service.directory, "check")):
        _start_if_there(follower, directory, name, origin, later)
    control = f"{service.directory}/control"
    for name in follower.tree.listdir(control):
        _start_if_there(follower, control, name, origin, later, cwd=service.directory)


def _start_if_there(
    follower: Follower, directory: str, name: str, origin: Origin, context: Context, cwd: str | None = None
) -> None:
    if follower.tree.find(f"{directory}/{name}").node is not None:
        _start(follower, directory, name, origin, context, demanded=False, cwd=cwd)


def _start(
    follower: Follower,
    directory: str,
    name: str,
    origin: Origin,
    context: Context,
    *,
    demanded: bool,
    cwd: str | None = None,
) -> None:
    search = replace(context.search, working_dir=cwd or directory)
    inner = replace(context, search=search, directory_known=True)
    follower.execute(Call(f"{directory}/{name}", (), inner, origin, Role.SERVICE, demanded))
