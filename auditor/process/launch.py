"""What a container runtime starts from an image's Entrypoint and Cmd, and all that follows from it."""

import json

from auditor.budget import Allowance
from auditor.filetree import FileKind, FileTree
from auditor.image.model import Config
from auditor.process.follow import Follower
from auditor.process.model import Launch, LaunchFault, LaunchProblem, LaunchUnknown, Lookup, Origin, Role
from auditor.process.path import SearchPath, absolute, lookup, search_path
from auditor.process.services import follow_services
from auditor.process.state import Call, Context


def command_line(config: Config) -> tuple[str, ...]:
    """What the runtime starts: Entrypoint, then Cmd (OCI image-spec, config.md); an Entrypoint of `[""]` is none."""
    entrypoint = () if config.entrypoint == ("",) else config.entrypoint
    return (*entrypoint, *config.cmd)


def launch(tree: FileTree, config: Config, steps: Allowance | None = None) -> Launch:
    """Follow an image's own start through its files, without running any of them.

    The runtime looks the first word up on PATH, or from the WorkingDir where it has a slash, and starts the file with
    execve(2); from there on scripts are read. What can't be told is among the unknowns; raises nothing but
    LimitExceeded where `steps` don't suffice.
    """
    argv = command_line(config)
    origin = Origin("", 0, json.dumps(list(argv), ensure_ascii=False))
    if not argv:
        message = "the image has no Entrypoint and no Cmd: whoever starts it has to name a program"
        return Launch(argv, unknowns=(LaunchUnknown(message, origin),))
    search = search_path(config.env, config.working_dir)
    follower = Follower(tree, steps)
    problem = _working_directory(tree, search.working_dir, origin)
    if problem is not None:
        follower.findings.problems[problem] = None
    _start(follower, argv, search, origin)
    follow_services(follower)
    findings = follower.findings
    return Launch(argv, tuple(findings.starts), tuple(findings.problems), tuple(findings.unknowns))


def _start(follower: Follower, argv: tuple[str, ...], search: SearchPath, origin: Origin) -> None:
    context = Context(search)
    found = lookup(follower.tree, argv[0], search)
    if found.path is None:
        follower.findings.problems[_not_found(found, search, origin)] = None
        return
    if "/" not in argv[0] and _through_relative_entry(search, found.path, argv[0]):
        message = f"{argv[0]!r} is found through a relative entry of PATH, which some runtimes refuse"
        follower.findings.unknown(message, origin)
    follower.execute(Call(found.path, argv[1:], context, origin, Role.ENTRYPOINT, demanded=True))


def _through_relative_entry(search: SearchPath, path: str, name: str) -> bool:
    for entry in search.entries:
        if absolute(f"{entry}/{name}" if entry else name, search.working_dir) == path:
            return not entry.startswith("/")
    return False


def _not_found(found: Lookup, search: SearchPath, origin: Origin) -> LaunchProblem:
    name = found.name
    if found.passed_over:
        place, fault = found.passed_over[0]
        why = "is a dangling link" if fault is LaunchFault.MISSING else "is not an executable file"
        return LaunchProblem(fault, name, place, f"{origin} start {name!r}, but {place} {why}", origin)
    if "/" in name:
        place = absolute(name, search.working_dir)
        message = f"{origin} start {name!r}, which is not in the image"
        return LaunchProblem(LaunchFault.MISSING, name, place, message, origin)
    message = f"{origin} start {name!r}, which is not found on the image's PATH"
    return LaunchProblem(LaunchFault.MISSING, name, name, message, origin)


def _working_directory(tree: FileTree, path: str, origin: Origin) -> LaunchProblem | None:
    """A WorkingDir that isn't there is made by the runtime; one that is something else than a directory can't be."""
    node = tree.find(path).node if path != "/" else None
    if node is None or node.kind is FileKind.DIRECTORY:
        return None
    message = f"the image's WorkingDir {path} is not a directory"
    return LaunchProblem(LaunchFault.WORKING_DIRECTORY, path, path, message, origin)
