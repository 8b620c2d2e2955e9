"""From an image to its inventory: one look at each thing, in the order in which they build on each other."""

from msgspec import Struct
from msgspec.structs import replace

from auditor.elf.linker import Linker
from auditor.image.model import Image
from auditor.inventory.abilities import known_set_types, link_types_of_ip
from auditor.inventory.binaries import ToolReader
from auditor.inventory.cpu import cpu_floors
from auditor.inventory.declared import DeclaredVersions
from auditor.inventory.drift import changed_files, missing_files
from auditor.inventory.files import file_facts
from auditor.inventory.golang import go_kernel_floors, go_programs
from auditor.inventory.kmod import take_kmod
from auditor.inventory.model import Inventory
from auditor.inventory.objects import elf_objects, find_floors
from auditor.inventory.owners import Owners
from auditor.inventory.plugindirs import plugin_directories
from auditor.inventory.plugins import PluginReader, plugin_files
from auditor.inventory.programs import look_at_programs, merge_notices, merge_problems
from auditor.inventory.runtime import contradicting, distribution, runtime_config
from auditor.inventory.standins import read_stand_ins
from auditor.inventory.start import entry_programs, start_problems, start_unknowns
from auditor.inventory.usage import Usage
from auditor.inventory.wanted import Wanted
from auditor.inventory.whereabouts import NameIndex, reached_names, whereabouts, with_place
from auditor.machine import architecture
from auditor.packages import Packages, read_packages
from auditor.process.launch import launch as follow_launch
from auditor.process.path import environment, executables, search_path
from auditor.tools.project.kmod import KMOD


class Readers(Struct, frozen=True):
    """What reads an image's packages and programs, and remembers what it read, however often the image is looked at."""

    packages: Packages
    owners: Owners
    linker: Linker

    @staticmethod
    def of(image: Image) -> "Readers":
        """Fresh ones, which draw from the image's budget."""
        tree, config = image.tree, image.config
        packages = read_packages(tree, image.budget)
        linker = Linker(
            tree,
            env=environment(config.env),
            working_dir=config.working_dir or "/",
            machine=architecture(config.platform.architecture),
            budget=image.budget,
        )
        return Readers(packages, Owners(tree, packages), linker)


def take_inventory(image: Image, wanted: Wanted, readers: Readers) -> Inventory:
    """Find everything that a report is about."""
    tree, config = image.tree, image.config
    packages, owners, linker = readers.packages, readers.owners, readers.linker
    env = environment(config.env)
    search = search_path(config.env, config.working_dir)
    on_path = executables(tree, search)
    launch = follow_launch(tree, config, image.budget.steps)
    reached = reached_names(tree, (path.rpartition("/")[2] for entry in on_path for path in entry.names), search)
    stand_ins = read_stand_ins(tree, reached, wanted.names, search, image.budget.steps)
    picked = [start for stand_in in stand_ins.values() for start in stand_in.starts]
    looked_at = look_at_programs(tree, on_path, launch, picked, linker, owners)
    closures = looked_at.closures
    problems = merge_problems(tree, closures.values())

    go = go_programs(tree, linker, closures)
    declared = DeclaredVersions(tree, owners, go)
    reader = ToolReader(tree, linker, owners, closures, stand_ins, wanted.patterns, wanted.version_from, declared)
    tools = reader.tools(reached, wanted.programs)
    plugins = PluginReader(tree, linker, closures, env)
    extensions = plugins.extensions(tools)

    usage = Usage(tools, closures)
    absent = {name: tool for tool, names in wanted.programs.items() for name in names if name not in reached}
    gone, rest = missing_files(tree, packages, usage.packages(owners), usage.missed(absent, problems))
    floors = find_floors(tree, linker, tools, closures)
    sought = {stand_in.target.rpartition("/")[2] for stand_in in stand_ins.values() if stand_in.target}
    index = NameIndex(tree, lambda path: elf.soname if (elf := linker.elf(path)) else None)
    lacking = (wanted.names | sought) - reached.keys()
    known = whereabouts(tree, index, search, lacking, plugin_files(wanted.extensions), problems)
    return Inventory(
        platform=config.platform,
        config=runtime_config(image),
        path=search.directories,
        tools=tuple(with_place(tool, wanted.programs[tool.name], known) for tool in tools),
        executables=looked_at.executables,
        problems=problems,
        notices=merge_notices(closures.values()),
        extensions=extensions,
        set_types=known_set_types(tree, linker, closures, tools),
        link_types=link_types_of_ip(tree, tools, wanted.link_types),
        link_types_asked=wanted.link_types,
        packages=owners.installed(),
        package_warnings=tuple(f"{warning.path}: {warning.message}" for warning in packages.warnings),
        distribution=distribution(tree),
        objects=elf_objects(tree, linker, owners, [*usage.closures, *plugins.plugin_closures]),
        drift=(*changed_files(tree, owners, usage.files), *gone),
        missing_files=rest,
        libraries=index.libraries(),
        whereabouts=known,
        start_problems=start_problems(tree, launch),
        start_unknowns=start_unknowns(launch),
        entry=entry_programs(launch),
        floors=replace(
            floors,
            kernel=tuple(sorted((*floors.kernel, *go_kernel_floors(tree, go)), key=lambda floor: floor.path)),
            cpu=cpu_floors(tree, linker, closures, go),
        ),
        go=go,
        files=file_facts(tree, wanted.files, wanted.hashed),
        plugins=plugin_directories(tree, linker, closures, tools, wanted.plugins),
        offered_as=contradicting(image),
        offered=image.offered if len(image.offered) > 1 else (),
        kmod=take_kmod(tree, linker, owners, search) if KMOD in wanted.further_tools else None,
    )
