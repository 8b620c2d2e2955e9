"""The kinds of change, by area: what scripts filter on, and the headings that people read."""

import enum

from msgspec import Struct


class Area(enum.StrEnum):
    """What a change is about, in the order in which it is told."""

    FINDINGS = "Findings"
    REQUIREMENTS = "Requirements"
    TOOLS = "Tools"
    LIBRARIES = "Libraries of the tools"
    EXTENSIONS = "xtables extensions and ipset set types"
    FLOORS = "Processor, kernel and symbol floors"
    GO = "Go programs"
    START = "Start and environment"
    PACKAGES = "Packages"
    FILES = "Files"
    IMAGE = "Image and layers"

    @property
    def word(self) -> str:
        """How options and JSON name it."""
        return self.name.lower()


#: What the contract is about: these decide by default, the rest is counted.
CONTRACT = (
    *(Area.FINDINGS, Area.REQUIREMENTS, Area.TOOLS, Area.LIBRARIES),
    *(Area.EXTENSIONS, Area.FLOORS, Area.START),
)


class Kind(Struct, frozen=True):
    """One kind of change. `heading` is how people read it."""

    id: str
    area: Area
    heading: str


_ALL = (
    Kind("finding-new", Area.FINDINGS, "new finding"),
    Kind("finding-fixed", Area.FINDINGS, "finding fixed"),
    Kind("finding-severity", Area.FINDINGS, "finding of another severity"),
    Kind("finding-waiver", Area.FINDINGS, "finding waived or no longer waived"),
    Kind("requirement-status", Area.REQUIREMENTS, "requirement"),
    Kind("requirement-state", Area.REQUIREMENTS, "documented library"),
    Kind("platform-lost", Area.REQUIREMENTS, "platform lost"),
    Kind("platform-gained", Area.REQUIREMENTS, "platform gained"),
    Kind("tool-lost", Area.TOOLS, "tool lost"),
    Kind("tool-gained", Area.TOOLS, "tool gained"),
    Kind("tool-version", Area.TOOLS, "version of tool"),
    Kind("tool-flavour", Area.TOOLS, "flavour that the name runs"),
    Kind("flavour-lost", Area.TOOLS, "flavour lost"),
    Kind("flavour-gained", Area.TOOLS, "flavour gained"),
    Kind("program-lost", Area.TOOLS, "program lost"),
    Kind("program-gained", Area.TOOLS, "program gained"),
    Kind("program-moved", Area.TOOLS, "program moved"),
    Kind("program-version", Area.TOOLS, "version of program"),
    Kind("program-kind", Area.TOOLS, "what kind of file the program is"),
    Kind("program-architecture", Area.TOOLS, "machine that the program is for"),
    Kind("program-interpreter", Area.TOOLS, "loader that the program asks for"),
    Kind("program-privileges", Area.TOOLS, "privileges that the program runs with"),
    Kind("link-type-lost", Area.TOOLS, "link type lost"),
    Kind("link-type-gained", Area.TOOLS, "link type gained"),
    Kind("library-added", Area.LIBRARIES, "library added"),
    Kind("library-removed", Area.LIBRARIES, "library removed"),
    Kind("library-bumped", Area.LIBRARIES, "soname bumped"),
    Kind("library-moved", Area.LIBRARIES, "library moved"),
    Kind("layer-moved", Area.LIBRARIES, "file in another layer"),
    Kind("extension-lost", Area.EXTENSIONS, "extension lost"),
    Kind("extension-gained", Area.EXTENSIONS, "extension gained"),
    Kind("extension-revision", Area.EXTENSIONS, "revision of extension"),
    Kind("set-type-lost", Area.EXTENSIONS, "set type lost"),
    Kind("set-type-gained", Area.EXTENSIONS, "set type gained"),
    Kind("set-type-revision", Area.EXTENSIONS, "revision of set type"),
    Kind("cpu-floor", Area.FLOORS, "processor floor"),
    Kind("kernel-floor", Area.FLOORS, "kernel floor"),
    Kind("symbol-floor", Area.FLOORS, "newest symbol version needed"),
    Kind("go-version", Area.GO, "release of Go"),
    Kind("go-module", Area.GO, "main module"),
    Kind("go-dependency", Area.GO, "module built in"),
    Kind("go-setting", Area.GO, "build setting"),
    Kind("entrypoint", Area.START, "entrypoint"),
    Kind("command", Area.START, "command"),
    Kind("user", Area.START, "user"),
    Kind("working-directory", Area.START, "working directory"),
    Kind("path", Area.START, "PATH"),
    Kind("environment", Area.START, "environment"),
    Kind("package-database", Area.PACKAGES, "package database"),
    Kind("package-added", Area.PACKAGES, "package added"),
    Kind("package-removed", Area.PACKAGES, "package removed"),
    Kind("package-upgraded", Area.PACKAGES, "package upgraded"),
    Kind("package-downgraded", Area.PACKAGES, "package downgraded"),
    Kind("package-changed", Area.PACKAGES, "package of another version"),
    Kind("file-changed", Area.FILES, "content of a file"),
    Kind("executable-added", Area.FILES, "program on PATH added"),
    Kind("executable-removed", Area.FILES, "program on PATH removed"),
    Kind("platform", Area.IMAGE, "platform"),
    Kind("distribution", Area.IMAGE, "distribution"),
    Kind("layer-added", Area.IMAGE, "layer added"),
    Kind("layer-removed", Area.IMAGE, "layer removed"),
    Kind("layer-order", Area.IMAGE, "order of layers"),
)
KINDS = {kind.id: kind for kind in _ALL}
ORDER = {kind.id: number for number, kind in enumerate(_ALL)}
