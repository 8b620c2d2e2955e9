"""Bytes by key in one SQLite file: written by several processes at once, bounded, and made anew where it is damaged.

SQLite's own checks find a page that is no page; a content that was cut or altered is found by its digest. Nothing waits
for the disk: what a crash of the machine loses is found out again.
"""

import contextlib
import hashlib
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from msgspec import Struct

from auditor.cache.folder import Unusable, make_file, make_folder

FILE = "facts-1.sqlite"  # another number for another layout of the tables
LIMIT = 256 << 20  # bytes of all contents together
_LARGEST = 32 << 20  # bytes of one content; that of a large image is below 1 MiB
_DAY = 24 * 3600
_RECENT = 3600  # seconds in which a further use is not written down
_PATIENCE = 2.0  # seconds to wait for other processes
_SCHEMA = (
    "CREATE TABLE entries (key TEXT PRIMARY KEY, code TEXT NOT NULL, used INTEGER NOT NULL, size INTEGER NOT NULL, "
    "digest BLOB NOT NULL)",
    "CREATE TABLE contents (key TEXT PRIMARY KEY, data BLOB NOT NULL)",
)


class Stock(Struct, frozen=True):
    """What is in a store: how many entries, their bytes, how many of them other code made, when the oldest was used."""

    entries: int
    size: int
    foreign: int
    oldest: float | None


class Store:
    """One file of a folder. `code` is who writes: what other code wrote is not read, and goes first.

    Every method raises Unusable where the file can't be used. A damaged file is put away and made anew, once.
    """

    def __init__(self, folder: Path, code: str, *, limit: int = LIMIT, clock: Callable[[], float] = time.time) -> None:
        self._folder = folder
        self.file = folder / FILE
        self._code = code
        self._limit = limit
        self._clock = clock
        self._connection: sqlite3.Connection | None = None

    def get(self, key: str) -> bytes | None:
        """What was put there by the same code and is whole; None where nothing is."""
        with self._opened() as connection:
            row = connection.execute(
                "SELECT digest, used, length(data), entries.rowid FROM entries JOIN contents USING (key) "
                "WHERE key = ? AND code = ?",
                (key, self._code),
            ).fetchone()
            if row is None:
                return None
            digest, used, length, number = row
            data = None
            if isinstance(length, int) and length <= _LARGEST:
                (data,) = connection.execute("SELECT data FROM contents WHERE key = ?", (key,)).fetchone() or (None,)
            if not isinstance(data, bytes) or digest != _digest(key, self._code, data):
                self._remove(connection, [key])
                return None
            if not isinstance(used, int) or abs(self._clock() - used) > _RECENT:
                self._note_use(connection, number)
            return data

    def put(self, key: str, data: bytes) -> None:
        """Keep it. What other code didn't use for a day goes; where room is needed, what was used longest ago."""
        if len(data) > min(_LARGEST, self._limit):
            return
        with self._opened() as connection, _writing(connection):
            now = int(self._clock())
            connection.execute(
                "INSERT OR REPLACE INTO entries VALUES (?, ?, ?, ?, ?)",
                (key, self._code, now, len(data), _digest(key, self._code, data)),
            )
            connection.execute("INSERT OR REPLACE INTO contents VALUES (?, ?)", (key, data))
            self._remove_old(connection, now - _DAY, others_only=True)
            self._make_room(connection, key)

    def prune(self, days: int) -> int:
        """Remove what other code made, and what was not used for so many days; how many entries that were."""
        with self._opened() as connection:
            with _writing(connection):
                gone = self._remove_old(connection, int(self._clock()) + _DAY, others_only=True)
                gone += self._remove_old(connection, int(self._clock()) - days * _DAY, others_only=False)
            connection.execute("VACUUM")
            return gone

    def clear(self) -> int:
        """Remove all of it; how many entries that were."""
        try:
            count = self.stock().entries if self.file.exists() else 0
            self.close()
            self._put_away()
        except OSError as error:
            raise Unusable(f"{self.file}: {error.strerror}") from error
        return count

    def stock(self) -> Stock:
        """What is in it."""
        with self._opened() as connection:
            count, size, oldest = connection.execute("SELECT count(*), sum(size), min(used) FROM entries").fetchone()
            (foreign,) = connection.execute("SELECT count(*) FROM entries WHERE code != ?", (self._code,)).fetchone()
        return Stock(count, size or 0, foreign, oldest)

    def close(self) -> None:
        """Close the file."""
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None

    @contextlib.contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        """The file, made where there is none. What is wrong with it in the middle of the work is Unusable, and the
        next run finds it put away."""
        try:
            if self._connection is None:
                self._connection = self._open()
            yield self._connection
        except (sqlite3.Error, TypeError, ValueError) as error:  # the latter: numbers that are none
            self.close()
            if _is_damage(error):
                with contextlib.suppress(OSError):
                    self._put_away()
            raise Unusable(f"{self.file}: {error}") from error

    def _open(self) -> sqlite3.Connection:
        make_folder(self._folder)
        try:
            return self._connected()
        except sqlite3.Error as error:
            if not _is_damage(error):
                raise
        try:
            self._put_away()
        except OSError as error:
            raise Unusable(f"{self.file}: {error.strerror}") from error
        return self._connected()

    def _connected(self) -> sqlite3.Connection:
        make_file(self.file)
        connection = sqlite3.connect(self.file, timeout=_PATIENCE, isolation_level=None, check_same_thread=False)
        try:
            connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 2 * _LARGEST)
            for pragma in ("trusted_schema=OFF", "cell_size_check=ON", "synchronous=OFF", "mmap_size=0"):
                connection.execute(f"PRAGMA {pragma}")
            if not _tables(connection):
                with _writing(connection):
                    for table in () if _tables(connection) else _SCHEMA:
                        connection.execute(table)
            if _tables(connection) != sorted(_SCHEMA):
                raise sqlite3.DatabaseError("file has other tables")
        except BaseException:
            connection.close()
            raise
        return connection

    def _put_away(self) -> None:
        for name in (f"{FILE}-journal", FILE):
            (self._folder / name).unlink(missing_ok=True)

    def _note_use(self, connection: sqlite3.Connection, number: int) -> None:
        """That it is not the oldest any more; where that can't be written, it is read all the same."""
        with contextlib.suppress(sqlite3.OperationalError):
            connection.execute("UPDATE entries SET used = ? WHERE rowid = ?", (int(self._clock()), number))

    def _remove_old(self, connection: sqlite3.Connection, before: int, *, others_only: bool) -> int:
        rows = connection.execute(
            "SELECT key FROM entries WHERE used < ? AND (code != ? OR NOT ?)", (before, self._code, others_only)
        ).fetchall()
        return self._remove(connection, [key for (key,) in rows])

    def _make_room(self, connection: sqlite3.Connection, but: str) -> None:
        (size,) = connection.execute("SELECT sum(size) FROM entries").fetchone()
        if size <= self._limit:
            return
        gone = []
        oldest = "SELECT key, size FROM entries WHERE key != ? ORDER BY code = ?, used, rowid"
        for key, length in connection.execute(oldest, (but, self._code)).fetchall():
            gone.append(key)
            size -= length
            if size <= self._limit:
                break
        self._remove(connection, gone)

    def _remove(self, connection: sqlite3.Connection, keys: list[str]) -> int:
        for table in ("entries", "contents"):
            connection.executemany(f"DELETE FROM {table} WHERE key = ?", ((key,) for key in keys))  # noqa: S608
        return len(keys)


def _tables(connection: sqlite3.Connection) -> list[str]:
    """What the file says of its own structure: a view or a trigger would be somebody else's."""
    rows = connection.execute("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL").fetchall()
    return sorted(sql for (sql,) in rows)


def _digest(key: str, code: str, data: bytes) -> bytes:
    return hashlib.sha256(f"{code} {key} ".encode() + data, usedforsecurity=False).digest()


def _is_damage(error: Exception) -> bool:
    """Whether the file is no database, or not a whole one; all else (locked, full, read-only) may pass."""
    return not isinstance(error, sqlite3.OperationalError)


@contextlib.contextmanager
def _writing(connection: sqlite3.Connection) -> Iterator[None]:
    """All of it or nothing, one process at a time."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
