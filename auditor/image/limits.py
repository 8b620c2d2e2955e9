"""How much an image may ask of the machine that reads it."""

from dataclasses import dataclass

MIB = 1 << 20
GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on one run; beyond them reading ends with `LimitExceeded`. All sizes are in bytes."""

    entries: int = 1_000_000  # tar entries of all layers together
    uncompressed: int = 64 * GIB  # of all layers together
    kept: int = 8 * GIB  # contents spooled to disk
    names: int = 512 * MIB  # paths, link targets and attributes, held in memory
    path: int = 4096  # one path or link target: PATH_MAX
    json: int = 8 * MIB  # one manifest, index or config; registries take at most 4 MiB
    layers: int = 512  # of one image; overlayfs stacks fewer
    index_depth: int = 4  # an index inside an index
    index_entries: int = 1024  # of all nested indexes together


DEFAULT = Limits()
