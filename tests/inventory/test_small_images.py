"""The tools of images of a few files: which names count, and whose word their version is."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import pytest

from auditor.auditing import audit
from auditor.auditing.load import load
from auditor.image.model import Platform
from auditor.image.platforms import parse_platform
from auditor.inventory.model import Drift, Inventory, Place, Whereabouts
from auditor.rules import Options
from auditor.spec import read_spec
from tests.image.build import (
    Layout,
    Member,
    config,
    docker_archive,
    file,
    link,
    program,
    tar,
    whiteout,
    write_docker_archive,
)
from tests.tools.elves import Elf
from tests.tools.elves import program as elf
from tests.tools.test_set_types import TYPES, fields, table

SPEC = read_spec(
    """name = "mine"
extends = "base"
[tool.iproute2]
programs = ["ip"]
[tool.ipset]
programs = ["ipset"]
[tool.iptables]
programs = ["iptables", "iptables-save"]
[tool.mine]
programs = ["mine"]
pattern = "mine ([0-9.]+)"
""",
    "mine.toml",
)
IP = elf(b"ip utility, iproute2-%s", b"6.1.0").data
UNVERSIONED = elf(b"ip utility, iproute2-%s").data
MINE = elf(b"mine 2.1").data


def inventory_of(folder: Path, *layers: Sequence[Member]) -> Inventory:
    with load(str(write_docker_archive(folder / "image.tar", *layers))) as image:
        return audit(image, SPEC, Options(chosen_platform=True)).inventory


def names(inventory: Inventory, tool: str) -> list[tuple[str, str]]:
    found = inventory.tool(tool)
    assert found is not None
    return [(one.name, one.kind) for one in found.binaries]


def test_every_name_of_a_tool_on_path_is_looked_at_and_no_other(tmp_path: Path) -> None:
    told = inventory_of(
        tmp_path,
        [program("usr/bin/ip", IP), program("bin/bridge", IP), program("bin/mine", MINE), link("bin/tc", "ip")],
    )
    assert names(told, "iproute2") == [("ip", "program"), ("bridge", "program")]
    assert names(told, "mine") == [("mine", "program")]
    assert names(told, "ipset") == []


NFT = elf(b"iptables", b"iptables-save", b"%s v%s\n", b"1.8.9", b"1.8.9 (nf_tables)", needed=("libnftnl.so.11",)).data
UNKNOWN = elf(b"no word of it").data


def test_a_program_that_picks_one_of_a_tool_s_is_told_from_one_that_is_not_known(tmp_path: Path) -> None:
    told = inventory_of(
        tmp_path,
        [
            program("bin/iptables", UNKNOWN),
            program("bin/iptables-nft", NFT),
            program("bin/ipset", UNKNOWN),
            program("bin/ipset-translate", UNKNOWN),
        ],
    )
    assert names(told, "iptables") == [("iptables", "launcher"), ("iptables-nft", "program")]
    assert names(told, "ipset") == [("ipset", "program"), ("ipset-translate", "program")]
    found = told.tool("iptables")
    assert found is not None
    assert [one.name for one in found.candidates_of(found.binaries[0])] == ["iptables-nft"]


def picking(one: str, other: str) -> str:
    return f'#!/bin/sh\nif [ -e /run/legacy ]; then exec {one} "$@"; else exec {other} "$@"; fi\n'


def test_each_script_may_pick_what_it_names_itself(tmp_path: Path) -> None:
    scripts = [
        program("bin/iptables", picking("/opt/a", "/opt/b")),
        program("bin/iptables-save", picking("/opt/c", "/opt/d")),
    ]
    picked = [program(f"opt/{name}", NFT) for name in "abcd"]
    told = inventory_of(tmp_path, [program("bin/sh", UNKNOWN), *scripts, *picked])
    found = told.tool("iptables")
    assert found is not None
    assert {one.name: (one.kind, one.candidates) for one in found.binaries} == {
        "iptables": ("script", ("/opt/a", "/opt/b")),
        "iptables-save": ("script", ("/opt/c", "/opt/d")),
    }


def test_why_a_tool_has_no_version(tmp_path: Path) -> None:
    told = inventory_of(
        tmp_path, [program("bin/ip", UNVERSIONED), program("bin/ipset", "#!/bin/sh\n"), program("bin/mine", MINE)]
    )
    found = {tool.name: (tool.version, tool.reason) for tool in told.tools if tool.name != "iptables"}
    no_shell = "the interpreter of /bin/ipset can't be started: /bin/sh is not in the image"
    assert found == {"iproute2": (None, "no version string"), "ipset": (None, no_shell), "mine": ("2.1", "")}


def dpkg(package: str, source: str, path: str, data: bytes) -> list[Member]:
    fields = f"Package: {package}\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1:6.1.0-3\n"
    info = f"var/lib/dpkg/info/{package}"
    return [
        file("var/lib/dpkg/status", fields + (f"Source: {source}\n" if source else "")),
        file(f"{info}.list", f"/.\n/bin\n/{path}\n/bin/ipset\n"),
        file(f"{info}.md5sums", f"{hashlib.md5(data).hexdigest()}  {path}\n"),
        program(path, data),
    ]


@pytest.mark.parametrize(
    ("package", "source", "version"),
    [("ipset", "", "6.1.0"), ("ipset-bin", "ipset", "6.1.0"), ("ipset", "busybox", None)],
)
def test_a_package_says_the_version_where_it_is_built_from_the_tool_s_own_source(
    package: str, source: str, version: str | None, tmp_path: Path
) -> None:
    told = inventory_of(tmp_path, dpkg(package, source, "bin/ipset", UNKNOWN))
    found = told.tool("ipset")
    assert found is not None
    assert (found.version, found.binaries[0].package, found.binaries[0].vouched) == (version, package, True)
    assert found.binaries[0].package_version == "6.1.0"


def test_a_program_that_its_package_still_lists_is_told_with_who_deleted_it(tmp_path: Path) -> None:
    told = inventory_of(
        tmp_path, [*dpkg("iproute2", "", "bin/ip", IP), program("bin/ipset", MINE)], [whiteout("bin/ipset")]
    )
    assert told.drift == (Drift("missing", "/bin/ipset", "iproute2", 1, ("ipset",)),)
    assert ("ipset", (Place("/bin/ipset", 1),)) in [(entry.name, entry.gone) for entry in told.whereabouts]


BUSYBOX = elf(b"BusyBox v1.36.1 (2023)", b" multi-call binary.\n").data


@pytest.mark.parametrize(
    ("data", "kind", "version"),
    [
        (UNKNOWN, "program", "6.1.0"),
        (BUSYBOX, "applet", None),
        (b"text".ljust(80), "other", None),
        ("#!/bin/mine\nrun it\n", "program", "6.1.0"),
    ],
    ids=["a program", "an applet", "no program", "a program in some language"],
)
def test_a_version_that_the_spec_takes_from_the_package_is_that_of_a_program(
    data: bytes | str, kind: str, version: str | None, tmp_path: Path
) -> None:
    spec = read_spec(
        'name = "mine"\nextends = "base"\n[tool.ipset]\nprograms = ["ipset"]\nversion_from = "package"\n', "m.toml"
    )
    raw = data.encode() if isinstance(data, str) else data
    members = [*dpkg("ipset", "", "bin/ipset", raw), program("bin/mine", MINE)]
    with load(str(write_docker_archive(tmp_path / "image.tar", members))) as image:
        found = audit(image, spec, Options(chosen_platform=True)).inventory.tool("ipset")
    assert found is not None
    assert (found.binaries[0].kind, found.version) == (kind, version)


@pytest.mark.parametrize("platforms", [("linux/amd64",), ("linux/amd64", "linux/arm64")])
def test_what_an_index_offers_is_kept_where_there_is_a_choice(platforms: tuple[str, ...], tmp_path: Path) -> None:
    layout = Layout()
    layer = tar([program("bin/mine", MINE)])
    entries = []
    for platform in map(parse_platform, platforms):
        settings = config([layer], architecture=platform.architecture)
        shown = {"os": platform.os, "architecture": platform.architecture}
        entries.append(layout.manifest([layer], settings=settings, platform=shown))
    layout.add(layout.index(entries))
    with load(str(layout.write(tmp_path)), platform=Platform("linux", "amd64")) as image:
        told = audit(image, SPEC, Options(chosen_platform=True)).inventory
    assert [str(one) for one in told.offered] == (list(platforms) if len(platforms) > 1 else [])


@pytest.mark.parametrize(("architecture", "promised"), [("amd64", None), ("arm64", "linux/arm64")])
def test_a_platform_that_the_index_promises_and_the_config_has_not(
    architecture: str, promised: str | None, tmp_path: Path
) -> None:
    layout = Layout()
    shown = {"os": "linux", "architecture": architecture}
    layout.add(layout.index([layout.manifest([tar([program("bin/mine", MINE)])], platform=shown)]))
    with load(str(layout.write(tmp_path)), platform=Platform("linux", architecture)) as image:
        told = audit(image, SPEC, Options(chosen_platform=True)).inventory
    assert (None if told.offered_as is None else str(told.offered_as)) == promised


def musl(*needed: str) -> list[Member]:
    """A program and its loader."""
    loader = Elf()
    loader.text(b"", b"/etc/ld-musl-x86_64.path")
    mine = Elf(interpreter=b"/lib/ld-musl-x86_64.so.1")
    mine.text(b"mine 2.1")
    return [
        program("bin/mine", mine.content(needed=needed).data),
        program("lib/ld-musl-x86_64.so.1", loader.content(soname="libc.so").data),
    ]


def test_what_else_there_is_of_a_library_that_is_missed(tmp_path: Path) -> None:
    """By what the files say of themselves: one has the name, and no link leads to it; others are other versions."""
    told = inventory_of(
        tmp_path,
        [
            *musl("libx.so.1"),
            file("lib/libx.so.1.5", Elf().content(soname="libx.so.1").data),
            file("lib/libx.so", Elf().content(soname="libx.so.2").data),
            file("lib/libx.so.0", "no library at all"),
        ],
    )
    assert [(problem.name, problem.path) for problem in told.problems] == [("libx.so.1", "/bin/mine")]
    assert told.whereabouts_of("libx.so.1") == Whereabouts(
        "libx.so.1", siblings=("libx.so.0", "libx.so.2"), unlinked=(Place("/lib/libx.so.1.5", 0),)
    )


def test_set_types_that_are_linked_into_ipset(tmp_path: Path) -> None:
    made = Elf()
    table(made, *((one.name.encode(), fields(one.revision, one.family, one.dimension)) for one in reversed(TYPES)))
    assert inventory_of(tmp_path, [program("bin/ipset", made.content().data)]).set_types == TYPES
    assert inventory_of(tmp_path, [program("bin/ipset", Elf().content().data)]).set_types == ()


def test_what_is_started_says_by_whom_and_what_it_is(tmp_path: Path) -> None:
    loaded = Elf(interpreter=b"/lib/ld.so")
    members = [
        program("opt/start", "#!/bin/sh\n/opt/static\nexec /opt/dynamic\n"),
        program("opt/static", UNKNOWN),
        program("opt/dynamic", loaded.content().data),
        program("bin/sh", UNKNOWN),
    ]
    layer, archive = tar(members), tmp_path / "image.tar"
    settings = config([layer], config={"Env": ["PATH=/usr/bin:/bin"], "Entrypoint": ["/opt/start"]})
    archive.write_bytes(docker_archive([layer], settings=settings))
    with load(str(archive)) as image:
        told = audit(image, SPEC, Options(chosen_platform=True)).inventory
    assert {one.path: (one.kind, one.started_by) for one in told.executables} == {
        "/opt/start": ("script", "entrypoint"),
        "/opt/static": ("static", "/opt/start:2"),
        "/opt/dynamic": ("dynamic", "/opt/start:3"),
        "/bin/sh": ("static", "PATH"),
    }


def test_each_library_of_a_program_is_of_the_layer_that_wrote_it(tmp_path: Path) -> None:
    told = inventory_of(tmp_path, musl("libx.so.1"), [file("lib/libx.so.1", Elf().content().data)])
    found = told.tool("mine")
    assert found is not None
    closure = {entry.soname: (entry.path, entry.layer) for entry in found.binaries[0].closure}
    assert closure["libx.so.1"] == ("/lib/libx.so.1", 1)


@pytest.mark.parametrize(("folder", "found"), [("/app", True), ("/", False), ("", False)])
def test_a_relative_library_path_starts_where_the_image_starts(tmp_path: Path, folder: str, found: bool) -> None:
    members = [*musl("libx.so.1"), file("app/own/libx.so.1", Elf().content().data)]
    layer, archive = tar(members), tmp_path / "image.tar"
    settings = {"Env": ["PATH=/bin", "LD_LIBRARY_PATH=own"], "Cmd": ["mine"], "WorkingDir": folder}
    archive.write_bytes(docker_archive([layer], settings=config([layer], config=settings)))
    with load(str(archive)) as image:
        told = audit(image, SPEC, Options(chosen_platform=True)).inventory
    assert (told.problems == ()) == found
