"""Which project each tool and each program name belongs to."""

from auditor.tools.project import PROJECTS, Project
from auditor.tools.versions import compare_dotted


def project_of(tool: str) -> Project | None:
    """The project that a spec's name of a tool is known for; None for any other."""
    return next((project for project in PROJECTS if tool in project.tools), None)


def tools_of(program: str) -> tuple[str, ...]:
    """The tools that a program of this file name belongs to; empty for any other name."""
    return next((tools for project in PROJECTS if (tools := project.tools_of(program))), ())


def order(tool: str, program: str) -> tuple[int, str]:
    """A sort key of a tool's program names: the name that stands for the tool first, then by name."""
    project = project_of(tool)
    return project.rank(tool, program) if project else (0 if program == tool else 1, program)


def variants_of(tool: str) -> tuple[str, ...]:
    """Programs that are looked for beside those that a spec names."""
    project = project_of(tool)
    return project.variants if project else ()


def is_picked_at_run_time(tool: str) -> bool:
    """Whether images have scripts or launchers in the place of the tool's programs that pick one of several."""
    project = project_of(tool)
    return project is not None and project.picked_at_run_time


def is_built_from(tool: str, source: str) -> bool:
    """Whether a source package of this name is the tool's project, or the project is not known."""
    project = project_of(tool)
    return project is None or source in project.sources


def compare_versions(tool: str, left: str, right: str) -> int | None:
    """Below, at or above 0 as `left` is older than, the same as or newer than `right`, as the tool's project counts.

    None where one of them is not a version of that project, and where it can't be told.
    """
    project = project_of(tool)
    return project.compare(left, right) if project else compare_dotted(left, right)
