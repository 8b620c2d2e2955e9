"""What is kept of the files of a layer while it goes by."""

from auditor.archive.stream import Stream
from auditor.archive.tar import Entry, TarReader
from auditor.filetree import Content
from auditor.image.in_place import Place
from auditor.image.spool import Spool, SpooledContent
from auditor.kept import Keep

_HEAD = 512  # bytes of a file's beginning that the policy sees
_COPY = 1 << 20


class Contents:
    """Keeps the bytes of files where the policy wants them: in the spool, or in `place`, where the stream begins."""

    def __init__(self, stream: Stream, keep: Keep, spool: Spool, place: Place | None) -> None:
        self._stream = stream
        self._keep = keep
        self._spool = spool
        self._place = place

    def of(self, reader: TarReader, entry: Entry, path: str) -> Content | None:
        """What is kept of the file whose data comes next."""
        if entry.fragments is not None:
            return self._sparse(reader, entry, path)
        start = self._stream.position
        head = reader.read(min(_HEAD, entry.size))
        if not self._keep(path, entry.mode, entry.size, head):
            return None
        spool = self._spool
        if self._place is not None:
            spool.count(entry.size)
            return SpooledContent(self._place.file, self._place.offset + start, entry.size)
        offset = spool.reserve(entry.size)
        at = offset
        rest = entry.size - len(head)
        if rest <= _COPY:
            data = head + reader.read(rest) if rest else head
            if data:
                spool.write(data, at)
            return SpooledContent(spool, offset, entry.size)
        spool.write(head, at)
        at += len(head)
        while rest:
            data = reader.read(min(_COPY, rest))
            spool.write(data, at)
            at += len(data)
            rest -= len(data)
        return SpooledContent(spool, offset, entry.size)

    def _sparse(self, reader: TarReader, entry: Entry, path: str) -> Content | None:
        fragments = list(entry.fragments or ())
        head = bytes(min(_HEAD, entry.size))
        first = b""
        if fragments and fragments[0][0] == 0:
            first = reader.read(min(fragments[0][1], _HEAD))
            head = first + head[len(first) :]
        if not self._keep(path, entry.mode, entry.size, head):
            return None
        spool = self._spool
        base = spool.reserve(entry.size)
        for offset, length in fragments:
            at = offset
            left = length
            if first:
                spool.write(first, base)
                at += len(first)
                left -= len(first)
                first = b""
            while left:
                data = reader.read(min(_COPY, left))
                spool.write(data, base + at)
                at += len(data)
                left -= len(data)
        return SpooledContent(spool, base, entry.size)
