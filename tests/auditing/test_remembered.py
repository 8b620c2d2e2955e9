"""An image that was audited before is not read again, and what is said of it is the same, byte for byte.

Every form of archive and layout is tried, and everything that can be wrong with one: it is refused in the same words,
whatever is remembered.
"""

import gzip
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from auditor.auditing import remembered
from auditor.cache.code import code_version
from auditor.cache.store import FILE, Store
from auditor.cli.main import run
from fixtures.export import export
from tests.image.build import Layout, config, docker_archive, file, folder, link, program, tar, whiteout
from tests.image.misbehaving import Server, serving
from tests.image.test_sources import BAD, WRITERS
from tests.images import built

ELF = b"\x7fELF"
BASE = tar(
    [
        folder("usr"), folder("usr/bin"), link("bin", "usr/bin"), file("etc/os-release", "ID=debian\n"),
        program("usr/bin/ipset"), program("usr/bin/tool", "#!/bin/sh\nexec ipset\n"), file("data/t\xe4st", "x"),
        file("usr/bin/nft", "no program"),
    ]
)  # fmt: skip
ADDED = tar([program("usr/bin/conntrack"), whiteout("bin/nft"), file("opt/app", bytes(2000))])
LAYERS = [BASE, ADDED]


@dataclass(frozen=True)
class Answer:
    """What a run said: its exit code, the report, and its lines on standard error."""

    code: int
    report: bytes
    said: str


Ask = Callable[..., Answer]


@pytest.fixture
def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Ask:
    """Audit an image with a cache of the test's own."""
    monkeypatch.setenv("AUDIT_IMAGE_CACHE_DIR", str(tmp_path / "cache"))
    report = tmp_path / "report.json"

    def asked(reference: str, *options: str) -> Answer:
        report.unlink(missing_ok=True)
        code = run(["check", reference, "-o", f"json={report}", *options])
        return Answer(code, report.read_bytes() if report.exists() else b"", capfd.readouterr().err)

    return asked


@pytest.fixture
def unread(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From now on nothing but an entry will do."""

    def never(*_: object) -> None:
        raise AssertionError("the image is read")

    return lambda: monkeypatch.setattr(remembered, "read_and_look", never)


def the_layout(*, compress: bool = True) -> Layout:
    layout = Layout()
    layout.add(layout.manifest(LAYERS, compress=compress), "v1")
    return layout


FORMS: dict[str, Callable[[Path], object]] = {
    "a tree of its own": lambda path: path.write_bytes(docker_archive(LAYERS)),
    "oci-dir of plain layers": lambda path: the_layout(compress=False).write(path),
    **{name: write for name, (_, write) in WRITERS.items()},
}


@pytest.mark.parametrize("form", FORMS)
def test_the_report_is_the_same_and_nothing_is_read(
    form: str, tmp_path: Path, ask: Ask, unread: Callable[[], None]
) -> None:
    FORMS[form](tmp_path / "image")
    reference = str(tmp_path / "image")
    cold = ask(reference, "--no-cache")
    assert not (tmp_path / "cache").exists()
    assert ask(reference) == cold and cold.code == 1 and b'"verdict": "fail"' in cold.report
    unread()
    assert ask(reference) == cold
    strict = ask(reference, "--strict", "--ip-family", "ipv4")  # another judgement of the same facts
    assert strict.code == 1 and strict.report != cold.report


def test_a_registry_is_asked_for_no_layer(tmp_path: Path, ask: Ask, unread: Callable[[], None]) -> None:
    layout = the_layout()
    server = Server(layout, {"v1": str(layout.entries[0]["digest"])})
    with serving(server):
        reference = f"registry:{server.host}/team/app:v1"
        cold = ask(reference, "--no-cache")
        assert ask(reference) == cold
        unread()
        asked = server.count("blobs")
        assert ask(reference) == cold
        assert server.count("blobs") - asked == 1  # the config
        # What came from a registry is known of a layout with the same bytes, and the other way round.
        the_layout().write(tmp_path / "layout")
        assert b'"source": "oci-dir"' in ask(f"oci-dir:{tmp_path}/layout").report


@pytest.mark.full
@pytest.mark.parametrize("form", ["docker-archive", "docker-archive-gz", "oci-dir", "oci-archive"])
def test_a_real_image(form: str, ask: Ask, unread: Callable[[], None]) -> None:
    reference = f"{form.removesuffix('-gz')}:{export(built(), form)}"
    cold = ask(reference)
    assert cold.code == 0
    unread()
    assert ask(reference) == cold


HINTING = """
schema_version = "1"
name = "hinting"
version = "1"
title = "Met by some"
extends = "base"
instead = ["kube-proxy"]

[[requirement]]
id = "hinting.tool"
kind = "tool"
tool = "ipset"
programs = ["ipset"]
families = ["ipv6", "dual"]
"""


def test_a_hint_that_was_not_asked_for_before(tmp_path: Path, ask: Ask, unread: Callable[[], None]) -> None:
    """Which other spec the image meets is only looked for where it doesn't meet this one."""
    (tmp_path / "hinting.toml").write_text(HINTING)
    layers = [tar([file("etc/os-release", "ID=debian\n")])]
    (tmp_path / "image.tar").write_bytes(docker_archive(layers, settings=config(layers, config={})))
    asked = ("--spec", str(tmp_path / "hinting.toml"), "--platform", "linux/amd64")
    met = ask(str(tmp_path / "image.tar"), *asked, "--ip-family", "ipv4")
    assert met.code == 0
    assert ask(str(tmp_path / "image.tar"), *asked) == (cold := ask(str(tmp_path / "image.tar"), *asked, "--no-cache"))
    assert cold.code == 1
    unread()
    assert ask(str(tmp_path / "image.tar"), *asked) == cold
    assert ask(str(tmp_path / "image.tar"), *asked, "--ip-family", "ipv4") == met


@pytest.mark.parametrize("name", BAD)
def test_what_can_not_be_audited_is_refused_in_the_same_words(name: str, tmp_path: Path, ask: Ask) -> None:
    """With what a sound image of that name left behind."""
    path = tmp_path / "image"
    for form in ("docker-archive", "oci-archive"):
        WRITERS[form][1](path)
        assert ask(str(path)).code == 1
    path.unlink()
    WRITERS["oci-dir"][1](path)
    assert ask(str(path)).code == 1
    path.rename(tmp_path / "sound")
    BAD[name][0](path)
    cold = ask(str(path), "--no-cache")
    assert (cold.code, cold.report) == (2, b"")
    assert ask(str(path)) == cold


def flipped(data: bytes) -> bytes:
    at = len(data) // 2
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "a bit": flipped,
    "cut": lambda data: data[:-1],
    "longer": lambda data: data + b"\0",
    "gone": lambda _: b"",
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("compress", [True, False], ids=["gzip", "plain"])
def test_a_layout_that_was_tampered_with(damage: str, compress: bool, tmp_path: Path, ask: Ask) -> None:
    layout = the_layout(compress=compress)
    path = layout.write(tmp_path / "image")
    assert ask(str(path)).code == 1
    for name in layout.files:
        if name.startswith("blobs"):
            sound = (path / name).read_bytes()
            (path / name).write_bytes(DAMAGES[damage](sound))
            cold = ask(str(path), "--no-cache")
            assert cold.code == 2 and ask(str(path)) == cold, name
            (path / name).write_bytes(sound)
    assert ask(str(path)).code == 1


@pytest.mark.parametrize("damage", ["a bit", "longer"])
@pytest.mark.parametrize("compress", [True, False], ids=["gzip", "plain"])
def test_an_archive_that_was_tampered_with(damage: str, compress: bool, tmp_path: Path, ask: Ask) -> None:
    """An archive of docker's own says nothing of its layers but their diff ids: the config is left as it was."""
    stored = [gzip.compress(layer, 1, mtime=0) if compress else layer for layer in LAYERS]
    path = tmp_path / "image.tar"
    path.write_bytes(docker_archive(stored, settings=config(LAYERS)))
    assert ask(str(path)).code == 1
    for number, layer in enumerate(stored):
        changed = [*stored]
        changed[number] = DAMAGES[damage](layer)
        path.write_bytes(docker_archive(changed, settings=config(LAYERS)))
        cold = ask(str(path), "--no-cache")
        assert cold.code == 2 or compress  # a compressed stream may come to the same bytes still
        assert ask(str(path)) == cold
    # The same layers compressed in another way are the same image, and read.
    path.write_bytes(docker_archive([gzip.compress(layer, 9) for layer in LAYERS], settings=config(LAYERS)))
    assert ask(str(path)) == ask(str(path), "--no-cache")


OTHERWISE: dict[str, tuple[str, ...]] = {
    "another spec": ("--spec", "kube-proxy"),
    "a limit": ("--limit", "steps=2999999"),
}


@pytest.mark.parametrize("other", OTHERWISE)
def test_what_is_asked_otherwise_is_looked_at_anew(
    other: str, tmp_path: Path, ask: Ask, unread: Callable[[], None]
) -> None:
    path = the_layout().write(tmp_path / "image")
    assert ask(str(path)).code == 1
    assert ask(str(path), *OTHERWISE[other]) == ask(str(path), *OTHERWISE[other], "--no-cache")
    unread()
    assert ask(str(path), *OTHERWISE[other]).code == 1
    with pytest.raises(AssertionError, match="is read"):
        raise_faults(ask(str(path), "--limit", "steps=2999998"))


def raise_faults(answer: Answer) -> None:
    if "AssertionError" in answer.said:
        raise AssertionError(answer.said)


def test_a_limit_that_is_passed_is_passed_warm_too(tmp_path: Path, ask: Ask) -> None:
    path = the_layout().write(tmp_path / "image")
    assert ask(str(path)).code == 1
    cold = ask(str(path), "--limit", "entries=3", "--no-cache")
    assert cold.code == 2 and ask(str(path), "--limit", "entries=3") == cold == ask(str(path), "--limit", "entries=3")


def test_all_platforms(tmp_path: Path, ask: Ask, unread: Callable[[], None]) -> None:
    layout = Layout()
    entries = []
    for architecture in ("amd64", "arm64"):
        settings = config(LAYERS, architecture=architecture)
        entries.append(
            layout.manifest(LAYERS, settings=settings, platform={"os": "linux", "architecture": architecture})
        )
    layout.add(layout.index(entries), "v1")
    path = layout.write(tmp_path / "image")
    cold = ask(str(path), "--all-platforms", "--no-cache")
    assert ask(str(path), "--all-platforms") == cold
    with sqlite3.connect(tmp_path / "cache" / FILE) as connection:  # of one platform and not of the other
        connection.execute("DELETE FROM entries WHERE rowid > (SELECT max(rowid) / 2 FROM entries)")
    connection.close()
    assert ask(str(path), "--all-platforms") == cold
    one = ask(str(path), "--platform", "linux/arm64")
    unread()
    assert ask(str(path), "--all-platforms") == cold
    assert ask(str(path), "--platform", "linux/arm64") == one
    asked = ask(str(path), "--platform", "linux/s390x")
    assert asked.code == 2 and "no image for linux/s390x" in asked.said


def test_a_directory_is_read_each_time(tmp_path: Path, ask: Ask) -> None:
    (tmp_path / "root/usr/bin").mkdir(parents=True)
    before = ask(f"dir:{tmp_path}/root")
    (tmp_path / "root/usr/bin/ipset").write_bytes(ELF)
    assert ask(f"dir:{tmp_path}/root").report != before.report
    assert not (tmp_path / "cache").exists()


def test_an_entry_that_is_none_is_made_anew(tmp_path: Path, ask: Ask, unread: Callable[[], None]) -> None:
    path = the_layout().write(tmp_path / "image")
    cold = ask(str(path))
    for data in (b"", b"{}", b"[" * 100_000, b'{"layers":[],"remarks":[],"inventory":{}}'):
        for key in keys(tmp_path):
            store(tmp_path).put(key, data)
        assert ask(str(path)) == cold
    unread()
    assert ask(str(path)) == cold


def keys(at: Path) -> Iterator[str]:
    with sqlite3.connect(at / "cache" / FILE) as connection:
        yield from [key for (key,) in connection.execute("SELECT key FROM entries").fetchall()]
    connection.close()


def store(at: Path) -> Store:
    return Store(at / "cache", code_version())


def test_without_a_place_for_it_a_run_does_without(tmp_path: Path, ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    path = the_layout().write(tmp_path / "image")
    cold = ask(str(path), "--no-cache")
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("AUDIT_IMAGE_CACHE_DIR", str(tmp_path / "file"))
    assert ask(str(path)) == cold
    told = [line for line in ask(str(path), "-v").said.splitlines() if "nothing is remembered" in line]
    assert len(told) == 1 and str(tmp_path / "file") in told[0]


def test_the_commands(tmp_path: Path, ask: Ask, capfd: pytest.CaptureFixture[str]) -> None:
    path = the_layout().write(tmp_path / "image")
    assert run(["cache", "info"]) == 0
    assert "entries  0" in capfd.readouterr().out
    ask(str(path))
    assert run(["cache", "info"]) == 0
    told = capfd.readouterr().out
    assert str(tmp_path / "cache") in told and "entries  0" not in told and "of at most 256 MiB" in told
    assert "layers   2 in " in told and "of at most 1024 MiB" in told
    assert run(["cache", "prune"]) == 0
    assert capfd.readouterr().out.startswith("0 removed, ")
    assert run(["cache", "clear"]) == 0
    assert list((tmp_path / "cache").iterdir()) == []


def test_the_commands_without_a_cache(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    for folder_name in ("", "/dev/null"):
        monkeypatch.setenv("AUDIT_IMAGE_CACHE_DIR", folder_name)
        for command in ("info", "prune", "clear"):
            assert run(["cache", command]) == 2
            (line,) = capfd.readouterr().err.splitlines()
            assert "AUDIT_IMAGE_CACHE_DIR" in line
