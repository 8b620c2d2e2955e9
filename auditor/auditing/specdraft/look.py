"""What a draft is made from: the image looked at for the programs that its entrypoint starts."""

from collections.abc import Iterable, Iterator

from msgspec import Struct

from auditor.filetree import FileKind
from auditor.image.model import Image
from auditor.inventory.build import Readers, take_inventory
from auditor.inventory.files import file_facts
from auditor.inventory.model import FileFact, Inventory, Tool
from auditor.inventory.wanted import Wanted
from auditor.packages import Packages
from auditor.process.launch import launch as follow_launch
from auditor.process.model import Role, Start
from auditor.process.path import lookup, search_path
from auditor.tools.catalogue import tools_of


class Look(Struct, frozen=True):
    """An inventory with the started programs as its tools; `scripts` and `configuration` are files of theirs."""

    inventory: Inventory
    scripts: tuple[FileFact, ...]
    configuration: tuple[FileFact, ...]

    @property
    def tools(self) -> tuple[Tool, ...]:
        """The tools of which a program was found."""
        return tuple(tool for tool in self.inventory.tools if tool.programs)


def look(image: Image) -> Look:
    """Find the programs that the entrypoint and its scripts start by name, and look at them as an audit would."""
    starts = follow_launch(image.tree, image.config, image.budget.steps).starts
    started = {start.real_path for start in starts}
    programs: dict[str, tuple[str, ...]] = {}
    for name in _on_path(image, starts):
        tool = next(iter(tools_of(name)), name)
        programs[tool] = tuple(dict.fromkeys((*programs.get(tool, ()), name)))
    readers = Readers.of(image)
    inventory = take_inventory(image, Wanted(programs=programs), readers)
    scripts = {one.resolved_path for one in inventory.executables if one.kind == "script"} & started
    scripts |= {start.real_path for start in starts if start.role is Role.SOURCED}
    return Look(
        inventory,
        file_facts(image.tree, scripts, ()),
        file_facts(image.tree, _configuration(image, readers.packages, inventory), ()),
    )


def _on_path(image: Image, starts: Iterable[Start]) -> Iterator[str]:
    """The names of what the entrypoint starts, where PATH leads from the name to that very file."""
    search = search_path(image.config.env, image.config.working_dir)
    for start in starts:
        name = start.path.rpartition("/")[2]
        found = lookup(image.tree, name, search)
        if found.path is not None and found.real_path == start.real_path:
            yield name


def _configuration(image: Image, packages: Packages, inventory: Inventory) -> Iterator[str]:
    """Configuration files that are there and not empty, of the packages that are built from a tool's source."""
    owners = {binary.package for tool in inventory.tools for binary in tool.programs}
    sources = {package.source or package.name for package in packages.packages if package.name in owners}
    for package in packages.packages:
        for owned in packages.files(package) if (package.source or package.name) in sources else ():
            node = image.tree.find(owned.path).node
            if owned.configuration and node is not None and node.kind is FileKind.REGULAR and node.size:
                yield owned.path
