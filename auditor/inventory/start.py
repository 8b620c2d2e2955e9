"""What the entrypoint starts that can't be started, or can't be told."""

from auditor.filetree import FileTree
from auditor.inventory.model import StartProblem, StartUnknown
from auditor.process.model import Launch, Role


def entry_programs(launch: Launch) -> tuple[str, ...]:
    """Real paths of what the runtime itself starts: Entrypoint or Cmd, and what interprets it where it is a script."""
    roles = (Role.ENTRYPOINT, Role.INTERPRETER)
    own = (start for start in launch.starts if start.role in roles and not start.origin.path and start.certain)
    return tuple(dict.fromkeys(start.real_path for start in own))


def start_problems(tree: FileTree, launch: Launch) -> tuple[StartProblem, ...]:
    """What would be started and can't, with the layer that wrote or deleted it."""
    problems = []
    for problem in launch.problems:
        node = tree.find(problem.path).node
        layer = node.layer if node is not None else _deleted_by(tree, problem.path)
        origin = problem.origin
        if node is None and layer is None and origin.path:
            script = tree.find(origin.path).node  # what was never there is mended where it is asked for
            layer = script.layer if script else None
        problems.append(
            StartProblem(problem.path, problem.message, layer, origin.path, origin.line, origin.text, problem.sure)
        )
    return tuple(problems)


def start_unknowns(launch: Launch) -> tuple[StartUnknown, ...]:
    """What is started in a way that can't be told from the outside."""
    return tuple(
        StartUnknown(entry.origin.path, entry.origin.line, entry.message, entry.unread) for entry in launch.unknowns
    )


def _deleted_by(tree: FileTree, path: str) -> int | None:
    """The layer that deleted a path, or any file of a bare name."""
    removals = tree.removals(path.rpartition("/")[2])
    fitting = [removal for removal in removals if "/" not in path or removal.path == path]
    return fitting[-1].layer if fitting else None
