"""Every reader by its name."""

from benchmarks.fuzz.names import NAMES
from benchmarks.fuzz.reader import caches, daemons, elf, files, images, kernels, packages, registries, reports

READERS = {
    **images.READERS,
    **registries.READERS,
    **daemons.READERS,
    **elf.READERS,
    **packages.READERS,
    **files.READERS,
    **kernels.READERS,
    **reports.READERS,
    **caches.READERS,
}
assert sorted(READERS) == sorted(NAMES)
