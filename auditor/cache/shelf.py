"""Large bytes by key, each a file of its own: written whole or not at all, bounded together, and given back only as
they were put there.

A file ends with a digest of the key, of the code that wrote it and of all before it. As in the store nothing waits for
the disk: what a crash of the machine cuts is found out again.
"""

import contextlib
import hashlib
import os
import tempfile
import time
import weakref
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import BinaryIO

from msgspec import Struct

from auditor.cache.folder import Unusable, make_folder, open_file

FOLDER = "layers-1"  # another number for another form of the files
LIMIT = 1 << 30  # bytes of all files together
_LARGEST = 256 << 20  # bytes of one
_CHUNK = 1 << 20
_DIGEST = 32  # bytes
_DAY = 24 * 3600
PART = "part-"  # how what is being written is called


class Piece(Struct, frozen=True):
    """One file of a shelf: who wrote it, bytes, when it was used last."""

    path: Path
    code: str
    size: int
    used: float

    @property
    def part(self) -> bool:
        """Whether it is being written, or was by somebody who was killed."""
        return self.path.name.startswith(PART)


class Bytes:
    """What was put on the shelf, read from any thread; it stays there for its readers when the file goes."""

    def __init__(self, descriptor: int, size: int) -> None:
        self._descriptor = descriptor
        self.size = size
        weakref.finalize(self, os.close, descriptor)

    def read(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes from `offset`."""
        return os.pread(self._descriptor, max(0, min(length, self.size - offset)), offset)


class Shelf:
    """The files of one folder. `code` is who writes: what other code wrote is not read, and goes first.

    Every method raises Unusable where the folder can't be used.
    """

    def __init__(self, folder: Path, code: str, *, limit: int = LIMIT, clock: Callable[[], float] = time.time) -> None:
        self.folder = folder / FOLDER
        self._code = code
        self._limit = limit
        self._clock = clock

    def open(self, key: str) -> Bytes | None:
        """What was put there by the same code and is whole; None where nothing is."""
        path = self._path(key)
        self._make_folders()
        try:
            descriptor = open_file(path, os.O_RDONLY)
        except FileNotFoundError:
            return None
        size = os.fstat(descriptor).st_size - _DIGEST
        found = Bytes(descriptor, size)
        try:
            if not 0 <= size <= _LARGEST or self._digest(key, found) != os.pread(descriptor, _DIGEST, size):
                path.unlink(missing_ok=True)
                return None
            with contextlib.suppress(OSError):  # where that can't be written, it is read all the same
                os.utime(descriptor, (self._clock(), self._clock()))
        except OSError as error:
            raise Unusable(f"{path}: {error.strerror}") from error
        return found

    def put(self, key: str, pieces: Iterable[bytes]) -> None:
        """Keep them; more than a file may have is not kept. Where room is needed, what was used longest ago goes."""
        path = self._path(key)
        self._make_folders()
        part = self.folder / PART  # as it is told, until it has a name
        try:
            number, name = tempfile.mkstemp(prefix=PART, dir=self.folder)
            part = Path(name)
            with os.fdopen(number, "wb") as file:
                if not self._written(key, pieces, file):
                    return
                file.flush()  # the last write would set the time anew
                os.utime(number, (self._clock(), self._clock()))
            part.replace(path)
            self._make_room(path)
        except OSError as error:
            raise Unusable(f"{part}: {error.strerror}") from error
        finally:
            with contextlib.suppress(OSError):  # a read-only mount refuses that of what isn't there too
                part.unlink()

    def stock(self) -> tuple[Piece, ...]:
        """What is on it, what was used longest ago first."""
        return tuple(piece for piece in self._files() if not piece.part)

    def prune(self, days: int) -> int:
        """Remove what other code wrote, and what was not used for so many days; how many files that were."""
        before, yesterday = self._clock() - days * _DAY, self._clock() - _DAY
        parts = (piece for piece in self._files() if piece.part and piece.used < yesterday)
        whole = (piece for piece in self.stock() if piece.code != self._short or piece.used < before)
        return _remove((*parts, *whole))

    def clear(self) -> int:
        """Remove all of it; how many files that were."""
        count = _remove(self._files())
        with contextlib.suppress(OSError):
            self.folder.rmdir()
        return count

    def _make_folders(self) -> None:
        make_folder(self.folder.parent)
        make_folder(self.folder)

    @property
    def _short(self) -> str:
        return hashlib.sha256(self._code.encode()).hexdigest()[:16]

    def _path(self, key: str) -> Path:
        return self.folder / f"{self._short}-{hashlib.sha256(key.encode()).hexdigest()}"

    def _begun(self, key: str) -> "hashlib._Hash":
        return hashlib.sha256(f"{self._code} {key} ".encode(), usedforsecurity=False)

    def _digest(self, key: str, found: Bytes) -> bytes:
        digest = self._begun(key)
        for offset in range(0, found.size, _CHUNK):
            digest.update(found.read(offset, _CHUNK))
        return digest.digest()

    def _written(self, key: str, pieces: Iterable[bytes], file: BinaryIO) -> bool:
        """Whether all of them were few enough."""
        digest, size = self._begun(key), 0
        for piece in pieces:
            size += len(piece)
            if size > min(_LARGEST, self._limit):
                return False
            file.write(piece)
            digest.update(piece)
        file.write(digest.digest())
        return True

    def _files(self) -> list[Piece]:
        if not os.path.lexists(self.folder):
            return []
        self._make_folders()  # through a link, or where others write, it would be somebody else's files that go
        found = []
        try:
            with os.scandir(self.folder) as entries:
                for entry in entries:
                    with contextlib.suppress(FileNotFoundError):
                        status = entry.stat(follow_symlinks=False)
                        code = entry.name.partition("-")[0]
                        found.append(Piece(self.folder / entry.name, code, status.st_size, status.st_mtime))
        except FileNotFoundError:
            return []
        except OSError as error:
            raise Unusable(f"{self.folder}: {error.strerror}") from error
        return sorted(found, key=lambda piece: (piece.used, piece.path.name))

    def _make_room(self, but: Path) -> None:
        """For one that is new; a part that nobody has gone on with for a day was somebody's who is gone."""
        files = self._files()
        yesterday = self._clock() - _DAY
        gone = [piece for piece in files if piece.code != self._short and piece.used < yesterday]
        size = sum(piece.size for piece in files) - sum(piece.size for piece in gone)
        for piece in sorted(files, key=lambda piece: piece.code == self._short):
            if size <= self._limit:
                break
            if piece not in gone and piece.path != but and not piece.part:
                gone.append(piece)
                size -= piece.size
        _remove(gone)


def _remove(pieces: Iterable[Piece]) -> int:
    """How many there were; what another run has removed, or what can't be removed, is none."""
    count = 0
    for piece in pieces:
        with contextlib.suppress(OSError):
            piece.path.unlink()
            count += 1
    return count
