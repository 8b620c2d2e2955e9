"""RPM's SQLite database, `rpmdb.sqlite` (UBI 9, Fedora): table `Packages`, column `blob` (RPM's sqlite backend).

SQLite itself reads it, under limits that a hostile schema can't pass.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

from auditor.errors import AuditError
from auditor.filetree import Content
from auditor.packages.rpm import wal
from auditor.packages.rpm.errors import DamagedDatabase

MAGIC = b"SQLite format 3\0"
_PIECE = 1 << 20
_LONGEST = 64 << 20  # bytes of one header; RPM takes none of 256 MiB, a kernel's has 2
STEP_LIMIT = 50_000  # callbacks of 1000 virtual machine instructions: a thousand times a real database's need


def recognises(data: bytes) -> bool:
    """Do the bytes begin like a SQLite file?"""
    return data[:16] == MAGIC


def headers(content: Content, log: bytes = b"") -> Iterator[bytes]:
    """The package headers in the file, with what its write-ahead log `log` (`rpmdb.sqlite-wal`) commits.

    SQLite reads a copy in a temporary file, so that memory holds no more than the pages that it looks at. Raises
    DamagedDatabase where it finds the file malformed, or it isn't RPM's.
    """
    import sqlite3  # noqa: PLC0415 - only images with such a database pay for it

    with _copied(content, log) as path:
        connection = sqlite3.connect(f"file:{quote(path)}?mode=ro&immutable=1", uri=True)
        connection.text_factory = bytes
        try:
            connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, max(min(content.size, _LONGEST), 1 << 16))
            connection.execute("PRAGMA query_only = ON")
            connection.execute("PRAGMA trusted_schema = OFF")
            steps = iter(range(STEP_LIMIT))
            connection.set_progress_handler(lambda: int(next(steps, None) is None), 1000)
            _check_table(connection.execute("SELECT type, sql FROM sqlite_schema WHERE name = 'Packages'").fetchall())
            remaining = content.size + len(log)
            for (blob,) in connection.execute("SELECT blob FROM Packages ORDER BY hnum"):
                if not isinstance(blob, bytes) or (remaining := remaining - len(blob)) < 0:
                    raise DamagedDatabase("its table Packages holds what RPM never writes")
                yield blob
        except MemoryError as error:  # of a length that no file has: SQLite's limits bound what it takes itself
            raise DamagedDatabase("SQLite asks for more memory than there is") from error
        except (sqlite3.Error, UnicodeError, OverflowError) as error:
            raise DamagedDatabase(f"SQLite says: {error}") from error
        finally:
            connection.close()


@contextmanager
def _copied(content: Content, log: bytes) -> Iterator[str]:
    """The database in a file of its own, with what the log commits, no longer marked as one with a log."""
    try:
        with tempfile.NamedTemporaryFile(prefix="audit-image-") as file:
            for offset in range(0, content.size, _PIECE):
                file.write(content.read(offset, _PIECE))
            if log:
                wal.apply(file, log)
            # A file in WAL mode (2 at bytes 18 and 19, sqlite.org/fileformat.html) would ask for its log.
            file.seek(18)
            file.write(b"\x01\x01")
            file.flush()
            yield file.name
    except OSError as error:
        what = f"can't copy the RPM database ({error.strerror})"
        raise AuditError(what, tempfile.gettempdir(), "free some space there or set TMPDIR") from error


def _check_table(rows: list[tuple[object, object]]) -> None:
    """A plain table: a view or virtual table of that name could compute anything."""
    if not rows:
        raise DamagedDatabase("it has no table Packages")
    ((kind, sql), *_) = rows
    if kind != b"table" or not isinstance(sql, bytes) or not sql.upper().startswith(b"CREATE TABLE"):
        raise DamagedDatabase("its Packages is no table")
