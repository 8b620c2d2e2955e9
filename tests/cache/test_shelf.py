"""What was put on a shelf is there again, whole, or it is not there: whoever else writes, cuts or forges it."""

import errno
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from auditor.cache import Cache, Unusable
from auditor.cache.shelf import FOLDER, Shelf
from tests.cache.test_store import DAY, UNUSABLE, Clock

PIECES = (b"one", b"", os.urandom(3000))
WHOLE = b"".join(PIECES)


def held(shelf: Shelf, key: str) -> bytes | None:
    found = shelf.open(key)
    return None if found is None else found.read(0, found.size)


def files(at: Path) -> list[Path]:
    return sorted((at / FOLDER).iterdir())


def test_what_was_put_is_there_in_another_run(tmp_path: Path) -> None:
    Shelf(tmp_path / "cache", "code").put("a", PIECES)
    shelf = Shelf(tmp_path / "cache", "code")
    assert (held(shelf, "a"), held(shelf, "b")) == (WHOLE, None)
    shelf.put("a", [b"second"])
    assert held(shelf, "a") == b"second"
    shelf.put("nothing", [])
    assert held(shelf, "nothing") == b""
    assert held(Shelf(tmp_path / "cache", "other code"), "a") is None
    assert [(tmp_path / at).stat().st_mode & 0o777 for at in ("cache", f"cache/{FOLDER}")] == [0o700, 0o700]
    assert {file.stat().st_mode & 0o777 for file in files(tmp_path / "cache")} == {0o600}


@pytest.mark.parametrize(
    ("offset", "length", "read"), [(0, 3, b"one"), (1, 1, b"n"), (2, 100, b"e!"), (4, 100, b""), (5, 1, b"")]
)
def test_no_read_goes_beyond_what_was_put(tmp_path: Path, offset: int, length: int, read: bytes) -> None:
    shelf = Shelf(tmp_path, "code")
    shelf.put("a", [b"one!"])
    found = shelf.open("a")
    assert found is not None
    assert (found.size, found.read(offset, length)) == (4, read)


def test_what_is_being_read_stays_when_it_goes(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, "code")
    shelf.put("a", PIECES)
    found = shelf.open("a")
    assert shelf.clear() == 1 and found is not None
    assert found.read(0, found.size) == WHOLE
    assert held(shelf, "a") is None


def test_room_is_made_of_what_was_used_longest_ago_and_of_other_codes_first(tmp_path: Path) -> None:
    clock = Clock()
    shelf = Shelf(tmp_path, "code", limit=1000, clock=clock)
    Shelf(tmp_path, "other", clock=clock).put("theirs", [bytes(68)])
    for number in range(6):
        clock.now += 3600
        shelf.put(str(number), [bytes(68)])  # a digest of 32 bytes comes behind
    clock.now += 3600
    assert held(shelf, "0") is not None
    shelf.put("new", [bytes(468)])
    assert [number for number in "012345" if held(shelf, number) is None] == ["1"]
    assert held(Shelf(tmp_path, "other", clock=clock), "theirs") is None
    assert sum(piece.size for piece in shelf.stock()) <= 1000
    shelf.put("too large", [bytes(600), bytes(401)])
    assert held(shelf, "too large") is None and held(shelf, "new") is not None


def test_what_others_left_goes_after_a_day(tmp_path: Path) -> None:
    clock = Clock()
    old, new = (Shelf(tmp_path, code, clock=clock) for code in ("old", "new"))
    for shelf in (old, new):
        shelf.put("a", PIECES)
    killed = tmp_path / FOLDER / "part-1-1"
    killed.write_bytes(b"of one who was killed")
    os.utime(killed, (clock.now, clock.now))
    new.put("b", PIECES)
    assert len(files(tmp_path)) == 4 and held(old, "a") == WHOLE  # two versions side by side keep what they use
    clock.now += 2 * DAY
    new.put("c", PIECES)
    assert [held(old, "a"), held(new, "a"), held(new, "b"), held(new, "c")] == [None, WHOLE, WHOLE, WHOLE]
    assert len(files(tmp_path)) == 3


def test_pruning_and_clearing(tmp_path: Path) -> None:
    clock = Clock()
    shelf = Shelf(tmp_path, "code", clock=clock)
    assert (shelf.stock(), shelf.prune(0), shelf.clear()) == ((), 0, 0)
    for one, key in ((shelf, "old"), (Shelf(tmp_path, "other", clock=clock), "theirs")):
        one.put(key, PIECES)
    assert shelf.prune(1) == 1 and len(shelf.stock()) == 1
    clock.now += 20 * DAY
    shelf.put("new", PIECES)
    assert (shelf.prune(21), shelf.prune(19)) == (0, 1)
    assert held(shelf, "new") == WHOLE
    assert shelf.clear() == 1 and not (tmp_path / FOLDER).exists()


def test_what_is_being_written_is_left_alone(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, "code")

    def pieces() -> Iterator[bytes]:
        yield b"one"
        assert Shelf(tmp_path, "code").prune(0) == 0
        yield b"two"

    shelf.put("a", pieces())
    assert held(shelf, "a") == b"onetwo"


DAMAGES: dict[str, Callable[[Path], object]] = {
    "cut": lambda file: os.truncate(file, 2000),
    "cut to nothing": lambda file: os.truncate(file, 0),
    "longer": lambda file: file.write_bytes(file.read_bytes() + b"x"),
    "a byte altered": lambda file: file.write_bytes(b"O" + file.read_bytes()[1:]),
    "a byte of the digest altered": lambda file: file.write_bytes(file.read_bytes()[:-1] + b"?"),
    "zeros": lambda file: file.write_bytes(bytes(file.stat().st_size)),
    "a sparse gigabyte": lambda file: os.truncate(file, 1 << 30),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_was_damaged_is_not_there_and_is_made_anew(tmp_path: Path, damage: str) -> None:
    shelf = Shelf(tmp_path, "code")
    shelf.put("a", PIECES)
    (file,) = files(tmp_path)
    DAMAGES[damage](file)
    assert held(shelf, "a") is None
    assert files(tmp_path) == []
    shelf.put("a", PIECES)
    assert held(shelf, "a") == WHOLE


def test_what_stands_under_another_name_is_not_there(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, "code")
    for key in ("a", "b"):
        shelf.put(key, [key.encode()])
    one, other = files(tmp_path)
    one.replace(other)
    assert [held(shelf, key) for key in ("a", "b")].count(None) == 2


FORGED: dict[str, tuple[Callable[[Path], object], str]] = {
    "a link": (lambda file: file.symlink_to("/etc/passwd"), "symbolic links"),
    "a file of two names": (lambda file: file.hardlink_to(other(file)), "no file of its own"),
    "a file that others may write": (lambda file: os.close(opened(file)), "others may write it"),
    "a pipe": (lambda file: os.mkfifo(file, 0o600), "no file of its own"),
}


def other(file: Path) -> Path:
    file.with_name("theirs").touch(0o600)
    return file.with_name("theirs")


def opened(file: Path) -> int:
    before = os.umask(0)
    try:
        return os.open(file, os.O_CREAT, 0o666)
    finally:
        os.umask(before)


@pytest.mark.parametrize("case", FORGED)
def test_a_file_that_can_not_be_trusted_is_not_read(tmp_path: Path, case: str) -> None:
    make, reason = FORGED[case]
    shelf = Shelf(tmp_path, "code")
    shelf.put("a", PIECES)
    (file,) = files(tmp_path)
    file.unlink()
    make(file)
    with pytest.raises(Unusable, match=reason):
        shelf.open("a")


@pytest.mark.parametrize("case", [case for case in UNUSABLE if not case.startswith("a file ") and case != "a pipe"])
def test_a_folder_that_can_not_be_trusted_is_not_used(tmp_path: Path, case: str) -> None:
    make, reason = UNUSABLE[case]
    make(tmp_path / "cache")
    shelf = Shelf(tmp_path / "cache", "code")
    with pytest.raises(Unusable, match=reason):
        shelf.open("a")
    with pytest.raises(Unusable, match=reason):
        shelf.put("a", PIECES)
    said: list[str] = []
    cache = Cache(tmp_path / "cache", said.append)
    cache.put("a", b"1")
    cache.keep("a", PIECES)
    assert (cache.get("a"), cache.open("a")) == (None, None)
    assert len(said) == 1 and str(tmp_path / "cache") in said[0]


@pytest.mark.parametrize("which", ["the folder", "the folder above, which others may write"])
def test_nothing_goes_through_a_link(tmp_path: Path, which: str) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "precious").touch()
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache").chmod(0o700 if which == "the folder" else 0o777)
    (tmp_path / "cache" / FOLDER).symlink_to(tmp_path / "theirs")
    shelf = Shelf(tmp_path / "cache", "code")
    for use in (shelf.stock, shelf.clear, lambda: shelf.prune(0)):
        with pytest.raises(Unusable):
            use()
    assert (tmp_path / "theirs" / "precious").exists()


def test_a_full_disk_leaves_no_part(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, "code")

    def pieces() -> Iterator[bytes]:
        yield b"one"
        raise OSError(28, "No space left on device")

    with pytest.raises(Unusable, match="No space left on device"):
        shelf.put("a", pieces())
    assert files(tmp_path) == []


MANY = """
import sys
from pathlib import Path
from auditor.cache.shelf import Shelf
shelf = Shelf(Path(sys.argv[1]), "code", limit=60_000)
for number in range(15):
    key = str((number * 7 + int(sys.argv[2])) % 20)
    found = shelf.open(key)
    assert found is None or found.read(0, found.size) == key.encode() * 2000, "somebody else's"
    shelf.put(key, [key.encode()] * 2000)
"""


def test_ten_processes_at_once(tmp_path: Path) -> None:
    command = [sys.executable, "-c", MANY, str(tmp_path / "cache")]
    running = [subprocess.Popen([*command, str(number)], stderr=subprocess.PIPE) for number in range(10)]
    assert [(process.communicate()[1], process.returncode) for process in running] == [(b"", 0)] * 10
    shelf = Shelf(tmp_path / "cache", "code")
    left = [key for key in map(str, range(20)) if held(shelf, key) == key.encode() * 2000]
    assert len(left) == len(shelf.stock()) == len(files(tmp_path / "cache")) > 5
    assert sum(piece.size for piece in shelf.stock()) <= 60_000


def test_a_folder_on_a_read_only_mount_is_of_no_use_and_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There even what is not there can't be unlinked."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    shelf = Shelf(tmp_path / "cache", "code")
    shelf.put("first", PIECES)
    monkeypatch.setattr(tempfile, "mkstemp", refuse)
    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(Unusable, match="Read-only file system"):
        shelf.put("second", PIECES)
