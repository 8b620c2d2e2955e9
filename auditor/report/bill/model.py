"""A bill of materials as a value, before it is spelled as CycloneDX or SPDX.

Everything has an `id` that is unique in the bill and depends on the image alone, so that two runs write the same.
"""

from msgspec import Struct

from auditor.inventory.model import Distribution, ElfObject, InstalledPackage, Tool

Facts = tuple[tuple[str, str], ...]  # (name, value), in the order in which they are written


class PackageEntry(Struct, frozen=True):
    """One package that a database of the image lists. `purl` is empty where the package has no name."""

    id: str
    package: InstalledPackage
    purl: str


class FileEntry(Struct, frozen=True):
    """One ELF file of the tools; `owner` is the `id` of its package, empty where the databases know none."""

    id: str
    object: ElfObject
    owner: str
    facts: Facts


class Method(Struct, frozen=True):
    """One way in which a tool's version was seen. `technique` is CycloneDX's word, `confidence` from 0 to 1."""

    technique: str
    confidence: str
    value: str


class ToolEntry(Struct, frozen=True):
    """One documented tool that is in the image, with its own upstream version and how that was seen."""

    id: str
    tool: Tool
    methods: tuple[Method, ...]
    facts: Facts
    vendor: str = ""  # of the package that its first program is from


class ModuleEntry(Struct, frozen=True):
    """One Go module at one version, with the programs that it is built into; Go itself is the module `stdlib`."""

    id: str
    path: str
    version: str
    purl: str
    programs: tuple[str, ...]


class ImageEntry(Struct, frozen=True):
    """One image of one platform, and everything in it. `edges` are (id, the ids that it depends on)."""

    id: str
    name: str
    version: str
    purl: str
    distribution: Distribution
    facts: Facts
    packages: tuple[PackageEntry, ...]
    tools: tuple[ToolEntry, ...]
    files: tuple[FileEntry, ...]
    edges: tuple[tuple[str, tuple[str, ...]], ...]
    doubt: str = ""  # why packages of it may be lacking
    modules: tuple[ModuleEntry, ...] = ()


class Bill(Struct, frozen=True):
    """A whole bill: one image, or an index (`root` without content) of several."""

    root: ImageEntry
    platforms: tuple[ImageEntry, ...] = ()

    @property
    def images(self) -> tuple[ImageEntry, ...]:
        """The images that have content."""
        return self.platforms or (self.root,)

    @property
    def edges(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """The whole dependency graph, sorted."""
        own = ((self.root.id, tuple(image.id for image in self.platforms)),) if self.platforms else ()
        return tuple(sorted(own + tuple(edge for image in self.images for edge in image.edges)))
