"""What an image is, once it has been read: plain values that every other room may hold."""

from dataclasses import dataclass, field

from msgspec import Struct

from auditor.budget import Budget
from auditor.filetree import FileTree, LinkedWhiteout


class Platform(Struct, frozen=True):
    """An operating system and architecture as Go and OCI name them (`linux`, `ppc64le`, variant `v8`)."""

    os: str
    architecture: str
    variant: str = ""

    def __str__(self) -> str:
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)


class Config(Struct, frozen=True):
    """The parts of the image config (OCI image-spec, config.md) that a runtime acts on, and the platform it claims."""

    platform: Platform
    env: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()
    user: str = ""
    working_dir: str = ""
    labels: tuple[tuple[str, str], ...] = ()
    ports: tuple[str, ...] = ()  # ExposedPorts, as `80/tcp`


class Layer(Struct, frozen=True):
    """One layer, lowest first. `size` (bytes) and `digest` are of the stored form; None where the source has none."""

    index: int
    digest: str | None
    diff_id: str | None
    media_type: str
    size: int | None
    created_by: str


class Hashed(Struct, frozen=True):
    """The stored bytes of a layer as they really are: their digest, and how many (`size`)."""

    digest: str
    size: int


@dataclass(frozen=True, slots=True)
class Image:
    """One image of one platform. `digest` is the manifest's, None where the source has no manifest of its own.

    `offered_as` is the platform under which an index lists it, which the config may contradict; None without an index.
    """

    reference: str
    source: str
    digest: str | None
    config_digest: str | None
    config: Config
    layers: tuple[Layer, ...]
    tree: FileTree = field(repr=False)
    offered_as: Platform | None = None
    offered: tuple[Platform, ...] = ()  # every platform of that index
    remarks: tuple[str, ...] = ()  # what is odd about how it is stored, and no reason not to audit it
    linked_whiteouts: tuple[LinkedWhiteout, ...] = ()
    budget: Budget = field(default_factory=Budget, repr=False, compare=False)  # for looking into this image
    hashed: tuple[Hashed, ...] = field(default=(), repr=False)  # of each layer
