"""Which kind of source a path is, by what it holds."""

from pathlib import Path

from auditor.archive import ar, rpmfile
from auditor.archive.compression import decompress, foreign_kind, kind_of
from auditor.errors import UnsupportedFormat
from auditor.kernel.bootimage import LIMIT, KernelImage
from auditor.kernel.config import parse_config
from auditor.kernel.source.directory import DirectorySource, read_regular
from auditor.kernel.source.facts import MAGIC as FACTS
from auditor.kernel.source.facts import FactsSource
from auditor.kernel.source.interface import MIB, Source
from auditor.kernel.source.package import DebSource, RpmSource
from auditor.kernel.source.single import FileSource

_CONFIG_LIMIT = 16 * MIB  # decompressed; a whole config has 0.3 MiB
_REMEDY = "give a module tree, a config, a kernel image, a .deb, an .rpm or what node-facts wrote"


def open_source(path: Path) -> Source:
    """The source at `path`: a folder, package, config, kernel image or a node's facts, told by its bytes, not its name.

    UnsupportedFormat where it is none of them, ImageNotFound and SourceUnavailable where it can't be read.
    """
    if path.is_dir():
        return DirectorySource(path)
    data = _head(path)
    if data.startswith(ar.MAGIC):
        return DebSource(path)
    if data.startswith(rpmfile.MAGIC):
        return RpmSource(path)
    return _single(path, read_regular(path, LIMIT))


def _single(path: Path, data: bytes) -> Source:
    where = str(path)
    if kind_of(data) or foreign_kind(data):
        # A whole file that is compressed: a config, or a kernel as arm64's Image.gz.
        data = decompress(data, LIMIT, where, trailing=True)
    if data.startswith(FACTS):
        return FactsSource(path, data)
    config = parse_config(data) if len(data) <= _CONFIG_LIMIT else None
    if config is not None:
        return FileSource(path, "config", data)
    image = KernelImage(data, where)
    release = image.release()
    embedded = image.config()
    if embedded is not None:
        return FileSource(path, "kernel image", embedded, release)
    foreign = image.foreign()
    if foreign:
        raise UnsupportedFormat(f"the kernel in it is compressed with {foreign}", where, "give its config")
    if release:
        raise UnsupportedFormat(
            "the kernel image doesn't embed its config (CONFIG_IKCONFIG)", where, "give its config or module tree"
        )
    raise UnsupportedFormat("neither a kernel's config, image nor package", where, _REMEDY)


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(8)
    except OSError:
        return read_regular(path, 8)  # says what is wrong
