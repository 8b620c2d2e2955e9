"""A layer that was kept is the layer that was read, and what is no layer is none: another tag reads what is new."""

import io
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from auditor.auditing.load import load
from auditor.budget import Budget, Limits
from auditor.cache import Cache
from auditor.cache.shelf import FOLDER
from auditor.errors import AuditError
from auditor.image import SharedLayers
from auditor.image.kept_layer import packed, unpacked
from auditor.image.layer import Expected, LayerContents, read_layer
from auditor.image.spool import Spool
from auditor.kept import NamedKeep
from auditor.spec import Spec, load_spec
from tests.image.build import Layout, Member, config, file, folder, hard, link, opaque, program, sha256, tar, whiteout
from tests.image.misbehaving import Server, serving
from tests.image.pulls import quick
from tests.image.test_shared import seen
from tests.specs import own_row, own_spec

__all__ = ["quick"]  # a fixture

ELF = b"\x7fELF" + bytes(range(256)) * 40
MEMBERS: list[Member] = [
    folder("bin"),
    program("bin/tool", ELF),
    file("bin/empty", b"", 0o4755, uid=7, gid=8),
    hard("bin/second", "bin/tool"),
    link("bin/link", "../no\udcff/such"),
    file("etc/name-\udce9", "latin", 0o600),
    file("etc/caps", "x", pax={"SCHILY.xattr.security.capability": "\x01\x02"}),
    whiteout("etc/gone"),
    opaque("var"),
    file("etc/left", "not kept"),
]
SPEC = load_spec("base")


class Held:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self.size = len(data)

    def read(self, offset: int, length: int) -> bytes:
        return self._data[max(offset, 0) : max(offset + length, 0)]


def layer(members: list[Member]) -> LayerContents:
    budget = Budget(Limits())
    stored = tar(members)
    expected = Expected("layer 1 of 1", sha256(stored), len(stored), sha256(stored))
    return read_layer(
        io.BytesIO(stored), expected, keep=lambda path, *_: "left" not in path, spool=Spool(budget.kept), budget=budget
    )


def plain(contents: LayerContents) -> list[object]:
    entries = [
        (msgspec.structs.replace(entry, content=None), entry.content and entry.content.read(0, -1))
        for entry in contents.entries
    ]
    return [entries, msgspec.structs.replace(contents, entries=())]


@pytest.mark.parametrize("members", [MEMBERS, MEMBERS[-1:], []])
def test_it_is_the_same_layer(members: list[Member]) -> None:
    contents = layer(members)
    again = unpacked(Held(b"".join(packed(contents))))
    assert again is not None
    assert plain(again) == plain(contents)


@pytest.mark.parametrize("length", [*range(12), 100, 10_000])
def test_what_is_no_layer_is_none(length: int) -> None:
    whole = b"".join(packed(layer(MEMBERS)))
    for data in (whole[:length], whole[length:-1], bytes(length), b"\xff" * length):
        assert unpacked(Held(data)) is None


def test_nothing_else_comes_of_altered_bytes_than_a_layer_or_none() -> None:
    whole = b"".join(packed(layer(MEMBERS[:3])))
    chance = random.Random(1)
    lists = len(whole) - len(ELF)
    found = set()
    for _ in range(2000):
        at = len(whole) - 1 - chance.randrange(lists)
        again = unpacked(Held(whole[:at] + chance.randbytes(1) + whole[at + 1 :]))
        found.add(again is None)
        assert again is None or again.kept == sum(entry.content.size for entry in again.entries if entry.content)
    assert found == {True, False}


TOPS = [tar([whiteout("etc/gone"), file("etc/os-release", f"ID=debian\nVERSION_ID={number}\n")]) for number in (1, 2)]
BASE = tar([folder("bin"), program("bin/tool", ELF), file("etc/gone", "x", 0o755)])


@pytest.fixture
def registry() -> Iterator[Server]:
    """Two tags on one base."""
    layout = Layout()
    tags = {f"v{number}": str(layout.manifest([BASE, top])["digest"]) for number, top in enumerate(TOPS, 1)}
    with serving(Server(layout, tags)) as server:
        yield server


def another_run(at: Path) -> SharedLayers:
    return SharedLayers(Cache(at / "cache", pytest.fail))


def looked(reference: str, shared: SharedLayers | None, **options: object) -> object:
    """All that there is to know of an image, or what is wrong with it."""
    try:
        with load(reference, spec=SPEC, shared=shared, **options) as image:  # type: ignore[arg-type]
            return seen(image)
    except AuditError as error:
        return str(error)


@pytest.mark.usefixtures("quick")
def test_another_run_fetches_what_is_new(registry: Server, tmp_path: Path) -> None:
    names = [f"registry:{registry.host}/team/app:v{number}" for number in (1, 2)]
    cold = [looked(name, None) for name in names]
    assert looked(names[0], another_run(tmp_path)) == cold[0]
    asked = registry.count("blobs")
    assert looked(names[1], another_run(tmp_path)) == cold[1]
    assert registry.count("blobs") == asked + 2  # the config, and the layer that is new
    assert looked(names[1], another_run(tmp_path)) == cold[1]
    assert registry.count("blobs") == asked + 3  # the config


def layout(at: Path, *, compress: bool = True) -> Path:
    made = Layout()
    made.add(made.manifest([BASE, TOPS[0]], compress=compress), "v1")
    return made.write(at)


def kept(at: Path) -> list[Path]:
    return sorted((at / "cache" / FOLDER).glob("*"))


def test_what_is_read_as_fast_as_it_is_hashed_is_not_kept(tmp_path: Path) -> None:
    for compress, count in ((False, 0), (True, 2)):
        path = layout(tmp_path / str(compress), compress=compress)
        assert looked(str(path), another_run(tmp_path)) == looked(str(path), None)
        assert len(kept(tmp_path)) == count


HUGE = "99999999999999999999"  # more than 64 bits


@pytest.mark.parametrize("pax", [{"uid": HUGE}, {"gid": HUGE}, {"GNU.sparse.realsize": HUGE, "GNU.sparse.map": ""}])
def test_numbers_that_can_not_be_kept_are_read_each_time(pax: dict[str, str], tmp_path: Path) -> None:
    made = Layout()
    made.add(made.manifest([BASE, tar([file("etc/plain", pax=pax)])]), "v1")
    path = made.write(tmp_path / "image")
    for _ in range(2):
        assert looked(str(path), another_run(tmp_path)) == looked(str(path), None)
        assert len(kept(tmp_path)) == 1


def cut(data: bytes) -> bytes:
    return data[:-9]


def turned(data: bytes) -> bytes:
    return data[:100] + bytes([data[100] ^ 1]) + data[101:]


@pytest.mark.parametrize("damage", [cut, turned])
def test_a_layer_that_was_altered_here_is_not_taken_for_the_one_that_was_read(
    damage: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    path = layout(tmp_path / "image")
    sound = looked(str(path), another_run(tmp_path))
    blob = max((path / "blobs/sha256").iterdir(), key=lambda file: file.stat().st_size)
    blob.write_bytes(damage(blob.read_bytes()))
    told = looked(str(path), another_run(tmp_path))
    assert told == looked(str(path), None) != sound
    assert isinstance(told, str)


@pytest.mark.parametrize("damage", [cut, turned, lambda _: b""])
def test_a_kept_layer_that_was_altered_is_read_anew(damage: Callable[[bytes], bytes], tmp_path: Path) -> None:
    path = layout(tmp_path / "image")
    sound = looked(str(path), another_run(tmp_path))
    for at in kept(tmp_path):
        at.write_bytes(damage(at.read_bytes()))
    for _ in range(2):
        assert looked(str(path), another_run(tmp_path)) == sound
    assert len(kept(tmp_path)) == 2


@pytest.mark.parametrize("limit", [{"entries": 2}, {"names": 10}, {"kept": 5000}, {"uncompressed": 9000}, {"path": 8}])
def test_limits_are_drawn_from_as_if_it_was_read(limit: dict[str, int], tmp_path: Path) -> None:
    made = Layout()
    made.add(made.manifest([BASE], compress=True), "v1")  # of several, it is a race which passes a limit
    path = made.write(tmp_path / "image")
    looked(str(path), another_run(tmp_path))
    told = looked(str(path), another_run(tmp_path), limits=Limits(**limit))
    assert told == looked(str(path), None, limits=Limits(**limit))
    assert isinstance(told, str)


def test_another_spec_keeps_other_contents(tmp_path: Path) -> None:
    """What a spec has no use for was not kept; one that asks for it reads the layer anew."""
    made = Layout()
    made.add(made.manifest([tar([file("etc/plain", bytes(70_000))])], compress=True), "v1")
    path = made.write(tmp_path / "image")

    def content(spec: Spec) -> bytes | None:
        with load(str(path), spec=spec, shared=another_run(tmp_path)) as image:
            node = image.tree.find("/etc/plain").node
            assert node is not None
            return node.content.read(0, -1) if node.content else None

    hashing = own_spec(own_row("file.plain", "It is what it was.", path="/etc/plain", digest=f"sha256:{'0' * 64}"))
    assert [content(spec) for spec in (SPEC, hashing, SPEC, hashing)] == [None, bytes(70_000), None, bytes(70_000)]


def test_a_policy_without_a_name_is_of_this_run_alone(tmp_path: Path) -> None:
    path = layout(tmp_path / "image")
    with load(str(path), keep=lambda *_: True, shared=another_run(tmp_path)):
        assert kept(tmp_path) == []
    with load(str(path), keep=NamedKeep("all", lambda: lambda *_: True), shared=another_run(tmp_path)):
        assert len(kept(tmp_path)) == 2


def test_claims_of_a_config_are_held_to_the_kept_layer(tmp_path: Path) -> None:
    """Another image names the same stored layer, and says that it unpacks to something else."""
    path = layout(tmp_path / "image")
    looked(str(path), another_run(tmp_path))
    lying = Layout()
    lying.add(lying.manifest([BASE, TOPS[0]], settings=config([BASE, TOPS[1]]), compress=True), "v1")
    told = looked(str(lying.write(tmp_path / "lying")), another_run(tmp_path))
    assert told == looked(str(tmp_path / "lying"), None)
    assert isinstance(told, str)
