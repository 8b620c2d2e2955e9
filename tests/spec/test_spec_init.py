"""`spec init`: a good image passes its own draft, and fails it with any one thing of it broken."""

import contextlib
import io
from functools import cache
from pathlib import Path

import pytest

from auditor.cli.main import run
from auditor.inventory.model import CpuFloor
from auditor.spec import load_spec, read_spec
from tests.images import built, layout
from tests.inventory.room import Room, errors
from tests.rules.test_cpu_floor import told_of, with_floors
from tests.spec.products import (
    LIBRARIES,
    Broken,
    alterable,
    attributes,
    audited,
    broken,
    delete,
    needs_kernel,
    needs_processor,
    nginx,
    not_met,
    patched,
    write,
)
from tests.spec.test_nginx import no_libssl, old_package, without_package

LIBSSL = "library.nginx.libssl.so.3"
OF_NGINX = frozenset(
    f"library.nginx.{name}" for name in ("libc.so.6", "libcrypt.so.1", "libcrypto.so.3", "libpcre2-8.so.0", "libz.so.1")
) | {LIBSSL, "tool.nginx", "image.entrypoint"}

CASES = (
    broken("nothing", ""),
    broken("a library deleted", f"image.loads image.entrypoint tool.nginx {LIBSSL}", no_libssl),
    Broken("the tool deleted", OF_NGINX, delete("usr/sbin/nginx")),
    broken("an older version", "tool.nginx", patched("usr/sbin/nginx", b"nginx/1.2", b"nginx/1.1")),
    broken("the entrypoint gone", "image.entrypoint config.container", Cmd=["nginx2"]),
    broken("no entrypoint", "config.container", Cmd=None),
    broken("another user", "config.container", User="www-data"),
    broken("another PATH", "config.container", Env=["PATH=/usr/sbin:/usr/bin"]),
    broken("a port less", "config.container", ExposedPorts=None),
    broken("a label less", "config.container", Labels=None),
    broken("a configuration deleted", "file./etc/nginx/nginx.conf", delete("etc/nginx/nginx.conf")),
    broken("a configuration emptied", "file./etc/nginx/mime.types", write("etc/nginx/mime.types", "")),
    broken("a configuration's mode", "file./etc/nginx/nginx.conf", attributes("etc/nginx/nginx.conf", mode=0o666)),
    broken("a package's record deleted", "package.libssl3", without_package),
    broken("an older package", "package.libssl3", old_package),
    broken("a newer processor", "cpu.floor tool.nginx", needs_processor("usr/sbin/nginx", 3)),
    broken("a library that isn't linked any more", LIBSSL, patched("usr/sbin/nginx", b"libssl.so.3", b"libz.so.1\0\0")),
)
QUICK = ("another user",)


FELIX = "etc/runit/runsvdir/current/available/felix/run"
FROM_LIBPCAP = "dbus-1.so.3 gcrypt.so.20 gpg-error.so.0 lz4.so.1 lzma.so.5 pcap.so.0.8 rt.so.1 systemd.so.0 zstd.so.1"
OF_LIBPCAP = {f"library.calico-node.lib{name}" for name in FROM_LIBPCAP.split()} | {"image.loads", "tool.calico-node"}
OF_CALICO_NODE = OF_LIBPCAP - {"image.loads"} | {
    *(f"library.calico-node.lib{name}" for name in ("c.so.6", "crypto.so.1.1", "dl.so.2", "pthread.so.0")),
    "image.entrypoint",
}
# calico/node's own start: a script, runit, its services. bullseye's loader is the last that refuses an old kernel.
BASE_CASES = (
    broken("nothing", ""),
    Broken("a service's program deleted", frozenset(OF_CALICO_NODE), delete("bin/calico-node")),
    Broken("a library deleted", frozenset(OF_LIBPCAP), delete(f"{LIBRARIES}/libpcap.so.0.8")),
    broken("what a script sources deleted", "file./etc/rc.local", delete("etc/rc.local")),
    broken("a service's script emptied", f"file./{FELIX} image.entrypoint", write(FELIX, "", 0o755)),
    broken(
        "a script that isn't to be started",
        "file./usr/sbin/start_runit tool.start_runit image.entrypoint",
        attributes("usr/sbin/start_runit", mode=0o644),
    ),
    broken("another command", "config.container", Cmd=["runsvdir"]),
    broken("a newer kernel", "kernel.floor tool.runsv", needs_kernel("usr/bin/runsv", 6, 1, 0)),
)


@cache
def drafted(reference: str) -> str:
    """The draft, as the command writes it."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        assert run(["spec", "init", reference, "-q"]) == 0
    return out.getvalue()


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, id=case.name, marks=() if case.name in QUICK else pytest.mark.full) for case in CASES],
)
def test_the_image_passes_its_draft_and_fails_it_with_one_thing_broken(case: Broken, tmp_path: Path) -> None:
    image = nginx()
    spec = tmp_path / "draft.toml"
    spec.write_text(drafted(f"oci-dir:{layout(image)}"))
    report = audited(case.of(image, tmp_path), str(spec))
    if case.name == "a library that isn't linked any more":
        assert case.rows <= not_met(report)  # and what needs the library's symbols
    else:
        assert not_met(report) == case.rows
    assert report.verdict == ("fail" if case.rows else "pass")
    if case.name != "no entrypoint":
        assert not {row.id for row in report.requirements if row.status == "unknown"}


@pytest.mark.full
@pytest.mark.parametrize("case", BASE_CASES, ids=[case.name for case in BASE_CASES])
def test_an_image_that_starts_a_script_fails_its_draft_with_one_thing_broken(case: Broken, tmp_path: Path) -> None:
    image = alterable(built("bullseye"))
    spec = tmp_path / "draft.toml"
    spec.write_text(drafted(f"oci-dir:{layout(image)}"))
    report = audited(case.of(image, tmp_path), str(spec))
    assert not_met(report) == case.rows
    assert report.verdict == ("fail" if case.rows else "pass")


@pytest.mark.full
def test_floors_of_a_draft_are_those_of_the_image(tmp_path: Path) -> None:
    spec = tmp_path / "draft.toml"
    spec.write_text(drafted(f"oci-dir:{layout(nginx())}"))
    read = load_spec(str(spec))
    assert read.cpu_floor == {"amd64": "x86-64"}
    floor = read.find("kernel.floor")
    assert floor is not None and floor.needs is not None and floor.needs.min_version == "3.2.0"
    newer = CpuFloor("x86-64-v2", "/lib64/ld-linux-x86-64.so.2", "CPU does not support x86-64-v2", True, 0)
    assert [(severity, row) for _, severity, row, _ in told_of(with_floors(newer), str(spec))] == [
        ("error", "cpu.floor")
    ]


@pytest.mark.full
def test_scripts_that_start_things_are_rows() -> None:
    """calico/node's own start: a script, runit and its services."""
    text = drafted(f"oci-dir:{layout(built())}")
    spec = read_spec(text, "the draft")
    ids = {row.id for row in spec.requirements}
    assert "file./usr/sbin/start_runit" in ids and "tool.calico-node" in ids
    assert "config.container" in ids
    script = next(tool for tool in spec.requirements if tool.id == "tool.start_runit")
    assert not script.minimum


@pytest.mark.full
def test_a_tree_without_config_says_so_in_its_draft(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    room = Room(tmp_path)
    monkeypatch.chdir(room.root.parent)
    text = drafted(f"dir:{room.root.name}")
    assert read_spec(text, "the draft").name == room.root.name
    headings = [line for line in text.splitlines() if line.startswith("# ")][2:]
    assert headings[:2] == [
        "# The entrypoint starts no program by a name on PATH.",
        "# Nothing is known of an image config: a tree of files has none.",
    ]
    # No heading without a table below it but those that say why there is none.
    assert headings[2:] and all(f"{heading}\n\n[" in text for heading in headings[2:])
    assert errors(room.audit(_file(tmp_path, text))) == set()


def _file(folder: Path, text: str) -> str:
    place = folder / "draft.toml"
    place.write_text(text)
    return str(place)
