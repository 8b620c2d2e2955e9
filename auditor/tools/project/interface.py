"""The seam: what has to be known of one project."""

import abc
from typing import ClassVar

from auditor.tools.loaded import Loaded
from auditor.tools.model import Signs
from auditor.tools.versions import compare_dotted


class Project(abc.ABC):
    """One project and the tools that specs name after it. All that is known of it stands in its one file."""

    #: The names by which specs ask for its tools.
    tools: ClassVar[tuple[str, ...]]
    #: The programs that it installs; the first stands for the tool.
    programs: ClassVar[tuple[str, ...]] = ()
    #: What distributions call its source package.
    sources: ClassVar[tuple[str, ...]] = ()
    #: Programs that are more than one name of one file: what the banner says must be what the name says.
    named_by_banner: ClassVar[tuple[str, ...]] = ()
    #: Programs that are looked for beside those that a spec names.
    variants: ClassVar[tuple[str, ...]] = ()
    #: Whether images put scripts or launchers in the place of its programs that pick one of several.
    picked_at_run_time: ClassVar[bool] = False

    def tools_of(self, program: str) -> tuple[str, ...]:
        """The tools that a program of this file name belongs to; empty for any other name."""
        return self.tools if program in self.programs else ()

    def rank(self, tool: str, program: str) -> tuple[int, str]:  # noqa: ARG002 - a project of several tools needs it
        """A sort key of a tool's program names: the name that stands for the tool first, then by name."""
        return (self.programs.index(program) if program in self.programs else len(self.programs), program)

    @abc.abstractmethod
    def read(self, loaded: Loaded) -> Signs | None:
        """What a program's bytes show; None where it is none of this project's.

        A reader takes a program for its own only where words of its own are there.
        """

    def library_versions(self, loaded: Loaded) -> tuple[str, ...]:  # noqa: ARG002 - most programs say their own
        """The strings of the library that `Signs.library` names that could be the version."""
        return ()

    def compare(self, left: str, right: str) -> int | None:
        """Below, at or above 0 as `left` is older than, the same as or newer than `right`.

        Both are upstream's, or distributions' with epoch and revision, which don't count. None where one of them is
        not a version of the project, or where it can't be told.
        """
        return compare_dotted(left, right)
