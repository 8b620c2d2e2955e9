"""One layer, read once from its first stored byte to its last: decompressed, verified, its entries listed.

Rules: OCI image-spec, descriptor.md (digest and size are of the stored bytes), config.md (`rootfs.diff_ids` are
of the uncompressed tar, to its very last byte) and layer.md (what entries a layer may have).
"""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import BinaryIO

from msgspec import Struct

from auditor.archive.beside import Beside
from auditor.archive.compression import LAYER_KINDS, decompressed, kind_of
from auditor.archive.stream import Stream
from auditor.archive.tar import TarReader
from auditor.budget import Budget
from auditor.errors import AuditError, CorruptImage, LimitExceeded, UnsupportedFormat
from auditor.filetree import Content, FileKind
from auditor.image.contents import Contents
from auditor.image.in_place import FileInPlace, Place
from auditor.image.spool import Spool
from auditor.kept import Keep

#: Is told path and bytes of each file that is kept, as it comes: before its layer is known to be the one that is meant.
Seen = Callable[[str, Content], None]

CHUNK = 256 << 10  # bytes at a time
_MAGIC = 8  # bytes of a stream that tell how it is compressed


class LayerEntry(Struct, frozen=True):
    """One member of a layer. `kind` None is a hard link to the path in `target`.

    Its path is absolute and normal: `directory` ("" for the root, shared by all entries in it), a slash and `name`.
    """

    directory: str
    name: str
    kind: FileKind | None
    mode: int
    uid: int
    gid: int
    size: int
    target: str
    capabilities: bytes
    content: Content | None

    @property
    def path(self) -> str:
        """Where the member is in the image."""
        return f"{self.directory}/{self.name}"


class LayerContents(Struct, frozen=True):
    """A verified layer: its entries in the order of the tar, the digests and sizes (bytes) that its bytes have.

    `names` is what it took of that limit, `kept` the bytes of the contents that were asked for. Some of these are in
    the file `in_place`.
    """

    entries: tuple[LayerEntry, ...]
    digest: str
    size: int
    diff_id: str
    uncompressed: int
    names: int
    kept: int
    in_place: FileInPlace | None = None


class Expected(Struct, frozen=True):
    """What a layer's bytes must be; None where the image doesn't say. `where` names the layer in errors."""

    where: str
    digest: str | None
    size: int | None
    diff_id: str | None
    media_type: str = ""

    @property
    def algorithm(self) -> str:
        """The hash that the stored bytes are held to."""
        return _algorithm(self.digest or self.diff_id)


def read_layer(
    stored: BinaryIO,
    expected: Expected,
    *,
    keep: Keep,
    spool: Spool,
    budget: Budget,
    progress: Callable[[int], None] | None = None,
    place: Place | None = None,
    seen: Seen | None = None,
    threaded: bool = False,
) -> LayerContents:
    """Read `stored` to its end and list what is in it; bytes that `keep` asks for go to `spool`, or stay in `place`.

    `place` is where `stored` begins, found before any of it was read: what lies there uncompressed is left there.
    `threaded`: what is compressed is read and decompressed by a thread of its own, while this one lists what comes.
    `progress` is called with the stored bytes read so far. Raises CorruptImage for bytes that aren't what `expected`
    says or no tar, UnsupportedFormat, LimitExceeded.
    """
    source = _Stored(stored, expected, progress)
    kind = kind_of(source.peek(_MAGIC))
    check_media_type(expected)
    kind = kind if kind in LAYER_KINDS else ""
    plain = _Plain(budget, expected)
    if not kind and plain.hash_name == source.hash_name:
        plain.hash = None  # the stored bytes are the uncompressed ones: one hash serves both
    else:
        place = None
    uncompressed = decompressed(source.pieces(), kind, expected.where)
    try:
        with Beside(uncompressed) if threaded and kind else nullcontext(uncompressed) as pieces:
            stream = Stream(plain.pieces(pieces))
            contents = Contents(stream, keep, spool, place)
            entries, names = _list(stream, expected.where, contents, budget, seen)
            stream.drain()
        source.drain()
    except CorruptImage:
        source.check_length()
        raise
    except OSError as error:
        raise AuditError(f"can't be read ({error.strerror or error})", expected.where, "try again") from error
    source.check()
    diff_id = plain.digest() or source.digest()
    if expected.diff_id is not None and diff_id != expected.diff_id:
        raise CorruptImage(
            f"uncompressed bytes are {diff_id}, the image config says {expected.diff_id}",
            expected.where,
            "the layer or the config was altered; get the image again",
        )
    kept = sum(entry.content.size for entry in entries if entry.content is not None)
    in_place = None if place is None else place.file
    return LayerContents(entries, source.digest(), source.position, diff_id, plain.total, names, kept, in_place)


def _algorithm(digest: str | None) -> str:
    return "sha512" if digest is not None and digest.startswith("sha512:") else "sha256"


class _Stored:
    """The stored bytes: counted, hashed, never more of them than the descriptor says."""

    def __init__(self, source: BinaryIO, expected: Expected, progress: Callable[[int], None] | None) -> None:
        self._source = source
        self._expected = expected
        self._progress = progress
        self._pending = b""
        self.hash_name = expected.algorithm
        self._hash = hashlib.new(self.hash_name, usedforsecurity=False)
        self.position = 0

    def peek(self, length: int) -> bytes:
        """The next `length` bytes, which stay to be read; fewer at the end."""
        while len(self._pending) < length and (data := self._source.read(CHUNK)):
            self._pending += data
        return self._pending[:length]

    def pieces(self) -> Iterator[bytes]:
        """All bytes, as they come."""
        while data := self._next():
            yield data

    def _next(self) -> bytes:
        data, self._pending = self._pending or self._source.read(CHUNK), b""
        self._hash.update(data)
        self.position += len(data)
        if self._expected.size is not None and self.position > self._expected.size:
            self._fail(f"is longer than the {self._expected.size} bytes that the manifest says")
        if self._progress is not None and data:
            self._progress(self.position)
        return data

    def drain(self) -> None:
        """Read to the end: bytes after the tar belong to the layer too."""
        while self._next():
            pass

    def digest(self) -> str:
        return f"{self.hash_name}:{self._hash.hexdigest()}"

    def check_length(self) -> None:
        """Where the bytes ended early, say that before anything that follows from it."""
        try:
            self.drain()
        except OSError:
            return
        self.check()

    def check(self) -> None:
        """Compare with what was expected, after the last byte."""
        if self._expected.size is not None and self.position != self._expected.size:
            self._fail(f"has {self.position} bytes, the manifest says {self._expected.size}")
        if self._expected.digest is not None and self.digest() != self._expected.digest:
            self._fail(f"has the digest {self.digest()}, the manifest says {self._expected.digest}")

    def _fail(self, what: str) -> None:
        raise CorruptImage(what, self._expected.where, "the bytes were cut or altered on the way; get the image again")


class _Plain:
    """The uncompressed bytes: counted, hashed, and taken from the budget."""

    def __init__(self, budget: Budget, expected: Expected) -> None:
        self._budget = budget
        self._where = expected.where
        self.hash_name = _algorithm(expected.diff_id)
        self.hash: hashlib._Hash | None = hashlib.new(self.hash_name, usedforsecurity=False)
        self.total = 0

    def pieces(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """The bytes, as they come."""
        for piece in pieces:
            if self.hash is not None:
                self.hash.update(piece)
            self.total += len(piece)
            self._budget.uncompressed.take(len(piece), self._where)
            yield piece

    def digest(self) -> str | None:
        return None if self.hash is None else f"{self.hash_name}:{self.hash.hexdigest()}"


def check_media_type(expected: Expected) -> None:
    """UnsupportedFormat for what is no layer to be read. How it is compressed, its bytes say: a media type that they
    contradict is tolerated, as by runtimes, while digests agree.
    """
    media_type = expected.media_type.partition(";")[0].strip()
    if "encrypted" in media_type:
        raise UnsupportedFormat("an encrypted layer", expected.where, "decrypt the image first")
    if ".foreign." in media_type or ".nondistributable." in media_type:
        raise UnsupportedFormat(
            f"a foreign layer ({media_type}), whose bytes aren't part of the image",
            expected.where,
            "audit an image that holds all its layers",
        )
    if media_type and not media_type.startswith(_LAYER_TYPES):
        raise UnsupportedFormat(
            f"unknown media type {media_type[:100]!r}",
            expected.where,
            "only OCI and Docker image layers can be audited",
        )


_LAYER_TYPES = (
    "application/vnd.oci.image.layer.v1.tar",
    "application/vnd.docker.image.rootfs.diff.tar",
    "application/vnd.docker.container.image.rootfs.diff",
)

_KINDS = {
    "0": FileKind.REGULAR,
    "1": None,
    "2": FileKind.SYMLINK,
    "3": FileKind.CHARACTER_DEVICE,
    "4": FileKind.BLOCK_DEVICE,
    "5": FileKind.DIRECTORY,
    "6": FileKind.FIFO,
}


def normal_path(name: str) -> str:
    """`name` as an absolute path without `.`, `..` and empty components; `..` at the root stays there.

    As the runtimes take it: `filepath.Clean`, then joined to the root.
    """
    tail = name[2:] if name.startswith("./") else name
    tail = tail[:-1] if tail.endswith("/") else tail  # of a directory
    if tail and tail[0] not in "./" and tail[-1] != "/" and "/." not in tail and "//" not in tail:
        return "/" + tail
    parts: list[str] = []
    for part in name.split("/"):
        if part in ("", "."):
            continue
        if part == "..":
            if parts:
                parts.pop()
        else:
            parts.append(part)
    return "/" + "/".join(parts)


def _list(
    stream: Stream, where: str, contents: Contents, budget: Budget, seen: Seen | None
) -> tuple[tuple[LayerEntry, ...], int]:
    """The entries, and what they took of the limit of names."""
    entries: list[LayerEntry] = []
    names = 0
    directories: dict[str, str] = {}
    reader = TarReader(stream, where)
    longest = budget.limits.path
    for entry in reader:
        path = normal_path(entry.name)
        if len(path) > longest or len(entry.link) > longest:
            raise LimitExceeded(f"a path of more than {longest} characters", where, "no Linux system takes it either")
        if "\0" in path:
            raise CorruptImage("a name with a NUL byte", where, "get or build the image again")
        budget.entries.take(1, where)
        room = text_size(path) + len(entry.capabilities)
        if entry.link:
            room += text_size(entry.link)
        budget.names.take(room, where)
        names += room
        try:
            kind = _KINDS[entry.type]
        except KeyError:
            raise UnsupportedFormat(
                f"a tar entry of unknown type {entry.type!r} ({path})", where, "container runtimes don't take it either"
            ) from None
        content = None
        target = ""
        size = entry.size
        if kind is FileKind.REGULAR:
            content = contents.of(reader, entry, path)
            if content is not None and seen is not None:
                seen(path, content)
        elif kind is FileKind.SYMLINK:
            target = entry.link
            size = len(target.encode("utf-8", "surrogateescape"))
        elif kind is None:
            target = normal_path(entry.link)
        directory, _, name = path.rpartition("/")
        directory = directories.setdefault(directory, directory)
        entries.append(
            LayerEntry(
                directory, name, kind, entry.mode, entry.uid, entry.gid, size, target, entry.capabilities, content
            )
        )
    return tuple(entries), names


def text_size(text: str) -> int:
    """Bytes of memory that a path takes for its letters."""
    return len(text) if text.isascii() else 4 * len(text)
