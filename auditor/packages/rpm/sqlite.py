"""RPM's SQLite database, `rpmdb.sqlite` (UBI 9, Fedora): table `Packages`, column `blob` (RPM's sqlite backend).

SQLite itself reads it, from memory, under limits that a hostile schema can't pass.
"""

from collections.abc import Iterator

from auditor.packages.rpm.errors import DamagedDatabase

MAGIC = b"SQLite format 3\0"
STEP_LIMIT = 50_000  # callbacks of 1000 virtual machine instructions: a thousand times a real database's need


def recognises(data: bytes) -> bool:
    """Do the bytes begin like a SQLite file?"""
    return data[:16] == MAGIC


def headers(data: bytes, log: bytes = b"") -> Iterator[bytes]:
    """The package headers in the file, with what its write-ahead log `log` (`rpmdb.sqlite-wal`) commits.

    Raises DamagedDatabase where SQLite finds the file malformed, or it isn't RPM's.
    """
    import sqlite3  # noqa: PLC0415 - only images with such a database pay for it

    from auditor.packages.rpm import wal  # noqa: PLC0415

    if log:
        data = wal.apply(data, log)
    connection = sqlite3.connect(":memory:")
    connection.text_factory = bytes
    try:
        # A file in WAL mode (2 at bytes 18 and 19, sqlite.org/fileformat.html) can't be opened from memory.
        connection.deserialize(data[:18] + b"\x01\x01" + data[20:])
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, max(len(data), 1 << 16))
        connection.execute("PRAGMA query_only = ON")
        connection.execute("PRAGMA trusted_schema = OFF")
        steps = iter(range(STEP_LIMIT))
        connection.set_progress_handler(lambda: int(next(steps, None) is None), 1000)
        _check_table(connection.execute("SELECT type, sql FROM sqlite_schema WHERE name = 'Packages'").fetchall())
        remaining = len(data)
        for (blob,) in connection.execute("SELECT blob FROM Packages ORDER BY hnum"):
            if not isinstance(blob, bytes) or (remaining := remaining - len(blob)) < 0:
                raise DamagedDatabase("its table Packages holds what RPM never writes")
            yield blob
    except (sqlite3.Error, UnicodeError, OverflowError) as error:
        raise DamagedDatabase(f"SQLite says: {error}") from error
    finally:
        connection.close()


def _check_table(rows: list[tuple[object, object]]) -> None:
    """A plain table: a view or virtual table of that name could compute anything."""
    if not rows:
        raise DamagedDatabase("it has no table Packages")
    ((kind, sql), *_) = rows
    if kind != b"table" or not isinstance(sql, bytes) or not sql.upper().startswith(b"CREATE TABLE"):
        raise DamagedDatabase("its Packages is no table")
