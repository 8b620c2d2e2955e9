"""The cache: its file, and what is kept in it."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing

from auditor.auditing.remembered import Entry, decode, encode
from auditor.cache import Unusable
from auditor.cache.store import FILE, Store
from auditor.image.model import Hashed
from benchmarks.fuzz.model import Reader
from benchmarks.fuzz.reader.reports import sound
from benchmarks.fuzz.world import scratch

_CODE = "c" * 64
_KEPT = {"first": b"what was found", "second": b"more of it" * 30}
_PAGE = 512  # the smallest, so that most of the file says something


def _file(data: bytes) -> None:
    """Whatever the file holds, nothing comes out but what was put in; after a run that it fails, it serves."""
    folder = scratch() / "cache"
    folder.mkdir(mode=0o700, exist_ok=True)
    for left in folder.iterdir():
        left.unlink()
    (folder / FILE).write_bytes(data)
    (folder / FILE).chmod(0o600)
    for _ in range(2):
        store = Store(folder, _CODE, limit=4096, clock=lambda: 1.0)
        try:
            for key, value in _KEPT.items():
                assert store.get(key) in (None, value), f"{key} has another value"
            store.stock()
            store.put("third", b"new")
            assert store.get("third") in (None, b"new"), "what was put is not what comes back"
            store.prune(1)
        except Unusable:
            continue
        finally:
            store.close()


def _files() -> Iterator[bytes]:
    folder = scratch() / "made"
    with closing(sqlite3.connect(":memory:")) as empty:
        empty.execute(f"PRAGMA page_size = {_PAGE}")
        empty.execute("VACUUM")
    folder.mkdir(mode=0o700, exist_ok=True)
    (folder / FILE).unlink(missing_ok=True)
    store = Store(folder, _CODE, clock=lambda: 1.0)
    for key, value in _KEPT.items():
        store.put(key, value)
    store.close()
    with closing(sqlite3.connect(folder / FILE)) as connection:
        connection.execute(f"PRAGMA page_size = {_PAGE}")
        connection.execute("VACUUM")
    yield (folder / FILE).read_bytes()
    yield b""
    yield b"SQLite format 3\0"


def _entry(data: bytes) -> None:
    """One entry: what is taken for one can be written again, and is the same."""
    entry = decode(data)
    assert entry is None or decode(encode(entry)) == entry


def _entries() -> Iterator[bytes]:
    yield encode(Entry((Hashed(f"sha256:{'0' * 64}", 1),), ("a remark",), sound().inventory))


READERS = {
    "cache": Reader(_file, _files, longest=16384),
    "cache-entry": Reader(_entry, _entries, json=True, longest=1 << 16),
}
