"""What was put into a store is there again, whole, or it is not there: whoever else writes, cuts or forges it."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from auditor.cache import Cache, Unusable
from auditor.cache.code import code_version
from auditor.cache.folder import cache_folder
from auditor.cache.store import FILE, Store

DAY = 24 * 3600


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def test_what_was_put_is_there_in_another_run(tmp_path: Path) -> None:
    Store(tmp_path / "cache", "code").put("a", b"first")
    store = Store(tmp_path / "cache", "code")
    store.put("b", bytes(range(256)))
    assert (store.get("a"), store.get("b"), store.get("c")) == (b"first", bytes(range(256)), None)
    store.put("a", b"second")
    assert store.get("a") == b"second"
    stock = store.stock()
    assert (stock.entries, stock.size, stock.foreign) == (2, 262, 0)


def test_other_code_reads_none_of_it_and_lets_it_go_after_a_day(tmp_path: Path) -> None:
    clock = Clock()
    old, new = (Store(tmp_path, code, clock=clock) for code in ("old", "new"))
    old.put("a", b"old")
    assert new.get("a") is None
    new.put("b", b"new")
    assert (old.get("a"), new.stock().foreign) == (b"old", 1)  # two versions side by side keep what they use
    clock.now += 2 * DAY
    new.put("c", b"new")
    assert (old.get("a"), new.get("b")) == (None, b"new")


def test_room_is_made_of_what_was_used_longest_ago(tmp_path: Path) -> None:
    clock = Clock()
    store = Store(tmp_path, "code", limit=1000, clock=clock)
    for number in range(10):
        clock.now += 2 * 3600
        store.put(str(number), bytes(100))
    clock.now += 2 * 3600
    assert store.get("0") is not None
    store.put("new", bytes(250))
    assert [name for name in "0123456789" if store.get(name) is None] == ["1", "2", "3"]
    assert store.get("new") is not None and store.stock().size <= 1000
    store.put("too large", bytes(1001))
    assert store.get("too large") is None and store.stock().entries == 8


def test_pruning_and_clearing(tmp_path: Path) -> None:
    clock = Clock()
    store = Store(tmp_path, "code", clock=clock)
    Store(tmp_path, "other", clock=clock).put("foreign", b"1")
    store.put("old", b"2")
    clock.now += 20 * DAY
    store.put("new", b"3")
    assert store.prune(30) == 0  # what other code had not used for a day went with the last entry
    assert store.prune(10) == 1
    assert (store.get("old"), store.get("new")) == (None, b"3")
    assert store.clear() == 1
    assert sorted(tmp_path.iterdir()) == []
    assert store.get("new") is None


def tampered(folder: Path, statement: str) -> None:
    with sqlite3.connect(folder / FILE) as connection:
        connection.executescript(statement)
    connection.close()


def overwritten(folder: Path, make: Callable[[bytes], bytes]) -> None:
    (folder / FILE).write_bytes(make((folder / FILE).read_bytes()))


DAMAGES: dict[str, Callable[[Path], None]] = {
    "content cut": lambda at: tampered(at, "UPDATE contents SET data = substr(data, 1, 9)"),
    "content altered": lambda at: tampered(at, "UPDATE contents SET data = zeroblob(length(data))"),
    "content that is text": lambda at: tampered(at, "UPDATE contents SET data = 'text'"),
    "content of another entry": lambda at: tampered(at, "UPDATE entries SET key = 'b'; UPDATE contents SET key = 'b'"),
    "content gone": lambda at: tampered(at, "DELETE FROM contents"),
    "made by other code": lambda at: tampered(at, "UPDATE entries SET code = 'other'"),
    "digest that is a number": lambda at: tampered(at, "UPDATE entries SET digest = 1"),
    "other tables": lambda at: tampered(at, "DROP TABLE entries; CREATE TABLE entries (key)"),
    "a trigger": lambda at: tampered(at, "CREATE TRIGGER t AFTER DELETE ON entries BEGIN SELECT 1; END"),
    "no database": lambda at: overwritten(at, lambda data: b"x" * len(data)),
    "half of a database": lambda at: overwritten(at, lambda data: data[: len(data) // 2]),
    "zeros in the middle": lambda at: overwritten(at, lambda data: data[:4096] + bytes(8192) + data[12288:]),
    "an empty file": lambda at: overwritten(at, lambda _: b""),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_entry_is_not_there_and_is_made_anew(tmp_path: Path, damage: str) -> None:
    Store(tmp_path, "code").put("a", os.urandom(20_000))
    DAMAGES[damage](tmp_path)
    said: list[str] = []
    cache = Cache(tmp_path, said.append)
    cache._store._made = Store(tmp_path, "code")
    assert cache.get("a") is None and cache.get("b") is None
    Cache(tmp_path, said.append).put("other", b"by the code that runs")  # a file that went bad is put away by now
    store = Store(tmp_path, "code")
    store.put("a", b"anew")
    assert store.get("a") == b"anew"


def test_numbers_that_are_none(tmp_path: Path) -> None:
    store = Store(tmp_path, "code", limit=10)
    store.put("a", b"1")
    tampered(tmp_path, "UPDATE entries SET used = 'never', size = 'small'")
    assert store.get("a") == b"1"
    store.put("b", bytes(8))
    with pytest.raises(Unusable):
        store.put("c", bytes(8))  # makes room
    store.put("c", bytes(8))
    assert (store.get("a"), store.get("c")) == (None, bytes(8))


def read_only(folder: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    folder.mkdir()
    folder.chmod(0o500)


def writable_by_others(folder: Path) -> None:
    folder.mkdir()
    folder.chmod(0o777)


def linked(folder: Path) -> None:
    folder.with_name("elsewhere").mkdir(mode=0o700)
    folder.symlink_to(folder.with_name("elsewhere"))


def linked_file(folder: Path) -> None:
    folder.mkdir(mode=0o700)
    (folder / FILE).symlink_to(folder.with_name("elsewhere.sqlite"))


def shared_file(folder: Path) -> None:
    folder.mkdir(mode=0o700)
    folder.with_name("theirs.sqlite").touch(0o600)
    (folder / FILE).hardlink_to(folder.with_name("theirs.sqlite"))


def writable_file(folder: Path) -> None:
    folder.mkdir(mode=0o700)
    (folder / FILE).touch()
    (folder / FILE).chmod(0o666)


def strange_file(folder: Path) -> None:
    folder.mkdir(mode=0o700)
    os.mkfifo(folder / FILE, 0o600)


def below_a_file(folder: Path) -> None:
    folder.write_text("a file")


def of_another_user(folder: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder away")
    folder.mkdir(mode=0o700)
    os.chown(folder, 65534, 65534)


UNUSABLE: dict[str, tuple[Callable[[Path], None], str]] = {
    "read-only": (read_only, "ermission denied"),
    "writable by others": (writable_by_others, "others may write it"),
    "a link": (linked, "Not a directory"),
    "a file that is a link": (linked_file, "symbolic links"),
    "a file of two names": (shared_file, "no file of its own"),
    "a file that others may write": (writable_file, "others may write it"),
    "a pipe": (strange_file, "no file of its own"),
    "a file": (below_a_file, "Not a directory"),
    "of another user": (of_another_user, "belongs to another user"),
}


@pytest.mark.parametrize("case", UNUSABLE)
def test_a_folder_that_can_not_be_trusted_is_not_used(tmp_path: Path, case: str) -> None:
    make, reason = UNUSABLE[case]
    make(tmp_path / "cache")
    with pytest.raises(Unusable, match=reason):
        Store(tmp_path / "cache", "code").get("a")
    said: list[str] = []
    cache = Cache(tmp_path / "cache", said.append)
    cache.put("a", b"1")
    assert cache.get("a") is None
    assert len(said) == 1 and str(tmp_path / "cache") in said[0]
    assert not (tmp_path / "elsewhere.sqlite").exists()


def test_only_its_owner_gets_in(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        Store(tmp_path / "deep" / "cache", "code").put("a", b"1")
    finally:
        os.umask(before)
    modes = [(tmp_path / "deep/cache").stat().st_mode & 0o777, (tmp_path / "deep/cache" / FILE).stat().st_mode & 0o777]
    assert modes == [0o700, 0o600]


MANY = """
import sys
from pathlib import Path
from auditor.cache.store import Store
store = Store(Path(sys.argv[1]), "code", limit=60_000)
for number in range(15):
    key = str((number * 7 + int(sys.argv[2])) % 20)
    found = store.get(key)
    assert found is None or found == key.encode() * 2000, "somebody else's"
    store.put(key, key.encode() * 2000)
"""


def test_ten_processes_at_once(tmp_path: Path) -> None:
    command = [sys.executable, "-c", MANY, str(tmp_path / "cache")]
    running = [subprocess.Popen([*command, str(number)], stderr=subprocess.PIPE) for number in range(10)]
    assert [(process.communicate()[1], process.returncode) for process in running] == [(b"", 0)] * 10
    store = Store(tmp_path / "cache", "code")
    left = [key for key in map(str, range(20)) if store.get(key) == key.encode() * 2000]
    assert len(left) == store.stock().entries > 5
    assert store.stock().size <= 60_000


def test_the_code_is_known_by_its_bytes(tmp_path: Path) -> None:
    assert code_version() == code_version() != ""
    for name in ("here", "there"):
        (tmp_path / name / "room").mkdir(parents=True)
        (tmp_path / name / "room" / "module.py").write_text("a = 1\n")
    here, there = tmp_path / "here", tmp_path / "there"
    assert code_version(here) == code_version(there)
    (there / "room" / "module.py").write_text("a = 2\n")
    code_version.cache_clear()
    assert code_version(here) != code_version(there)
    assert code_version(tmp_path / "nowhere") == ""


def test_where_it_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUDIT_IMAGE_CACHE_DIR", "")
    assert cache_folder() is None
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AUDIT_IMAGE_CACHE_DIR", "here")
    assert cache_folder() == tmp_path / "here"
    monkeypatch.delenv("AUDIT_IMAGE_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("HOME", str(tmp_path))
    found = cache_folder()
    assert found is not None and found.name == "audit-image" and tmp_path in found.parents
    # As for a number that no account has, in a container.
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr("os.path.expanduser", lambda path: path)
    assert cache_folder() is None
    monkeypatch.setattr("platformdirs.user_cache_path", lambda *_, **__: Path("~/.cache/audit-image"))
    assert cache_folder() is None
