"""Contents that are left in the file they came in: the same, counted the same, and never of a file that has changed."""

import errno
import gzip
import os
import resource
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from auditor.auditing.load import load
from auditor.budget import Limits
from auditor.cli.main import run
from auditor.errors import AuditError
from auditor.image import Image, SharedLayers, in_place, reader
from auditor.image.in_place import FileInPlace
from auditor.image.spool import SpooledContent
from auditor.inventory import build
from tests.image.build import Layout, docker_archive, file, program, tar, whiteout

ELF = b"\x7fELF" + bytes(range(256)) * 20
OTHER = b"\x7fELF" + bytes(reversed(range(256))) * 20
BASE = tar([program("bin/tool", ELF), file("etc/os-release", "ID=debian\n"), file("etc/gone", "x", 0o755)])
TOP = tar([whiteout("etc/gone"), program("bin/other", OTHER)])


def settled(*paths: Path) -> None:
    """As files are that were there before: only their owner may write to them, and the clock has gone on since."""
    for path in paths:
        path.chmod(0o644)
    time.sleep(0.06)


def archive(folder: Path) -> Path:
    path = folder / "image.tar"
    path.write_bytes(docker_archive([BASE, TOP]))
    settled(path)
    return path


def blob(folder: Path) -> Path:
    """The lowest layer's file in a layout."""
    layout = Layout()
    layout.add(layout.manifest([BASE, TOP], compress=False), "it")
    layout.write(folder / "image.tar")
    blobs = sorted((folder / "image.tar/blobs/sha256").iterdir())
    settled(*blobs)
    return next(path for path in blobs if path.read_bytes() == BASE)


def left(image: Image, path: str = "/bin/tool") -> bool:
    """Whether a file's bytes are where they came in."""
    node = image.tree.find(path).node
    assert node is not None and isinstance(node.content, SpooledContent)
    return isinstance(node.content._spool, FileInPlace)


def contents(image: Image) -> dict[str, bytes]:
    return {path: node.content.read() for path, node in image.tree.walk() if node.content is not None}


def grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(bytes(512))


def rewrite(path: Path) -> None:
    """In place, and the time of modification turned back."""
    before = path.stat()
    with path.open("r+b") as file:
        file.write(path.read_bytes().replace(ELF, OTHER))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def cut(path: Path) -> None:
    os.truncate(path, 600)


def name_again(path: Path) -> None:
    path.with_name("another").hardlink_to(path)


def rename(path: Path) -> None:
    path.rename(path.with_name("renamed"))


def close_to_others(path: Path) -> None:
    path.chmod(0o600)


def rewrite_unlinked(path: Path) -> None:
    rewrite(path)
    path.unlink()


def put_another_there(path: Path) -> None:
    new = path.with_name("new")
    new.write_bytes(path.read_bytes().replace(ELF, OTHER))
    new.replace(path)


CHANGES = [grow, rewrite, cut, rewrite_unlinked]
FORMS = [archive, blob]


@pytest.mark.parametrize("form", FORMS)
def test_contents_are_the_same(form: Callable[[Path], Path], tmp_path: Path) -> None:
    path = form(tmp_path)
    with load(str(tmp_path / "image.tar")) as image:
        assert left(image)
        here = contents(image)
    path.chmod(0o664)
    with load(str(tmp_path / "image.tar")) as image:
        assert not left(image)
        assert contents(image) == here
    assert (here["/bin/tool"], here["/bin/other"]) == (ELF, OTHER)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("form", FORMS)
def test_a_file_that_changes_gives_no_answer(
    form: Callable[[Path], Path], change: Callable[[Path], None], tmp_path: Path
) -> None:
    path = form(tmp_path)
    with pytest.raises(AuditError, match="changed while it was read; audit it again") as caught:  # noqa: SIM117
        with load(str(tmp_path / "image.tar")) as image:
            assert left(image)
            change(path)
    assert caught.value.where.startswith(str(tmp_path / "image.tar"))


@pytest.mark.parametrize("form", FORMS)
def test_what_is_cut_off_is_told_when_it_is_missed(form: Callable[[Path], Path], tmp_path: Path) -> None:
    path = form(tmp_path)
    with pytest.raises(AuditError, match="changed while"), load(str(tmp_path / "image.tar")) as image:
        cut(path)
        contents(image)
        raise AssertionError("what was cut off is read")


def test_another_error_is_told_first(tmp_path: Path) -> None:
    path = archive(tmp_path)
    with pytest.raises(AuditError, match=r"^something else$"), load(str(path)):
        grow(path)
        raise AuditError("something else")


@pytest.mark.parametrize("change", [put_another_there, Path.unlink, name_again, rename, close_to_others])
@pytest.mark.parametrize("form", FORMS)
def test_a_file_whose_names_or_mode_change_is_the_one_that_was_read(
    form: Callable[[Path], Path], change: Callable[[Path], None], tmp_path: Path
) -> None:
    path = form(tmp_path)
    with load(str(tmp_path / "image.tar")) as image:
        change(path)
        assert contents(image)["/bin/tool"] == ELF


@pytest.mark.parametrize("mode", [0o664, 0o646])
def test_a_file_that_others_may_write_is_copied(mode: int, tmp_path: Path) -> None:
    path = archive(tmp_path)
    path.chmod(mode)
    time.sleep(0.06)
    with load(str(path)) as image:
        rewrite(path)
        assert contents(image)["/bin/tool"] == ELF


@pytest.mark.parametrize(("stamp", "age", "stays"), [
    (7, 40_000_000, False), (7, 60_000_000, True), (7, -1, False), (0, 1_900_000_000, False), (0, 2_100_000_000, True),
])  # fmt: skip
def test_a_file_that_was_just_written_is_copied(
    stamp: int, age: int, stays: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Written once more, it could have the same time: a kernel's clock and that of a file system go by steps."""
    changed = 1_700_000_000_000_000_000 + stamp
    monkeypatch.setattr("time.time_ns", lambda: changed + age)
    status = SimpleNamespace(st_ctime_ns=changed, st_nlink=1)
    assert in_place._settled(status) == stays  # type: ignore[arg-type]
    assert in_place._settled(SimpleNamespace(st_ctime_ns=changed, st_nlink=0))  # type: ignore[arg-type]


@pytest.mark.parametrize("shared", [None, SharedLayers()])
def test_what_was_unpacked_on_the_way_is_left_there(shared: SharedLayers | None, tmp_path: Path) -> None:
    path = tmp_path / "image.tar.gz"
    path.write_bytes(gzip.compress(docker_archive([BASE, TOP])))
    with load(str(path), shared=shared) as image:
        assert left(image)
        rewrite(path)
        assert contents(image)["/bin/tool"] == ELF


def test_what_takes_up_the_disk_is_not_held_for_other_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "image.tar.gz"
    path.write_bytes(gzip.compress(docker_archive([BASE, TOP])))
    shared = SharedLayers(kept=len(ELF) + 4000)
    with load(str(path), shared=shared) as image:
        assert left(image)
    assert not shared._known  # the file is larger than that
    monkeypatch.setattr("auditor.image.reader._HELD", 4000)
    with load(str(path), shared=SharedLayers()) as image:
        assert not left(image)


def test_compressed_layers_and_pieces_of_sparse_files_are_copied(tmp_path: Path) -> None:
    layout = Layout()
    layout.add(layout.manifest([BASE, TOP]), "it")
    layout.write(tmp_path / "layout")
    path = tmp_path / "sparse.tar"
    pax = {"GNU.sparse.map": "0,4", "GNU.sparse.size": "100"}
    path.write_bytes(docker_archive([tar([file("bin/sparse", b"\x7fELF", 0o755, pax=pax), program("bin/tool", ELF)])]))
    settled(path, *(tmp_path / "layout/blobs/sha256").iterdir())
    with load(str(tmp_path / "layout")) as image:
        assert not left(image)
    with load(str(path)) as image:
        assert not left(image, "/bin/sparse") and left(image)
        assert contents(image) == {"/bin/sparse": b"\x7fELF" + bytes(96), "/bin/tool": ELF}


@pytest.mark.parametrize("limit", [{"kept": 5000}, {"kept": len(ELF) + len(OTHER)}, {"uncompressed": 9000}])
def test_limits_are_the_same(limit: dict[str, int], tmp_path: Path) -> None:
    path = tmp_path / "image.tar"
    path.write_bytes(docker_archive([tar([program("bin/tool", ELF), program("bin/other", OTHER)])]))
    answers = []
    for mode in (0o664, 0o644):
        path.chmod(mode)
        time.sleep(0.06)
        try:
            with load(str(path), limits=Limits(**limit)) as image:
                answers.append(repr(image.budget.limits))
                assert left(image) == (mode == 0o644)
        except AuditError as error:
            answers.append(str(error))
    assert answers[0] == answers[1]
    assert ("limit of" in answers[0]) == (limit != {"kept": len(ELF) + len(OTHER)})


def test_an_archive_is_open_once_more_and_where_that_is_too_often_it_is_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "image.tar"
    path.write_bytes(docker_archive([tar([program(f"bin/{number}", ELF)]) for number in range(20)]))
    settled(path)
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = max(int(entry.name) for entry in Path("/proc/self/fd").iterdir())
    resource.setrlimit(resource.RLIMIT_NOFILE, (used + 8, limits[1]))
    try:
        with load(str(path), shared=SharedLayers()) as image:
            assert left(image, "/bin/7")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)

    def too_many(_: int) -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(os, "dup", too_many)
    with load(str(path)) as image:
        assert not left(image, "/bin/7")


@pytest.mark.parametrize(
    "reason", [OSError(errno.ENOSPC, "No space left on device"), FileNotFoundError("no usable place")]
)
def test_a_temporary_file_is_made_where_something_is_copied(
    reason: OSError, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(**_: object) -> None:
        raise reason

    path = archive(tmp_path)
    monkeypatch.setattr("tempfile.TemporaryFile", refused)
    with load(str(path)) as image:
        assert left(image)
    path.chmod(0o664)
    with pytest.raises(AuditError, match=r"can't write \((No space left on device|no usable place)\); free some space"):
        load(str(path)).__enter__()


def test_contents_can_be_read_until_the_block_ends(tmp_path: Path) -> None:
    with load(str(archive(tmp_path))) as image:
        pass
    with pytest.raises(AuditError):
        contents(image)


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_file_is_not_taken_for_another_image(change: Callable[[Path], None], tmp_path: Path) -> None:
    path = archive(tmp_path)
    copy = tmp_path / "copy.tar"
    copy.write_bytes(path.read_bytes())
    settled(copy)
    shared = SharedLayers()
    with load(str(path), shared=shared):
        pass
    change(path)
    with load(str(copy), shared=shared) as image:
        assert contents(image)["/bin/tool"] == ELF
        read = [layer.contents.in_place for layer in shared._known.values()]
        assert len(read) == 2 and not any(file is None or file.has_changed() for file in read)


def test_a_file_that_changes_gives_no_answer_for_an_image_that_has_its_layers_too(tmp_path: Path) -> None:
    path = archive(tmp_path)
    copy = tmp_path / "copy.tar"
    copy.write_bytes(path.read_bytes())
    shared = SharedLayers()
    with load(str(path), shared=shared):
        pass
    with pytest.raises(AuditError, match=r"image\.tar: changed"), load(str(copy), shared=shared):
        rewrite(path)
    with load(str(copy), shared=shared) as image:
        assert contents(image)["/bin/tool"] == ELF


@pytest.mark.parametrize("options", [(), ("--no-cache",)])
@pytest.mark.parametrize("form", FORMS)
def test_no_report_is_written_and_nothing_is_remembered(
    form: Callable[[Path], Path],
    options: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("AUDIT_IMAGE_CACHE_DIR", str(tmp_path / "cache"))
    path, report = form(tmp_path), tmp_path / "report.json"
    sound = path.read_bytes()
    command = ["check", str(tmp_path / "image.tar"), "-q", "-o", f"json={report}"]
    take = build.take_inventory

    def meanwhile(*arguments: object) -> object:
        with path.open("r+b") as file:
            file.write(sound.replace(b"ID=debian", b"ID=alpine"))
        try:
            return take(*arguments)  # type: ignore[arg-type]
        finally:
            path.write_bytes(sound)

    with monkeypatch.context() as patch:
        patch.setattr(build, "take_inventory", meanwhile)
        assert run([*command, *options]) == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert "changed while it was read" in line
    assert not report.exists()
    settled(path)
    assert run([*command, "--no-cache"]) == 1
    expected = report.read_bytes()
    assert run([*command]) == 1
    assert report.read_bytes() == expected


@pytest.mark.parametrize(("source", "kept_there"), [(archive, True), (blob, False)])
def test_of_many_layers_none_has_a_file_open(
    source: Callable[[Path], Path], kept_there: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An archive is one file, however many layers are in it."""
    monkeypatch.setattr(reader, "_FEW", 1)
    source(tmp_path)
    with load(str(tmp_path / "image.tar")) as image:
        assert left(image) is kept_there
