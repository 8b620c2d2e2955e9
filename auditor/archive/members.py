"""The regular files of a package's tar archive, those that somebody wants with their bytes."""

from collections.abc import Iterator

from auditor.archive import REMEDY
from auditor.archive.member import MAX_PATH, Keep, Member, clean_path, counted
from auditor.archive.stream import Stream
from auditor.archive.tar import TarReader
from auditor.errors import CorruptImage


def read_tar(stream: Stream, keep: Keep, where: str) -> Iterator[Member]:
    """The regular files in order; a hard link is a file of size 0 with the linked one's data where that was kept."""
    kept: dict[str, bytes] = {}
    reader = TarReader(stream, where)
    for entry in counted(reader, where):
        if len(entry.name) > MAX_PATH:
            raise CorruptImage("a path in the archive is too long", where, REMEDY)
        path = clean_path(entry.name)
        if entry.type == "1":
            yield Member(path, 0, kept.get(clean_path(entry.link)))
        elif entry.type == "0":
            plain = entry.fragments is None
            data = reader.read(entry.size) if plain and keep(path, entry.size) else None
            if data is not None:
                kept[path] = data
            yield Member(path, entry.size, data)
    if not reader.complete:
        raise CorruptImage("the archive is cut short", where, REMEDY)
    stream.drain()
