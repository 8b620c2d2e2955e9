"""What a program is, by its own bytes: which tool, which version, which flavour.

Nothing is guessed: a program that holds several strings that could be its version has none.
"""

import re
from collections.abc import Callable, Iterable
from typing import cast

from auditor.elf.read.file import ElfFile, NotElf, read_elf
from auditor.filetree import Content, facts_of
from auditor.tools.catalogue import tools_of
from auditor.tools.loaded import Loaded, load
from auditor.tools.model import Evidence, Identity, Signs
from auditor.tools.project import PROJECTS, Project, busybox

#: Gives real path and content of an object of the program's closure, by a glob of its soname.
Library = Callable[[str], tuple[str, Content] | None]

_NO_TOOL, _TOO_LARGE = "not a program of a known tool", "too large for a program of a known tool"
#: The reasons of an ELF file that shows the signs of no project.
NOT_OF_A_PROJECT = (f"other: {_NO_TOOL}", f"other: {_TOO_LARGE}")
_FACT = "signs"
_KEPT = 256  # files
_Told = tuple[Project, Signs]
_kept: dict[bytes, _Told | str] = {}  # by the file's digest: one multi-call binary has some thirty names


def identify(name: str, path: str, content: Content, elf: ElfFile | NotElf, library: Library) -> Identity:
    """What the file behind the program `name` is; `path` is its real path, for the evidence.

    - A script has the tool "" and the reason `script`.
    - busybox and toybox are the tool `busybox`, with the reason `applet`.
    - A file that is no program of a tool that `name` belongs to has the tool "" and a reason that starts with `other`.
    - Else the tool is the one that `name` belongs to. Where its version is None, the reason is `no version string` or
      `ambiguous: A, B`.
    """
    if isinstance(elf, NotElf):
        if content.read(0, 2) == b"#!":
            return Identity("", None, None, (Evidence("script", "#!", path),), "script")
        return Identity("", None, None, (), f"other: {elf.reason}")
    told = shown_by(content, elf)
    if isinstance(told, str):
        return Identity("", None, None, (), f"other: {told}")
    project, signs = told
    if isinstance(project, busybox.Busybox):
        version = signs.versions[0] if signs.versions else None
        return Identity(busybox.NAME, version, None, (Evidence("applet", signs.words, path),), "applet")
    expected = tools_of(name)
    tool = next((tool for tool in expected if tool in project.tools), None) if expected else project.tools[0]
    if tool is None:
        return Identity("", None, None, (), f"other: a program of {project.tools[0]}")
    if signs.programs and name in project.named_by_banner and name not in signs.programs:
        return Identity("", None, None, (), f"other: {' or '.join(sorted(signs.programs))} of {tool}")
    if signs.library:
        return _by_library(tool, project, signs, library)
    return _identity(tool, signs.flavour, signs.versions, "elf-string", path)


def identify_by_pattern(
    tool: str, pattern: re.Pattern[bytes], path: str, content: Content, elf: ElfFile | NotElf
) -> Identity:
    """What the file behind a tool's program is, where a spec says how its version shows: the pattern's one group.

    Scripts and applets are told as `identify` tells them. The tool is always taken for what its name says.
    """
    plain = identify("", path, content, elf, lambda _: None) if isinstance(elf, NotElf) else None
    if plain is not None:
        return plain
    assert isinstance(elf, ElfFile)
    told = shown_by(content, elf)
    if isinstance(told, tuple) and isinstance(told[0], busybox.Busybox):
        return identify("", path, content, elf, lambda _: None)
    loaded = load(content, elf)
    parts = [part.data for part in loaded.parts] if not loaded.too_large else [content.read()]
    found = {match[1].decode("ascii", "replace") for part in parts for match in pattern.finditer(part) if match[1]}
    return _identity(tool, None, sorted(found), "elf-string", path)


def read_signs(loaded: Loaded) -> tuple[Project, Signs] | None:
    """The project that a program comes from, and its signs; None where it is none of the known ones."""
    for project in PROJECTS:
        signs = project.read(loaded)
        if signs is not None:
            return project, signs
    return None


def _identity(tool: str, flavour: str | None, versions: Iterable[str], kind: str, path: str) -> Identity:
    found = tuple(versions)
    if len(found) == 1:
        return Identity(tool, found[0], flavour, (Evidence(kind, found[0], path),))
    reason = f"ambiguous: {', '.join(found)}" if found else "no version string"
    return Identity(tool, None, flavour, (), reason)


def _by_library(tool: str, project: Project, signs: Signs, library: Library) -> Identity:
    """The version of a program that leaves it to its library to say."""
    found = library(signs.library)
    if found is None:
        return Identity(tool, None, signs.flavour, (), f"no version string: no {signs.library} is loaded")
    path, content = found
    elf = read_elf(content)
    versions = () if isinstance(elf, NotElf) else project.library_versions(load(content, elf))
    return _identity(tool, signs.flavour, versions, "library-string", path)


def shown_by(content: Content, elf: ElfFile) -> _Told | str:
    """The project that a program comes from and its signs, or why it is of none; for the next name that leads to the
    same bytes it is kept.
    """
    facts = facts_of(content)
    match facts.known.get(_FACT):
        case known_elf, told if known_elf is elf:
            return cast("_Told | str", told)
    loaded = load(content, elf)
    if loaded.too_large:
        return _TOO_LARGE
    if loaded.digest not in _kept:
        if len(_kept) >= _KEPT:
            _kept.clear()
        _kept[loaded.digest] = read_signs(loaded) or _NO_TOOL
    facts.known[_FACT] = elf, _kept[loaded.digest]
    return _kept[loaded.digest]
