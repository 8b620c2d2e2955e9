"""Which tools a file, a library or a package serves."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from auditor.elf.model import Closure, LoadFault
from auditor.inventory.model import Problem, Tool
from auditor.inventory.owners import Owners


class Usage:
    """The tools of one image, seen from the files that they are made of."""

    def __init__(self, tools: Iterable[Tool], closures: Mapping[str, Closure]) -> None:
        self._programs: dict[str, set[str]] = defaultdict(set)
        for tool in tools:
            for binary in (*tool.binaries, *tool.candidates):
                self._programs[binary.resolved_path].add(tool.name)
        self._closures = {path: closures[path] for path in self._programs if path in closures}

    @property
    def closures(self) -> tuple[Closure, ...]:
        """The closures of the tools' programs."""
        return tuple(self._closures.values())

    @property
    def files(self) -> dict[str, set[str]]:
        """Real paths of programs and of what they load, with the tools that use them."""
        used: dict[str, set[str]] = defaultdict(set)
        for path, tools in self._programs.items():
            closure = self._closures.get(path)
            for loaded in (path, *(entry.real_path for entry in closure.objects if closure)) if closure else (path,):
                used[loaded] |= tools
        return used

    def packages(self, owners: Owners) -> dict[str, set[str]]:
        """Names of packages that have a program of a tool, with those tools."""
        found: dict[str, set[str]] = defaultdict(set)
        for path, tools in self._programs.items():
            if (record := owners.record(path)) is not None:
                found[record.package.name] |= tools
        return found

    def missed(self, programs: Mapping[str, str], problems: Iterable[Problem]) -> dict[str, set[str]]:
        """File names that a tool misses: programs (name -> tool) that PATH doesn't reach, libraries that they lack."""
        missed: dict[str, set[str]] = defaultdict(set, {name: {tool} for name, tool in programs.items()})
        for problem in problems:
            users = set().union(*(self._programs.get(program, ()) for program in problem.programs))
            if problem.fault is LoadFault.LIBRARY_MISSING and users:
                missed[problem.name.rpartition("/")[2]] |= users
        return missed
