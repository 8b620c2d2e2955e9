"""What counts as a change, and whether it is for the worse; what is no change, whatever it looks like."""

import datetime
from collections.abc import Callable

import pytest
from msgspec.structs import replace

from auditor.auditing import judge
from auditor.elf.model import LoadFault
from auditor.finding import Finding
from auditor.image.model import Layer, Platform
from auditor.inventory.model import (
    UNOWNED,
    Binary,
    ClosureEntry,
    Distribution,
    ElfObject,
    Executable,
    Floors,
    InstalledPackage,
    Inventory,
    KernelFloor,
    LoadableExtension,
    Problem,
    RuntimeConfig,
    SymbolFloor,
    Tool,
)
from auditor.report.diff.compare import compare
from auditor.report.diff.kinds import Area
from auditor.report.diff.model import Change, Diff
from auditor.report.model import Report, ReportImage
from auditor.rules import Options
from auditor.severity import Severity
from auditor.spec import load_spec
from auditor.tools.model import SetType
from tests.inventories import LAYERS, sound, with_tool

Told = tuple[str, str, str | None, str | None, str]
DAY = datetime.date(2026, 1, 1)
AMD64, ARM64 = Platform("linux", "amd64"), Platform("linux", "arm64", "v8")


def report(
    inventory: Inventory | None = None,
    layers: tuple[Layer, ...] = LAYERS,
    platform: Platform = AMD64,
    source: str = "docker-archive",
) -> Report:
    image = ReportImage("calico/node:v1", source, None, "sha256:1", platform, layers)
    return judge(image, inventory or sound(), load_spec(), Options(), today=DAY)


def told(diff: Diff, *kinds: str) -> set[Told]:
    return {
        (change.kind, change.subject, change.old, change.new, change.assessment)
        for change in diff.changes
        if not kinds or change.kind in kinds
    }


def change(tool: str, change_binary: Callable[[Binary], Binary], inventory: Inventory | None = None) -> Inventory:
    """The inventory with every binary of one tool altered."""
    found = inventory or sound()
    before = found.tool(tool)
    assert before is not None
    return with_tool(found, replace(before, binaries=tuple(map(change_binary, before.binaries))))


def library(soname: str, path: str = "", layer: int | None = 0) -> ClosureEntry:
    return ClosureEntry(soname, path or f"/usr/lib/{soname}", "ld.so.cache", layer, UNOWNED)


def with_closure(tool: str, *entries: ClosureEntry) -> Inventory:
    return change(tool, lambda binary: replace(binary, closure=entries))


def package(name: str, version: str, architecture: str = "amd64", kind: str = "deb") -> InstalledPackage:
    return InstalledPackage(kind, name, version, architecture, version)


def with_packages(*packages: InstalledPackage) -> Inventory:
    return replace(sound(), packages=packages)


def elf(path: str, sha256: str, owner: str | None = UNOWNED) -> ElfObject:
    return ElfObject(path, None, sha256 * 32, None, 0, owner)


def with_floors(*kernel: KernelFloor, symbols: tuple[SymbolFloor, ...] = ()) -> Inventory:
    return replace(sound(), floors=Floors(kernel, symbols))


def extension(
    name: str, kind: str = "match", family: str = "any", revision: int = 0, ok: bool = True
) -> LoadableExtension:
    return LoadableExtension("", family, kind, name, f"/usr/lib/xtables/libxt_{name}.so", revision, ok)


def with_extensions(*extensions: LoadableExtension) -> Inventory:
    return replace(sound(), extensions=extensions)


def with_config(**values: tuple[str, ...] | str) -> Inventory:
    return replace(sound(), config=replace(sound().config, **values))


def versioned(tool: str, version: str | None) -> Inventory:
    found = change(tool, lambda binary: replace(binary, version=version))
    after = found.tool(tool)
    assert after is not None
    return with_tool(found, replace(after, version=version, reason="" if version else "no version string"))


LIBC, LIBCAP = library("libc.so.6"), library("libcap.so.2")
IPSET_LOST = with_tool(sound(), Tool("ipset", None, (), (), "not in the image"))
NOT_FOUND = Problem(LoadFault.LIBRARY_MISSING, "/usr/sbin/ipset", "libipset.so.13", "not found", ("/usr/sbin/ipset",))

CASES: list[tuple[str, Inventory, Inventory, set[Told]]] = [
    ("nothing", sound(), sound(), set()),
    ("newer tool", sound(), versioned("ipset", "7.22"), {("tool-version", "ipset", "7.17", "7.22", "improvement")}),
    ("older tool", sound(), versioned("ipset", "7.9"), {("tool-version", "ipset", "7.17", "7.9", "regression")}),
    (
        "version lost",
        sound(),
        versioned("ipset", None),
        {("tool-version", "ipset", "7.17", "version unknown", "neutral")},
    ),
    (
        "one program of another release",
        sound(),
        change("iptables", lambda binary: replace(binary, version="1.8.4") if binary.flavour == "legacy" else binary),
        {
            (
                "program-version",
                "iptables-legacy, iptables-legacy-restore, iptables-legacy-save",
                "1.8.9",
                "1.8.4",
                "regression",
            )
        },
    ),
    (
        "the default flavour flips",
        sound(),
        change(
            "iptables",
            lambda binary: (
                binary
                if "-nft" in binary.name
                else replace(binary, flavour="legacy", resolved_path="/usr/sbin/xtables-legacy-multi")
            ),
        ),
        {("tool-flavour", "iptables", "nf_tables", "legacy", "regression")},
    ),
    (
        "found in another directory of PATH",
        sound(),
        change("ipset", lambda binary: replace(binary, path="/usr/bin/ipset", resolved_path="/usr/bin/ipset")),
        {("program-moved", "ipset", "/usr/sbin", "/usr/bin", "neutral")},
    ),
    (
        "the name leads to another file",
        sound(),
        change("ipset", lambda binary: replace(binary, resolved_path="/opt/ipset")),
        {("program-moved", "ipset", "/usr/sbin/ipset", "/opt/ipset", "neutral")},
    ),
    (
        "setuid",
        sound(),
        change("iputils", lambda binary: replace(binary, setuid=True)),
        {("program-privileges", "ping", "none", "setuid", "regression")},
    ),
    (
        "a capability less",
        change("iputils", lambda binary: replace(binary, capabilities=("cap_net_raw",))),
        sound(),
        {("program-privileges", "ping", "cap_net_raw", "none", "neutral")},
    ),
    (
        "another loader",
        sound(),
        change("iputils", lambda binary: replace(binary, interpreter="/lib/ld-musl-x86_64.so.1")),
        {
            (
                "program-interpreter",
                "ping",
                "/lib64/ld-linux-x86-64.so.2",
                "/lib/ld-musl-x86_64.so.1",
                "neutral",
            )
        },
    ),
    (
        "another machine's program",
        sound(),
        change("iputils", lambda binary: replace(binary, architecture="arm64")),
        {("program-architecture", "ping", "amd64 on amd64", "arm64 on amd64", "regression")},
    ),
    (
        "a library more, one less, one bumped",
        with_closure("ipset", LIBC, library("libipset.so.13"), LIBCAP),
        with_closure("ipset", LIBC, library("libipset.so.14"), library("libmnl.so.0")),
        {
            ("library-bumped", "libipset", "libipset.so.13", "libipset.so.14", "neutral"),
            ("library-removed", "libcap.so.2", "/usr/lib/libcap.so.2", None, "neutral"),
            ("library-added", "libmnl.so.0", None, "/usr/lib/libmnl.so.0", "neutral"),
        },
    ),
    (
        "a library with a numbered name",
        with_closure("iproute2", library("libopcodes-2.40-system.so")),
        with_closure("iproute2", library("libopcodes-2.44-system.so")),
        {("library-bumped", "libopcodes", "libopcodes-2.40-system.so", "libopcodes-2.44-system.so", "neutral")},
    ),
    (
        "a library found elsewhere",
        with_closure("ipset", LIBC),
        with_closure("ipset", library("libc.so.6", "/opt/libc.so.6")),
        {("library-moved", "libc.so.6", "/usr/lib/libc.so.6", "/opt/libc.so.6", "neutral")},
    ),
    (
        "a file of a shared layer written again by another",
        with_closure("ipset", LIBC),
        with_closure("ipset", library("libc.so.6", layer=1)),
        {("layer-moved", "/usr/lib/libc.so.6", "sha256:0", "sha256:1", "neutral")},
    ),
    (
        "packages",
        with_packages(package("a", "1.9"), package("b", "2"), package("c", "1"), package("d", "1")),
        with_packages(package("a", "1.10"), package("b", "1~rc1"), package("c", "1"), package("e", "1")),
        {
            ("package-upgraded", "a", "1.9", "1.10", "neutral"),
            ("package-downgraded", "b", "2", "1~rc1", "regression"),
            ("package-removed", "d", "1", None, "neutral"),
            ("package-added", "e", None, "1", "neutral"),
        },
    ),
    (
        "a package in several versions",
        with_packages(package("kernel", "5", kind="rpm"), package("kernel", "6", kind="rpm")),
        with_packages(package("kernel", "6", kind="rpm"), package("kernel", "7", kind="rpm")),
        {("package-upgraded", "kernel", "5", "7", "neutral")},
    ),
    (
        "a foreign architecture's package",
        with_packages(package("a", "1"), package("b", "1")),
        with_packages(package("a", "1"), package("b", "1"), package("a", "1", "i386")),
        {("package-added", "a:i386", None, "1", "neutral")},
    ),
    (
        "the database is gone",
        with_packages(package("a", "1"), package("b", "1")),
        sound(),
        {("package-database", "package database", "2 deb packages", None, "regression")},
    ),
    (
        "another kind of database",
        with_packages(package("a", "1")),
        with_packages(package("a", "1", kind="rpm")),
        {
            ("package-database", "package database", "1 deb package", "1 rpm package", "neutral"),
        },
    ),
    (
        "kernel floor raised, and enforced",
        with_floors(KernelFloor("/lib/libc.so.6", "3.2.0", True, 0)),
        with_floors(KernelFloor("/lib/libc.so.6", "3.10.0", True, 0)),
        {("kernel-floor", "kernel", "3.2.0, enforced", "3.10.0, enforced", "regression")},
    ),
    (
        "kernel floor that nobody enforces any more",
        with_floors(KernelFloor("/lib/libc.so.6", "3.2.0", True, 0)),
        with_floors(KernelFloor("/lib/libc.so.6", "3.2.0", False, 0)),
        {("kernel-floor", "kernel", "3.2.0, enforced", "3.2.0", "improvement")},
    ),
    (
        "symbol floor",
        with_floors(symbols=(SymbolFloor("ipset", "GLIBC", "2.9", "/usr/sbin/ipset"),)),
        with_floors(
            symbols=(
                SymbolFloor("ipset", "GLIBC", "2.34", "/usr/sbin/ipset"),
                SymbolFloor("ipset", "LIBMNL", "1.0", "/usr/sbin/ipset"),
            )
        ),
        {
            ("symbol-floor", "GLIBC", "GLIBC_2.9", "GLIBC_2.34", "neutral"),
            ("symbol-floor", "LIBMNL", None, "LIBMNL_1.0", "neutral"),
        },
    ),
    (
        "extensions",
        with_extensions(extension("a"), extension("b"), extension("c", revision=2), extension("d", family="ipv4")),
        with_extensions(extension("a"), extension("b", ok=False), extension("c", revision=1), extension("d")),
        {
            ("extension-lost", "-m b", "ipv4, ipv6", None, "regression"),
            ("extension-revision", "-m c", "revision 2", "revision 1", "regression"),
            ("extension-gained", "-m d", None, "ipv6", "improvement"),
        },
    ),
    (
        "all extensions",
        with_extensions(extension("a"), extension("B", "target")),
        with_extensions(),
        {("extension-lost", "all extensions", "a, B", None, "regression")},
    ),
    (
        "set types",
        replace(
            sound(), set_types=(SetType("hash:ip", 5, 255, 1), SetType("hash:ip", 4, 255, 1), SetType("x", 1, 0, 1))
        ),
        replace(sound(), set_types=(SetType("hash:ip", 6, 255, 1), SetType("y", 1, 0, 1))),
        {
            ("set-type-revision", "hash:ip", "revision 5", "revision 6", "improvement"),
            ("set-type-lost", "x", "revision 1", None, "regression"),
            ("set-type-gained", "y", None, "revision 1", "improvement"),
        },
    ),
    (
        "all set types",
        sound(),
        replace(sound(), set_types=()),
        {("set-type-lost", "all set types", "hash:ip", None, "regression")},
    ),
    (
        "config",
        with_config(entrypoint=("/a", 'b"c'), user="0", env=("A=1", "B=2")),
        with_config(cmd=(), user="", env=("A=1", "B=3", "C="), working_dir="/x"),
        {
            ("entrypoint", "entrypoint", '["/a", "b\\"c"]', None, "neutral"),
            ("command", "command", '["start_runit"]', None, "neutral"),
            ("user", "user", "0", None, "neutral"),
            ("working-directory", "working-directory", None, "/x", "neutral"),
            ("environment", "B", "2", "3", "neutral"),
            ("environment", "C", None, "", "neutral"),
        },
    ),
    (
        "PATH",
        sound(),
        replace(sound(), path=("/usr/sbin", "/opt")),
        {("path", "PATH", "/usr/local/sbin:/usr/sbin:/usr/bin", "/usr/sbin:/opt", "neutral")},
    ),
    (
        "content that no package's version explains",
        replace(
            with_packages(package("a", "1"), package("b", "1")),
            objects=(elf("/owned", "aa", "a"), elf("/upgraded", "aa", "b"), elf("/unowned", "aa"), elf("/same", "aa")),
        ),
        replace(
            with_packages(package("a", "1"), package("b", "2")),
            objects=(elf("/owned", "bb", "a"), elf("/upgraded", "bb", "b"), elf("/unowned", "bb"), elf("/same", "aa")),
        ),
        {
            ("package-upgraded", "b", "1", "2", "neutral"),
            ("file-changed", "/owned", "sha256:aaaaaaaaaaaa, a", "sha256:bbbbbbbbbbbb, a", "neutral"),
            ("file-changed", "/unowned", "sha256:aaaaaaaaaaaa, unowned", "sha256:bbbbbbbbbbbb, unowned", "neutral"),
        },
    ),
    (
        "other programs on PATH",
        replace(
            with_packages(package("a", "1")),
            executables=(*sound().executables, Executable("/usr/bin/x", "/usr/bin/x", "static", 0, UNOWNED)),
        ),
        replace(
            with_packages(package("a", "1")),
            executables=(*sound().executables, Executable("/usr/bin/y", "/usr/bin/y", "static", 0, "a")),
        ),
        {
            ("executable-removed", "/usr/bin/x", "unowned", None, "neutral"),
            ("executable-added", "/usr/bin/y", None, "a", "neutral"),
        },
    ),
    (
        "distribution",
        replace(sound(), distribution=Distribution("debian", "12", "Debian 12")),
        replace(sound(), distribution=Distribution("debian", "13")),
        {("distribution", "distribution", "Debian 12", "debian 13", "neutral")},
    ),
]
JUDGED = ("finding-new", "finding-fixed", "finding-severity", "requirement-status", "requirement-state")


@pytest.mark.parametrize(("name", "old", "new", "expected"), CASES, ids=[case[0] for case in CASES])
def test_each_change_is_told_with_what_it_means_and_nothing_else(
    name: str, old: Inventory, new: Inventory, expected: set[Told]
) -> None:
    diff = compare(report(old), report(new))
    found = told(diff)
    assert {entry for entry in found if entry[0] not in JUDGED} == expected, name
    assert all(entry.why for entry in diff.changes)


@pytest.mark.parametrize(("name", "old", "new", "expected"), CASES, ids=[case[0] for case in CASES])
def test_what_went_one_way_comes_back_the_other(name: str, old: Inventory, new: Inventory, expected: set[Told]) -> None:
    there, back = compare(report(old), report(new)), compare(report(new), report(old))
    assert len(there.changes) == len(back.changes), name
    assert there.summary.findings_new == back.summary.findings_fixed
    pairs = sorted((entry.old or "", entry.new or "") for entry in there.changes)
    assert pairs == sorted((entry.new or "", entry.old or "") for entry in back.changes), expected


def test_a_tool_that_is_lost_takes_its_programs_and_libraries_along() -> None:
    found = told(compare(report(), report(IPSET_LOST)), "tool-lost", "program-lost", "library-removed", "finding-new")
    assert found == {("finding-new", "tool-missing ipset", None, "error", "regression")}
    diff = compare(report(IPSET_LOST), report())
    back = told(diff, "tool-gained", "finding-fixed", "requirement-status")
    assert back == {("finding-fixed", "tool-missing ipset", "error", None, "improvement")}
    assert any("No longer broken: tool.ipset" in entry.why for entry in diff.changes)


def test_a_flavour_is_told_once_and_not_name_by_name() -> None:
    before = sound().tool("iptables")
    assert before is not None
    kept = tuple(binary for binary in before.binaries if binary.flavour != "legacy")
    found = told(compare(report(), report(with_tool(sound(), replace(before, binaries=kept)))))
    assert found == {
        (
            "flavour-lost",
            "iptables legacy",
            "iptables-legacy, iptables-legacy-restore, iptables-legacy-save",
            None,
            "regression",
        )
    }


def test_a_program_that_the_spec_asks_for_is_missed_and_others_are_not() -> None:
    before = sound().tool("iproute2")
    assert before is not None
    more = replace(
        before, binaries=(*before.binaries, replace(before.binaries[0], name="routef", path="/usr/sbin/routef"))
    )
    found = told(compare(report(with_tool(sound(), more)), report()))
    assert found == {("program-lost", "routef", "/usr/sbin/routef", None, "neutral")}
    iptables = sound().tool("iptables")
    assert iptables is not None
    fewer = replace(iptables, binaries=tuple(entry for entry in iptables.binaries if entry.name != "iptables-save"))
    found = told(compare(report(), report(with_tool(sound(), fewer))), "program-lost")
    assert found == {("program-lost", "iptables-save", "/usr/sbin/iptables-save", None, "regression")}


def test_a_library_that_is_still_needed_is_lost_and_one_that_is_not_is_gone() -> None:
    without = with_closure("ipset", LIBC)
    found = told(compare(report(), report(replace(without, problems=(NOT_FOUND,)))), "library-removed")
    assert found == {("library-removed", "libipset.so.13", "/usr/lib/libipset.so.13", None, "regression")}
    found = told(compare(report(replace(without, problems=(NOT_FOUND,))), report()), "library-added")
    assert found == {("library-added", "libipset.so.13", None, "/usr/lib/libipset.so.13", "improvement")}


def test_what_tools_have_in_common_is_told_once() -> None:
    moved = library("libc.so.6", "/opt/libc.so.6")
    inventory = sound()
    for tool in inventory.tools:
        inventory = change(tool.name, lambda binary: replace(binary, closure=(moved, *binary.closure[1:])), inventory)
    (only,) = compare(report(), report(inventory)).changes
    assert only.kind == "library-moved"
    assert only.tools == tuple(sorted(tool.name for tool in inventory.tools))


# The same image through another source: other digests and sizes, renumbered layers, no history.
COPIED = (
    Layer(0, "sha256:empty", "sha256:e", "application/vnd.oci.image.layer.v1.tar+gzip", 32, ""),
    *(
        replace(layer, index=layer.index + 1, digest=f"sha256:z{layer.index}", size=7, created_by="")
        for layer in LAYERS
    ),
)


def renumbered(inventory: Inventory) -> Inventory:
    tools = tuple(
        replace(
            tool,
            binaries=tuple(
                replace(binary, layer=1, closure=tuple(replace(entry, layer=1) for entry in binary.closure))
                for binary in tool.binaries
            ),
        )
        for tool in inventory.tools
    )
    return replace(inventory, tools=tools[::-1], extensions=inventory.extensions[::-1])


def test_an_image_through_another_source_is_the_same() -> None:
    copy = tuple(replace(layer, digest="sha256:z", media_type="gzip", size=7, created_by="") for layer in LAYERS)
    diff = compare(report(), report(layers=copy, source="oci-dir"), "any")
    assert diff.changes == ()
    assert diff.verdict == "pass"
    assert (diff.layers.shared, diff.layers.bytes_added, diff.layers.bytes_removed) == (2, 0, 0)


def test_layer_indices_mean_nothing_across_images() -> None:
    broken = replace(IPSET_LOST, problems=(replace(NOT_FOUND, layer=1),))
    diff = compare(report(broken), report(renumbered(broken), COPIED))
    assert told(diff) == {("layer-added", "sha256:e", None, "layer 0", "neutral")}
    assert diff.summary.findings_unchanged == len(report(broken).findings)


def test_layers_built_anew_say_nothing_of_their_files() -> None:
    rebuilt = tuple(replace(layer, diff_id=f"sha256:new{layer.index}") for layer in LAYERS)
    assert {entry.kind for entry in compare(report(), report(layers=rebuilt)).changes} == {
        "layer-added",
        "layer-removed",
    }


def test_layers_are_counted_with_their_bytes() -> None:
    def layer(index: int, name: str, size: int | None) -> Layer:
        return Layer(index, None, name, "", size, f"RUN {name}")

    old = (layer(0, "base", 100), layer(1, "old", 20), layer(2, "base", 100))
    new = (layer(0, "base", 100), layer(1, "new", 30))
    summary = compare(report(layers=old), report(layers=new)).layers
    assert (summary.shared, summary.removed, summary.added) == (1, 2, 1)
    assert (summary.bytes_shared, summary.bytes_removed, summary.bytes_added) == (100, 120, 30)
    unknown = compare(report(layers=old), report(layers=(layer(0, "base", None), layer(1, "x", 1)))).layers
    assert (unknown.bytes_shared, unknown.bytes_added) == (None, 1)
    turned = compare(report(), report(layers=(replace(LAYERS[1], index=0), replace(LAYERS[0], index=1))))
    assert ("layer-order", "layers", "0 1", "1 0", "neutral") in told(turned)


def test_an_unpacked_directory_is_compared_as_far_as_it_tells() -> None:
    image = ReportImage("dir:rootfs", "dir", None, None, Platform("linux", ""), ())
    inventory = replace(sound(), config=RuntimeConfig(), path=("/usr/sbin", "/usr/bin"))
    directory = judge(image, inventory, load_spec(), Options(), today=DAY)
    diff = compare(report(), directory)
    assert {entry.kind for entry in diff.changes} <= {"requirement-status", "finding-new", "finding-fixed"}
    assert len(diff.notes) == 2


def test_a_tool_that_was_not_looked_for_is_not_called_lost() -> None:
    fewer = replace(sound(), tools=tuple(tool for tool in sound().tools if tool.name != "iputils"))
    diff = compare(report(), report(fewer))
    assert "tool-lost" not in {entry.kind for entry in diff.changes}
    assert diff.notes == ("the new image's report did not look for iputils: it is not compared",)


def test_another_machine_s_spelling_is_no_change() -> None:
    def on(machine: str, loader: str, name: str) -> Inventory:
        closure = (
            ClosureEntry("libc.so.6", f"/usr/lib/{machine}-linux-gnu/libc.so.6", "cache", 0, "libc6"),
            ClosureEntry(loader.rpartition("/")[2], loader, "PT_INTERP", 0, "libc6"),
        )
        changed = sound()
        for tool in changed.tools:
            changed = change(
                tool.name, lambda entry: replace(entry, closure=closure, interpreter=loader, architecture=name), changed
            )
        packages = (package("libc6", "2.36-9", name), package("tzdata", "1", "all"), package("bash", "5-2", name))
        objects = (elf(f"/usr/lib/{machine}-linux-gnu/libc.so.6", machine[:2]),)
        return replace(changed, packages=packages, objects=objects, platform=Platform("linux", name))

    amd64 = on("x86_64", "/lib64/ld-linux-x86-64.so.2", "amd64")
    arm64 = on("aarch64", "/lib/ld-linux-aarch64.so.1", "arm64")
    assert told(compare(report(amd64), report(arm64, platform=ARM64))) == {
        ("platform", "platform", "linux/amd64", "linux/arm64/v8", "neutral")
    }


def test_programs_that_stay_behind_their_image_s_machine_are_told() -> None:
    found = told(compare(report(), report(platform=ARM64)), "platform", "program-architecture")
    assert ("platform", "platform", "linux/amd64", "linux/arm64/v8", "neutral") in found
    assert ("program-architecture", "ip", "amd64 on amd64", "amd64 on arm64", "regression") in found


def finding(
    rule: str = "library-missing", subject: str = "libx.so.1", severity: str = "error", **values: object
) -> Finding:
    whole = {
        "rule": rule,
        "severity": Severity(severity),
        "requirement": "image.loads",
        "subject": subject,
        "message": f"{subject} is missing.",
        "evidence": {},
        "layer": 0,
        "fix": "",
        "waived_by": None,
    }
    return Finding(**{**whole, **values})  # type: ignore[arg-type]


def with_findings(*findings: Finding) -> Report:
    return replace(report(), findings=findings)


FINDINGS: list[tuple[str, list[Finding], list[Finding], set[Told], int]] = [
    ("the same", [finding()], [finding(layer=7, message="layer 7 deletes libx.so.1.")], set(), 1),
    ("reordered", [finding(), finding(subject="b")], [finding(subject="b"), finding()], set(), 2),
    ("new", [], [finding()], {("finding-new", "library-missing libx.so.1", None, "error", "regression")}, 0),
    (
        "new note",
        [],
        [finding(severity="note")],
        {("finding-new", "library-missing libx.so.1", None, "note", "neutral")},
        0,
    ),
    (
        "new and waived",
        [],
        [finding(waived_by="known (me)")],
        {("finding-new", "library-missing libx.so.1", None, "error", "neutral")},
        0,
    ),
    ("fixed", [finding()], [], {("finding-fixed", "library-missing libx.so.1", "error", None, "improvement")}, 0),
    (
        "worse",
        [finding(severity="warning")],
        [finding()],
        {("finding-severity", "library-missing libx.so.1", "warning", "error", "regression")},
        1,
    ),
    (
        "no longer waived",
        [finding(waived_by="known (me)")],
        [finding()],
        {("finding-waiver", "library-missing libx.so.1", "waived: known (me)", "not waived", "regression")},
        1,
    ),
    (
        "one of two alike",
        [finding(evidence={"kind": "match"}), finding(evidence={"kind": "target"}, message="t")],
        [finding(evidence={"kind": "target"}, message="other words")],
        {("finding-fixed", "library-missing libx.so.1", "error", None, "improvement")},
        1,
    ),
]


@pytest.mark.parametrize(("name", "old", "new", "expected", "same"), FINDINGS, ids=[case[0] for case in FINDINGS])
def test_findings_are_matched_by_what_they_are_about(
    name: str, old: list[Finding], new: list[Finding], expected: set[Told], same: int
) -> None:
    diff = compare(with_findings(*old), with_findings(*new))
    assert told(diff) == expected, name
    assert diff.summary.findings_unchanged == len(diff.unchanged) == same


def test_of_several_alike_the_likest_are_matched() -> None:
    old = [finding(evidence={"kind": "match"}, message="m"), finding(evidence={"kind": "target"}, message="t")]
    (only,) = compare(with_findings(*old), with_findings(old[1])).changes
    assert only.why == "No longer found: m"


@pytest.mark.parametrize(
    ("old", "new", "assessment"),
    [
        ("met", "not-met", "regression"),
        ("unknown", "not-met", "regression"),
        ("not-met", "met", "improvement"),
        ("met", "unknown", "neutral"),
        ("unknown", "met", "neutral"),
        ("not-met", "unknown", "neutral"),
        ("met", "waived", "neutral"),
        ("waived", "not-met", "neutral"),
        ("not-applicable", "not-met", "neutral"),
    ],
)
def test_what_can_not_be_told_is_neither_better_nor_worse(old: str, new: str, assessment: str) -> None:
    def with_status(status: str) -> Report:
        rows = report().requirements
        return replace(report(), requirements=(replace(rows[0], status=status), *rows[1:]))

    assert told(compare(with_status(old), with_status(new))) == {
        ("requirement-status", report().requirements[0].id, old, new, assessment)
    }


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (("met", ""), ("unknown", "it can't be read"), "it can't be read"),
        (("unknown", "it can't be read"), ("met", ""), "Before: it can't be read"),
        (("not-applicable", ""), ("met", ""), "It is met now."),
    ],
)
def test_why_a_row_has_another_status(old: tuple[str, str], new: tuple[str, str], why: str) -> None:
    def judged(status: str, reason: str) -> Report:
        rows = report().requirements
        first = replace(rows[0], status=status, reason=reason)
        return replace(report(), requirements=(first, *rows[1:]))

    (only,) = compare(judged(*old), judged(*new)).changes
    assert (only.kind, only.why) == ("requirement-status", why)


@pytest.mark.parametrize(
    ("old", "new", "assessment", "why"),
    [
        (5, 6, "improvement", "Sets that a newer kernel or ipset made can be read."),
        (6, 5, "regression", "Sets that a newer kernel or ipset made at the old revision can't be read any more."),
    ],
)
def test_why_another_revision_of_a_set_type_matters(old: int, new: int, assessment: str, why: str) -> None:
    def knowing(revision: int) -> Report:
        return report(replace(sound(), set_types=(SetType("hash:ip", revision, 255, 1),)))

    (only,) = compare(knowing(old), knowing(new)).changes
    assert (only.kind, only.assessment, only.why) == ("set-type-revision", assessment, why)


@pytest.mark.parametrize(
    ("fail_on", "old", "new", "verdict"),
    [
        ("regression", sound(), sound(), "pass"),
        ("regression", sound(), IPSET_LOST, "fail"),
        ("regression", IPSET_LOST, sound(), "pass"),
        ("any", IPSET_LOST, sound(), "fail"),
        ("any", sound(), sound(), "pass"),
        ("never", sound(), IPSET_LOST, "pass"),
    ],
)
def test_the_verdict_is_what_fail_on_asks(fail_on: str, old: Inventory, new: Inventory, verdict: str) -> None:
    assert compare(report(old), report(new), fail_on).verdict == verdict  # type: ignore[arg-type]


OLDER_PACKAGE = with_packages(package("q", "1"))
NEWER_PACKAGE = with_packages(package("q", "2"))


@pytest.mark.parametrize(
    ("fail_on", "areas", "verdict"),
    [
        ("regression", (), "pass"),  # a package is no part of the contract
        ("regression", (Area.PACKAGES,), "fail"),
        ("regression", (Area.TOOLS,), "pass"),
        ("any", (), "fail"),
        ("any", (Area.TOOLS,), "pass"),
        ("never", (Area.PACKAGES,), "pass"),
    ],
)
def test_what_is_outside_the_contract_decides_only_where_asked(
    fail_on: str, areas: tuple[Area, ...], verdict: str
) -> None:
    diff = compare(report(NEWER_PACKAGE), report(OLDER_PACKAGE), fail_on, areas=areas)  # type: ignore[arg-type]
    assert ("package-downgraded", "regression") in {(entry.kind, entry.assessment) for entry in diff.changes}
    assert diff.verdict == verdict


def test_two_images_with_nothing_in_common_get_a_warning() -> None:
    stranger = replace(sound(), tools=(), packages=(package("other", "1"),))
    layer = replace(LAYERS[0], digest="sha256:x", diff_id="sha256:y")
    other = report(stranger)
    other = replace(other, image=replace(other.image, layers=(layer,)))
    assert any(note.startswith("warning: the images have no layer") for note in compare(report(), other).notes)
    assert not any(note.startswith("warning") for note in compare(report(), report(IPSET_LOST)).notes)


def test_changes_are_in_one_order_worst_first() -> None:
    diff = compare(report(versioned("ipset", "7.9")), report(IPSET_LOST))
    ranks = {"regression": 0, "improvement": 1, "neutral": 2}
    assert [ranks[entry.assessment] for entry in diff.changes] == sorted(
        ranks[entry.assessment] for entry in diff.changes
    )
    assert isinstance(diff.changes[0], Change)
