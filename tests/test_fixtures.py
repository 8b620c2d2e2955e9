"""The fixtures' own promises: archives that others read, the links and databases that packages would make."""

import gzip
import hashlib
import json
import os
import shlex
import shutil
import subprocess
import tarfile
from fnmatch import fnmatch
from pathlib import Path
from typing import IO

import pytest

from fixtures import alternatives
from fixtures.apt import ARCHITECTURES, SUITES
from fixtures.base import base_input
from fixtures.build import build_image, recipe_named
from fixtures.deb import read_deb
from fixtures.export import export
from fixtures.image import BuiltImage
from fixtures.inside import Command, run_inside
from fixtures.oracle import Oracle, oracle
from fixtures.recipes import RECIPES
from fixtures.sources import Source, machine_sources, sources_for
from fixtures.trace import parse_trace
from fixtures.tree import clone
from fixtures.workspace import Unavailable
from tests.images import LOADING, is_for_loaders

_DOCUMENTATION = ("/usr/share/doc/", "/usr/share/man/", "/usr/share/locale/", "/usr/share/info/", "/usr/share/lintian/")
_AMD64 = [(suite, "amd64") for suite in SUITES]
_OTHERS = [(suite, architecture) for suite in SUITES for architecture in ARCHITECTURES[1:]]
_IMAGES = [
    pytest.param(suite, architecture, marks=() if suite == "bookworm" and architecture == "amd64" else pytest.mark.full)
    for suite, architecture in _AMD64 + _OTHERS
]
_QUICK = ("libpcap-deleted", "libxtables-older-wins", "libnftnl-vendor", "library-text", "cache-renewed")


def _digest(stream: IO[bytes] | gzip.GzipFile) -> str:
    total = hashlib.sha256()
    while block := stream.read(1 << 20):
        total.update(block)
    return total.hexdigest()


def _built(suite: str = "bookworm", architecture: str = "amd64", recipe: str = "base") -> BuiltImage:
    try:
        return build_image(suite, architecture, recipe)
    except Unavailable as error:
        pytest.skip(str(error))


def _asked(image: BuiltImage) -> Oracle:
    try:
        return oracle(image)
    except Unavailable as error:
        pytest.skip(str(error))


@pytest.mark.parametrize(("suite", "architecture"), _IMAGES)
def test_the_sound_image_loads(suite: str, architecture: str) -> None:
    found = _asked(_built(suite, architecture))
    assert len(found.programs) > 200
    assert [path for path, program in found.programs.items() if not program.ldd_r.sound] == []
    assert [path for path, program in found.programs.items() if not program.ldd.closure] == []
    assert [path for path, program in found.plugins.items() if not program.ldd_r.sound] == []
    assert found.foreign == ()


@pytest.mark.parametrize(("suite", "architecture"), _IMAGES)
def test_tools_say_the_version_of_their_package(suite: str, architecture: str) -> None:
    found = _asked(_built(suite, architecture))
    for name, package in (("iptables", "iptables"), ("ipset", "ipset"), ("conntrack", "conntrack")):
        assert found.packages[package].split(":")[-1].startswith(f"{found.tools[name].version}-")
    assert found.packages["iputils-ping"].split(":")[-1].startswith(found.tools["ping"].version)
    assert found.tools["iptables"].flavour == "nf_tables"
    assert found.tools["iptables-legacy"].flavour == "legacy"
    assert found.tools["ip"].version
    assert max(revision for name, revision in found.set_types if name == "hash:ip") >= 5


@pytest.mark.parametrize("form", ["docker-archive", "oci-dir", "oci-archive"])
def test_archives_are_read_by_skopeo(form: str) -> None:
    image = _built()
    skopeo = shutil.which("skopeo")
    if skopeo is None:
        pytest.skip("skopeo is not installed")
    scheme = "oci" if form == "oci-dir" else form
    command = [skopeo, "inspect", "--config", "--raw", f"{scheme}:{export(image, form)}"]
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.strip() == image.config()


def test_the_compressed_archive_is_the_plain_one_compressed() -> None:
    image = _built()
    with gzip.open(export(image, "docker-archive-gz")) as packed, export(image, "docker-archive").open("rb") as plain:
        assert _digest(packed) == _digest(plain)


def test_layers_have_the_digests_that_they_claim() -> None:
    image = _built()
    layout = export(image, "oci-dir")
    for blob in (layout / "blobs" / "sha256").iterdir():
        assert hashlib.sha256(blob.read_bytes()).hexdigest() == blob.name
    with tarfile.open(export(image, "docker-archive")) as archive:
        handle = archive.extractfile("manifest.json")
        assert handle is not None
        (manifest,) = json.load(handle)
        for name, layer in zip(manifest["Layers"], image.layers, strict=True):
            stream = archive.extractfile(name)
            assert stream is not None
            assert f"sha256:{_digest(stream)}" == layer.diff_id


def test_the_tree_is_what_umoci_unpacks(tmp_path: Path) -> None:
    image = _built(recipe="type-changes")
    umoci = shutil.which("umoci")
    if umoci is None or os.geteuid() != 0:
        pytest.skip("needs umoci and root")
    source = f"{export(image, 'oci-dir')}:{image.reference}"
    subprocess.run([umoci, "raw", "unpack", "--image", source, str(tmp_path / "root")], check=True, capture_output=True)
    assert _listing(tmp_path / "root") == _listing(image.tree)


def _listing(root: Path) -> list[tuple[str, int, int, str]]:
    rows = []
    for path in sorted(root.rglob("*")):
        status = path.lstat()
        held = str(path.readlink()) if path.is_symlink() else str(status.st_size if path.is_file() else "")
        rows.append((str(path.relative_to(root)), status.st_mode, status.st_uid, held))
    return rows


def test_the_same_input_gives_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = _built(recipe="set-missing")
    kept = first.folder.parent.parent
    monkeypatch.setenv("AUDIT_IMAGE_FIXTURES", str(tmp_path))
    for name in ("apt", "debs"):
        (tmp_path / name).symlink_to(kept / name)
    build_image.cache_clear()
    second = build_image(recipe="set-missing")
    build_image.cache_clear()
    assert second.folder != first.folder
    assert [layer.diff_id for layer in second.layers] == [layer.diff_id for layer in first.layers]
    assert second.config() == first.config()


@pytest.mark.parametrize(("suite", "architecture"), [p for p in _IMAGES if p.values[1] == "amd64"])
def test_alternatives_are_those_of_update_alternatives(suite: str, architecture: str, tmp_path: Path) -> None:
    image = _built(suite, architecture)
    if os.geteuid() != 0:
        pytest.skip("needs root")
    inputs = base_input(suite, architecture)
    calls = [
        choice
        for package in (*inputs.base, *inputs.tools)
        for choice in alternatives.calls_in(read_deb(package.file).script("postinst"))
    ]
    root = tmp_path / "root"
    clone(image.tree, root)
    made = sorted((root / "etc/alternatives").iterdir()), sorted((root / "var/lib/dpkg/alternatives").iterdir())
    links = {str(path.relative_to(root)) for paths in made for path in paths if path.name != "README"}
    for choice in calls:
        for link in (choice.link, *(slave[0] for slave in choice.slaves)):
            if (root / link.lstrip("/")).is_symlink():
                links.add(link.lstrip("/"))
    for link in links:
        (root / link).unlink()
    lines = []
    for choice in calls:
        words = ["--install", choice.link, choice.name, choice.path, str(choice.priority)]
        for slave in choice.slaves:
            words += ["--slave", *slave]
        lines.append(f"update-alternatives {shlex.join(words)} || true")
    shell = Command(("/bin/sh", "-c", "\n".join(lines)), {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})
    run_inside(root, architecture, [shell])
    assert len(calls) >= 6
    for link in sorted(links):
        ours, real = image.tree / link, root / link
        if ours.is_symlink():
            assert real.readlink() == ours.readlink(), link
        else:
            assert real.read_text() == ours.read_text(), link
    again = {str(path.relative_to(root)) for path in (root / "etc/alternatives").iterdir()}
    assert again == {str(path.relative_to(image.tree)) for path in (image.tree / "etc/alternatives").iterdir()}


@pytest.mark.parametrize(("suite", "architecture"), [p for p in _IMAGES if p.values[1] == "amd64"])
def test_the_database_satisfies_dpkg(suite: str, architecture: str) -> None:
    image = _built(suite, architecture)
    if os.geteuid() != 0:
        pytest.skip("needs root")
    path = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    programs = (("/usr/bin/dpkg", "--audit"), ("/usr/bin/dpkg", "--verify"), ("/usr/bin/dpkg", "-S", "/etc/profile.d"))
    audit, verify, owner = run_inside(image.tree, architecture, [Command(argv, path) for argv in programs])
    assert audit.output == ""
    assert [line for line in verify.output.splitlines() if not line.split()[-1].startswith(_DOCUMENTATION)] == []
    assert owner.output.strip() == "base-files: /etc/profile.d"


def test_ping_keeps_the_capability_that_its_script_sets() -> None:
    image = _built()
    entry = image.merged().get("usr/bin/ping")
    assert entry is not None
    assert dict(entry.xattrs)["security.capability"].hex() == "0100000200200000000000000000000000000000"
    if os.geteuid() == 0:
        assert (
            os.getxattr(image.tree / "usr/bin/ping", "security.capability") == dict(entry.xattrs)["security.capability"]
        )


_BROKEN = [
    pytest.param(suite, name, marks=() if suite == "bookworm" and name in _QUICK else pytest.mark.full)
    for suite in ("bullseye", "bookworm")
    for name in RECIPES
    if suite == "bookworm" or is_for_loaders(name)
]


@pytest.mark.parametrize(("suite", "name"), _BROKEN)
def test_a_recipe_breaks_what_it_says(suite: str, name: str) -> None:
    recipe = recipe_named(name)
    reason = recipe.obstacle(suite, "amd64")
    if reason:
        pytest.skip(reason)
    image = _built(suite, recipe=name)
    found = _asked(image)
    broken = {path: program.ldd_r for path, program in found.programs.items() if not program.ldd_r.sound}
    loading = [item for item in recipe.expected if item.rule in LOADING and item.fails]
    if name != "preload-missing":
        assert bool(broken) == bool(loading)
    for item in loading:
        seen = {
            *(soname for trace in broken.values() for soname in trace.missing),
            *(version.required_by for trace in broken.values() for version in trace.versions),
            *(symbol.required_by for trace in broken.values() for symbol in trace.symbols),
            *broken,
        }
        matched = [subject for subject in seen if fnmatch(subject, item.subject)]
        assert matched or item.rule == "elf-malformed"


def test_a_second_call_takes_no_time() -> None:
    first = _built(recipe="conntrack-deleted")
    build_image.cache_clear()
    assert build_image(recipe="conntrack-deleted") == first


def test_machine_sources_in_both_formats(tmp_path: Path) -> None:
    parts = tmp_path / "sources.list.d"
    parts.mkdir()
    (tmp_path / "sources.list").write_text(
        "# deb http://old.example/debian buster main\n"
        "deb [signed-by=/k.gpg arch=amd64] http://a.example/debian bookworm main contrib # the mirror\n"
        "deb-src http://a.example/debian bookworm main\n"
    )
    (parts / "b.sources").write_text(
        "Types: deb deb-src\nURIs: http://b.example/security\nSuites: bookworm-security\nComponents: main\n"
        "Signed-By:\n -----BEGIN\n .\n -----END\n\nTypes: deb\nURIs: http://c.example/\nSuites: nodistro\n"
        "Components: main\n\nEnabled: no\nTypes: deb\nURIs: http://d.example/\nSuites: bookworm-updates\n"
        "Components: main\n"
    )
    (parts / "c.list.disabled").write_text("deb http://e.example/debian bookworm main\n")
    machine = machine_sources(tmp_path)
    assert [source.uri for source in machine] == [
        "http://a.example/debian",
        "http://b.example/security",
        "http://c.example/",
    ]
    main, security = sources_for("trixie", machine)
    assert main == Source("http://a.example/debian", "bookworm", "main contrib", (("Signed-By", "/k.gpg"),))
    assert "Suites: trixie-security\n" in security.stanza("trixie", "arm64")
    assert "Signed-By: \n -----BEGIN\n" in security.stanza("trixie", "arm64")
    assert sources_for("sid", machine) == (main,)


def test_no_debian_mirror_is_said_plainly() -> None:
    machine = (Source("http://u.example/ubuntu", "noble", "main universe", ()),)
    with pytest.raises(Unavailable, match="no Debian mirror is set up"):
        sources_for("bookworm", machine)
    assert sources_for("noble", machine) == machine


def test_calls_behind_variables_and_loops_are_found() -> None:
    script = """
set -e
prio=10
for flavour in one two; do
    update-alternatives --install /usr/bin/tool tool \\
        /usr/bin/tool-$flavour ${prio} \\
        --slave /usr/share/man/man1/tool.1.gz tool.1.gz /usr/share/man/man1/tool-$flavour.1.gz 2>/dev/null
done
update-alternatives --install /usr/bin/other other "$(which thing)" 5
"""
    found = list(alternatives.calls_in(script))
    assert [(choice.path, choice.priority) for choice in found] == [
        ("/usr/bin/tool-one", 10),
        ("/usr/bin/tool-two", 10),
    ]
    assert found[0].slaves == (("/usr/share/man/man1/tool.1.gz", "tool.1.gz", "/usr/share/man/man1/tool-one.1.gz"),)


def test_traces_are_parsed() -> None:
    found = parse_trace(
        "\tlinux-vdso.so.1 (0x00007ffd)\n"
        "\tlibx.so.1 => /lib/libx.so.1 (0x00007f0000000000)\n"
        "\tlibgone.so.2 => not found\n"
        "\t/lib64/ld-linux-x86-64.so.2 (0x00007f0000000000)\n"
        "/bin/p: /lib/libc.so.6: version `GLIBC_2.34' not found (required by /bin/p)\n"
        "undefined symbol: f, version V_1\t(/bin/p)\n"
        "undefined symbol: g\t(/lib/libx.so.1)\n"
    )
    assert found.closure == {"libx.so.1": "/lib/libx.so.1"}
    assert found.missing == ("libgone.so.2",)
    assert [(item.provider, item.version) for item in found.versions] == [("/lib/libc.so.6", "GLIBC_2.34")]
    assert [(item.name, item.version, item.required_by) for item in found.symbols] == [
        ("f", "V_1", "/bin/p"),
        ("g", "", "/lib/libx.so.1"),
    ]
    assert not found.other
