"""RPM databases made for tests: headers from tables, and files of each kind around them."""

import contextlib
import shutil
import sqlite3
import struct
import subprocess
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

import pytest

from auditor.archive.rpmheader import Tag
from auditor.packages import Packages

SHARED = Path(__file__).parents[3] / "shared" / "rpmdb"

PACKAGE_FORMAT = "%{NAME}\t%{EVR}\t%{ARCH}\t%{SOURCERPM}\t%{VENDOR}\t%{LICENSE}\t%{URL}\n"
FILE_FORMAT = "[%{FILENAMES}\t%{FILEDIGESTS}\t%{FILEMODES}\t%{FILELINKTOS}\n]"

Value = str | int | list[str] | list[int]


def shared(name: str) -> bytes:
    """A real database that is not part of the project."""
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"{name} is not at hand")
    return path.read_bytes()


def needs(*programs: str) -> None:
    for program in programs:
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")


def header(tags: Mapping[Tag, Value]) -> bytes:
    """A header with these tags; numbers as INT32, modes as INT16, states as CHAR."""
    index, data = b"", b""
    for tag, value in tags.items():
        values = value if isinstance(value, list) else [value]
        if isinstance(values[0], str):
            kind, encoded = (8 if isinstance(value, list) else 6), b"".join(f"{text}\0".encode() for text in values)
        else:
            kind, letter = {Tag.FILEMODES: (3, "H"), Tag.FILESTATES: (1, "B")}.get(tag, (4, "I"))
            data += b"\0" * (-len(data) % 4)
            encoded = struct.pack(f">{len(values)}{letter}", *values)
        index += struct.pack(">4I", tag, kind, len(data), len(values))
        data += encoded
    return struct.pack(">2I", len(tags), len(data)) + index + data


def sqlite_file(path: Path, headers: Iterable[bytes], *, checkpoint: bool = True) -> None:
    """A database as RPM makes it, in WAL mode; without `checkpoint` the last half stays in the log beside it."""
    blobs = list(headers)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute("CREATE TABLE Packages (hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL)")
        half = len(blobs) if checkpoint else len(blobs) // 2
        connection.executemany("INSERT INTO Packages (blob) VALUES (?)", [(blob,) for blob in blobs[:half]])
        connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        if not checkpoint:
            connection.executemany("INSERT INTO Packages (blob) VALUES (?)", [(blob,) for blob in blobs[half:]])
            connection.commit()
            log = path.with_name(path.name + "-wal").read_bytes()
            database = path.read_bytes()
    if not checkpoint:
        path.write_bytes(database)
        path.with_name(path.name + "-wal").write_bytes(log)


def ndb_file(headers: Sequence[bytes]) -> bytes:
    """A database in RPM's NDB format, packages one after another."""
    pages = (2 + len(headers)) * 16 // 4096 + 1
    slots, body = b"", b""
    for number, blob in enumerate(headers, 1):
        size = -(-(16 + len(blob) + 12) // 16) * 16
        slots += struct.pack("<4s3I", b"Slot", number, pages * 256 + len(body) // 16, size // 16)
        package = struct.pack("<4s3I", b"BlbS", number, 1, len(blob)) + blob
        package = package.ljust(size - 12, b"\0")
        body += package + struct.pack("<2I4s", zlib.adler32(package), len(blob), b"BlbE")
    start = struct.pack("<4s4I12x", b"RpmP", 0, 1, pages, len(headers) + 1)
    empty = struct.pack("<4s3I", b"Slot", 0, 0, 0)
    free = pages * 256 - 2 - len(headers)
    return start + slots + empty * free + body


def bdb_file(path: Path, headers: Iterable[bytes], *, big_endian: bool, page_size: int = 4096) -> None:
    """A Berkeley DB hash file of either byte order, made by Berkeley DB itself."""
    needs("db5.3_load")
    order: Literal["big", "little"] = "big" if big_endian else "little"
    blobs = list(headers)
    lines = ["VERSION=3", "format=bytevalue", "type=hash", f"db_pagesize={page_size}"]
    lines += [f"db_lorder={4321 if big_endian else 1234}", "HEADER=END"]
    records = [(0, len(blobs).to_bytes(4, order)), *enumerate(blobs, 1)]
    for number, value in records:
        lines += [f" {number.to_bytes(4, order).hex()}", f" {value.hex()}"]
    lines.append("DATA=END\n")
    subprocess.run(["db5.3_load", str(path)], input="\n".join(lines).encode(), check=True)


def rpm(directory: Path, *arguments: str) -> list[str]:
    """What the real rpm says of the database in `directory`, line by line."""
    needs("rpm")
    done = subprocess.run(
        ["rpm", "--dbpath", str(directory), *arguments],
        capture_output=True,
        check=True,
        text=True,
        errors="surrogateescape",
    )
    return done.stdout.splitlines()


def package_lines(packages: Packages) -> list[str]:
    """The packages as rpm prints them by PACKAGE_FORMAT, with nothing for `(none)`."""
    lines = []
    for package in packages.packages:
        source = f"{package.source}-{package.source_version}.src.rpm" if package.source else ""
        first = (package.name, package.version, package.architecture, source)
        lines.append("\t".join((*first, package.vendor, package.licence, package.homepage)))
    return sorted(lines)


def file_lines(packages: Packages) -> list[str]:
    """The files as rpm prints them by FILE_FORMAT."""
    return sorted(
        f"{owned.path}\t{owned.digest.partition(':')[2]}\t{owned.mode}\t{owned.target}"
        for package in packages.packages
        for owned in packages.files(package)
    )
