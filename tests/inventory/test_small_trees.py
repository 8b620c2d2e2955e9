"""What the inventory says of small layered trees: who deleted what, whose a file is, where a version shows."""

import struct

import pytest
from msgspec.structs import replace

from auditor.elf.linker import Linker
from auditor.elf.model import Closure, GoModule, LoadedObject, LoadFault, LoadNotice, LoadProblem, NoticeKind
from auditor.filetree import FileTree
from auditor.inventory.capabilities import capability_names
from auditor.inventory.cpu import cpu_floors
from auditor.inventory.declared import Declared, DeclaredVersions, kept_for
from auditor.inventory.drift import changed_files, missing_files
from auditor.inventory.files import file_facts
from auditor.inventory.golang import go_kernel_floors
from auditor.inventory.kmod import take_kmod
from auditor.inventory.model import (
    CpuFloor,
    Drift,
    FileFact,
    GoProgram,
    KernelFloor,
    LibraryFile,
    MissingFiles,
    Notice,
    Place,
    PluginFile,
    Problem,
    StartProblem,
    Tool,
    Unusable,
    Whereabouts,
)
from auditor.inventory.objects import _covers, _kernel_floors, _names
from auditor.inventory.owners import Owners
from auditor.inventory.plugindirs import _loaded, plugin_directories
from auditor.inventory.plugins import PluginReader
from auditor.inventory.programs import merge_notices, merge_problems
from auditor.inventory.standins import _is_empty, _starts_elsewhere
from auditor.inventory.start import entry_programs, start_problems
from auditor.inventory.usage import Usage
from auditor.inventory.whereabouts import NameIndex, whereabouts, with_place
from auditor.packages import read_packages
from auditor.process.handover import Target
from auditor.process.model import Launch, LaunchFault, LaunchProblem, Origin, ProgramKind, Role, Start
from auditor.process.path import SearchPath
from auditor.tools.model import Extension
from tests.elf.loaders import own_loader
from tests.image.build import Member, file, folder, link, program, sha256, whiteout
from tests.image.test_merge import merged
from tests.inventories import binary
from tests.tools.elves import Elf
from tests.tools.elves import program as elf
from tests.tools.test_extensions import libxtables, plugin

STATUS = """Package: iproute2
Status: install ok installed
Architecture: amd64
Version: 6.1.0-3

Package: libzstd1
Status: install ok installed
Source: libzstd
Architecture: amd64
Version: 1.5.4-1
"""
TOOL = elf(b"mine 2.1").data
MD5 = "b1946ac92492d2347c6235b4d2611184"  # of "hello\n"


def dpkg(*more: Member) -> list[Member]:
    """A database of two packages; /sbin/ip is as it was, /etc/rt is not, /usr/share/doc/ip and libzstd are gone."""
    info = "var/lib/dpkg/info"
    return [
        file("var/lib/dpkg/status", STATUS),
        file(f"{info}/iproute2.list", "/.\n/sbin\n/sbin/ip\n/etc\n/etc/rt\n/usr/share/doc/ip\n/lib/libe.so.1\n"),
        file(f"{info}/iproute2.md5sums", f"{MD5}  sbin/ip\n{MD5}  etc/rt\n{MD5}  usr/share/doc/ip\n"),
        file(f"{info}/libzstd1:amd64.list", "/.\n/lib\n/lib/libzstd.so.1\n"),
        file("sbin/ip", "hello\n", 0o755),
        file("etc/rt", "changed\n"),
        file("lib/libe.so.1", "x"),
        *more,
    ]


def owners_of(tree: FileTree) -> Owners:
    return Owners(tree, read_packages(tree))


# Files


PASSWD = "root:x:0:0::/root:/bin/sh\napp:x:7:8\nagain:x:7:9\nbig:x:4294967295:0\nno:x:42949672950:0\n:x:5:5\nx:y\n"
FILES = merged(
    [
        file("etc/passwd", PASSWD),
        file("etc/group", "root:x:0:\nusers:x:8:\n"),
        file("etc/config", "text", 0o4640, uid=7, gid=8),
        file("etc/empty", "", uid=4294967295),
        file("etc/strange", "x", uid=42949672950),
        folder("srv/none"),
        folder("srv/some"),
        file("srv/some/a", "1"),
        file("etc/gone", "x"),
        link("etc/dangling", "../srv/target"),
        file("srv/target", "x"),
        link("etc/loop", "loop"),
    ],
    [whiteout("etc/gone"), whiteout("srv/target")],
)
FACTS = {
    "/etc/config": FileFact("/etc/config", "/etc/config", "file", 0, 0o4640, 7, 8, "app", "users"),
    "/etc/empty": FileFact("/etc/empty", "/etc/empty", "file", 0, 0o644, 4294967295, 0, "big", "root", empty=True),
    "/srv/none": FileFact("/srv/none", "/srv/none", "directory", 0, 0o755, 0, 0, "root", "root", empty=True),
    "/srv/some": FileFact("/srv/some", "/srv/some", "directory", 0, 0o755, 0, 0, "root", "root"),
    "/etc/gone": FileFact("/etc/gone", "/etc/gone", "", 1, reason="missing"),
    "/etc/never": FileFact("/etc/never", "/etc/never", "", None, reason="missing"),
    "/etc/dangling": FileFact("/etc/dangling", "/srv/target", "", 1, reason="dangling link"),
    "/etc/loop": FileFact("/etc/loop", "/etc/loop", "", 0, reason="too many levels of symbolic links"),
}


@pytest.mark.parametrize("path", FACTS)
def test_what_is_told_of_a_file(path: str) -> None:
    assert file_facts(FILES, [path], ()) == (FACTS[path],)


def test_a_number_of_no_user_has_no_name() -> None:
    (fact,) = file_facts(FILES, ["/etc/strange"], ())
    assert fact.user == ""


def test_only_a_file_that_is_asked_for_is_hashed() -> None:
    told = file_facts(FILES, ["/etc/config", "/etc/empty"], {"/etc/config"})
    assert [fact.sha256 for fact in told] == [sha256(b"text").removeprefix("sha256:"), ""]


# Names that are missed


NAMES = merged(
    [
        program("opt/tool"),
        file("opt/text/tool", "x"),
        file("sbin/blind", "x"),
        link("sbin/dangling", "/opt/gone"),
        file("opt/gone", "x", 0o755),
        link("sbin/circle", "circle"),
        file("lib/libe.so.2", "2"),
        file("lib/libe.so", "0"),
        file("lib/libe-1.so", "0"),
        file("lib/other.so", "1"),
        file("lib/libe.so.1.5", "1"),
        file("lib/libd.so.1", "1"),
        link("lib/libl.so.3", "libe.so.2"),
        link("lib/libn.so.3", "nothing"),
        folder("lib/libf.so.9"),
        file("sbin/late", "x", 0o755),
        file("bin/late", "x", 0o755),
    ],
    [whiteout("opt/gone"), whiteout("lib/libd.so.1"), whiteout("sbin/late")],
    [whiteout("bin/late")],
)
SONAMES = {"/lib/libe.so": "libe.so.0", "/lib/libe.so.1.5": "libe.so.1"}
INDEX = NameIndex(NAMES, SONAMES.get)
PATH = SearchPath(("/sbin", "/bin"), "/")


def lacking(name: str, *passed_over: str) -> Problem:
    skipped = tuple((path, "for another machine") for path in passed_over)
    return Problem(LoadFault.LIBRARY_MISSING, "/bin/x", name, "", ("/bin/x",), passed_over=skipped)


@pytest.mark.parametrize(
    ("programs", "problems", "expected"),
    [
        (("tool",), (), Whereabouts("tool", elsewhere=(Place("/opt/tool", 0),))),
        (("blind",), (), Whereabouts("blind", unusable=(Unusable("/sbin/blind", "not an executable file", 0),))),
        (
            ("dangling",),
            (),
            Whereabouts("dangling", unusable=(Unusable("/sbin/dangling", "a dangling link to /opt/gone", 1),)),
        ),
        (("circle",), (), Whereabouts("circle", unusable=(Unusable("/sbin/circle", "a link in a circle", 0),))),
        (("late",), (), Whereabouts("late", gone=(Place("/sbin/late", 1), Place("/bin/late", 2)))),
        (("never",), (), Whereabouts("never")),
        (
            (),
            (lacking("libe.so.1"),),
            Whereabouts("libe.so.1", siblings=("libe.so.0", "libe.so.2"), unlinked=(Place("/lib/libe.so.1.5", 0),)),
        ),
        (
            (),
            (lacking("libe.so.2", "/lib/libe.so.2"),),
            Whereabouts("libe.so.2", siblings=("libe.so.0", "libe.so.1")),
        ),
        ((), (lacking("/x/libd.so.1"),), Whereabouts("libd.so.1", gone=(Place("/lib/libd.so.1", 1),))),
        ((), (lacking("nothing-like-it"),), Whereabouts("nothing-like-it")),
    ],
)
def test_what_the_image_shows_of_a_name(
    programs: tuple[str, ...], problems: tuple[Problem, ...], expected: Whereabouts
) -> None:
    assert whereabouts(NAMES, INDEX, PATH, programs, (), problems) == (expected,)


def test_a_plug_in_is_told_where_the_image_shows_anything_of_it() -> None:
    asked = ("tool", "libd.so.1", "never")
    told = whereabouts(NAMES, INDEX, PATH, (), asked, ())
    assert [entry.name for entry in told] == ["libd.so.1", "tool"]


def test_libraries_are_files_of_a_versioned_name() -> None:
    assert INDEX.libraries() == (
        LibraryFile("libe.so.1.5", "/lib/libe.so.1.5"),
        LibraryFile("libe.so.2", "/lib/libe.so.2"),
        LibraryFile("libl.so.3", "/lib/libl.so.3"),
    )


@pytest.mark.parametrize(
    ("known", "reason"),
    [
        (Whereabouts("ip"), "not in the image"),
        (Whereabouts("tc", elsewhere=(Place("/opt/tc", 0),)), "not in the image"),
        (Whereabouts("ip", elsewhere=(Place("/opt/ip", 0),)), "not on PATH: /opt/ip"),
        (
            Whereabouts("ip", elsewhere=(Place("/opt/ip", 0),), unusable=(Unusable("/sbin/ip", "empty", 0),)),
            "/sbin/ip is empty",
        ),
    ],
)
def test_why_a_tool_is_not_there(known: Whereabouts, reason: str) -> None:
    assert with_place(Tool("iproute2", None, (), (), "not in the image"), ["ip"], [known]).reason == reason


# Packages


@pytest.mark.parametrize(
    ("path", "label", "vouched"),
    [
        ("/sbin/ip", "iproute2", True),
        ("/etc/rt", "iproute2", False),
        ("/lib/libe.so.1", "iproute2", None),  # no checksum
        ("/etc/own", "unowned", None),
    ],
)
def test_whose_a_file_is_and_whether_it_is_as_it_was(path: str, label: str, vouched: bool | None) -> None:
    owners = owners_of(merged(dpkg(file("etc/own", "x"))))
    assert owners.label(path) == label
    assert owners.vouches(path) is vouched


def test_without_a_database_nobody_can_be_asked() -> None:
    owners = owners_of(merged([file("sbin/ip", "x", 0o755)]))
    assert (owners.vouches("/sbin/ip"), owners.installed()) == (None, ())


def test_files_that_a_package_lists_and_the_image_lacks() -> None:
    tree = merged(dpkg(file("lib/libzstd.so.1", "z")), [whiteout("lib/libzstd.so.1")])
    wanted = {"libzstd.so.1": {"iproute2"}, "doc": {"iproute2"}}
    drift, rest = missing_files(tree, read_packages(tree), {"iproute2": {"iproute2"}}, wanted)
    assert drift == (Drift("missing", "/lib/libzstd.so.1", "libzstd1", 1, ("iproute2",)),)
    assert rest == (MissingFiles("iproute2", 1, ("/usr/share/doc/ip",)),)


def test_files_of_the_tools_that_were_changed() -> None:
    tree = merged(dpkg())
    used = {"/sbin/ip": {"iproute2"}, "/etc/rt": {"iproute2", "b"}, "/lib/libe.so.1": {"iproute2"}}
    told = tuple(changed_files(tree, owners_of(tree), used))
    assert told == (Drift("changed", "/etc/rt", "iproute2", 0, ("b", "iproute2")),)


def test_what_a_tool_misses() -> None:
    ip = binary("iproute2", "ip")
    usage = Usage([Tool("iproute2", "1", (), (ip,))], {})
    problems = (
        replace(lacking("/lib/libelf.so.1"), programs=(ip.resolved_path, "/bin/x")),
        lacking("libx.so.1"),
        replace(lacking("libs.so.1"), fault=LoadFault.SYMBOL_MISSING, programs=(ip.resolved_path,)),
    )
    assert usage.missed({"tc": "iproute2"}, problems) == {"tc": {"iproute2"}, "libelf.so.1": {"iproute2"}}


# Versions that don't show in a program


GO = GoProgram(
    "/bin/prog", "go1.22.3", "example.org/prog", GoModule("example.org/prog", "v1.2.0"), {"GOAMD64": "v3"},
    (GoModule("example.org/dep", "v2.0.0+incompatible"), GoModule("example.org/devel", "(devel)")),
)  # fmt: skip
DECLARED = merged(
    dpkg(
        program("bin/prog"),
        file("usr/lib/python3/My_Pkg-2.1.dist-info/METADATA", "Metadata-Version: 2.1\nName: My_Pkg\nVersion: 2.1\n\n"),
        file("usr/lib/python3/old.egg-info/PKG-INFO", "Name: old\n\nVersion: 9\n"),
        file("a/two-1.dist-info/METADATA", "Name: two\nVersion: 1\n"),
        file("b/two-2.dist-info/METADATA", "Name: two\nVersion: 2\n"),
        file("opt/app/package.json", '{"name": "app", "version": "3.0.1"}'),
        file("opt/app/bin/app", "x", 0o755),
        file("srv/app/package.json", '{"name": "app", "version": "4.0.0"}'),
        file("srv/odd/package.json", '["name"]'),
        file("srv/worse/package.json", "{"),
        file("srv/number/package.json", '{"name": "number", "version": 3}'),
    )
)


@pytest.mark.parametrize(
    ("source", "path", "version", "reason"),
    [
        ("package", "/sbin/ip", "6.1.0", ""),
        ("package", "/etc/rt", None, "the package database does not vouch for it as iproute2's"),
        ("package", "/bin/prog", None, "no package owns it"),
        ("go:example.org/prog", "/bin/prog", "1.2.0", ""),
        ("go:example.org/dep", "/bin/prog", "2.0.0", ""),
        ("go:example.org/devel", "/bin/prog", None, "the module example.org/devel is built in as (devel)"),
        ("go:example.org/other", "/bin/prog", None, "the module example.org/other is not built in"),
        ("go:stdlib", "/bin/prog", "1.22.3", ""),
        ("go:stdlib", "/sbin/ip", None, "it has no build information of Go's"),
        ("python:my.pkg", "/bin/prog", "2.1", ""),
        ("python:old", "/bin/prog", None, "the Python package old is not installed"),
        ("python:two", "/bin/prog", None, "ambiguous: the Python package two is there as 1, 2"),
        ("node:app", "/opt/app/bin/app", "3.0.1", ""),
        ("node:app", "/bin/prog", None, "ambiguous: the Node package app is there as 3.0.1, 4.0.0"),
        ("node:number", "/bin/prog", None, "the Node package number is not installed"),
    ],
)
def test_a_version_by_its_source(source: str, path: str, version: str | None, reason: str) -> None:
    told = DeclaredVersions(DECLARED, owners_of(DECLARED), [GO]).version(source, path)
    assert (told.version, told.reason) == (version, reason)
    assert bool(told.evidence) == bool(version)


def test_a_go_of_no_release_has_no_version() -> None:
    devel = DeclaredVersions(DECLARED, owners_of(DECLARED), [replace(GO, version="devel go1.23-abc", module=None)])
    assert devel.version("go:stdlib", "/bin/prog") == Declared(None, reason="built by devel go1.23-abc")
    assert devel.version("go:example.org/prog", "/bin/prog").version is None


@pytest.mark.parametrize(
    ("sources", "endings"),
    [
        (("package", "go:x"), ()),
        (("python:x",), (".dist-info/METADATA", ".egg-info/PKG-INFO")),
        (("node:x",), ("/package.json",)),
        (("node:x", "python:y"), (".dist-info/METADATA", ".egg-info/PKG-INFO", "/package.json")),
    ],
)
def test_only_what_tells_a_version_is_kept(sources: tuple[str, ...], endings: tuple[str, ...]) -> None:
    assert [told for _, told in kept_for(sources).endings] == ([endings] if endings else [])


# Programs and plug-ins


def test_a_go_program_s_processor_is_of_the_layer_that_wrote_it() -> None:
    tree = merged([file("etc/x")], [program("bin/prog")])
    assert cpu_floors(tree, Linker(tree), {}, [GO]) == (CpuFloor("x86-64-v3", "/bin/prog", "GOAMD64=v3", True, 1),)


@pytest.mark.parametrize(
    ("version", "kernel"),
    [
        ("go1.24", "3.2.0"),
        ("go1.25.1", "3.2.0"),
        ("go1.23.4", "2.6.32"),
        ("go1.18", "2.6.32"),
        ("go1.17", "2.6.23"),
        ("go1.5", "2.6.23"),
        ("go1.4", None),
        ("devel +abc", None),
    ],
)
def test_the_oldest_kernel_of_a_go_release(version: str, kernel: str | None) -> None:
    tree = merged([file("etc/x")], [program("bin/prog")])
    told = [*go_kernel_floors(tree, [replace(GO, version=version)])]
    assert told == ([KernelFloor("/bin/prog", kernel, False, 1)] if kernel else [])
    assert all(floor.layer is None for floor in go_kernel_floors(tree, [replace(GO, path="/bin/gone")]))


def test_plug_ins_of_a_directory() -> None:
    tree = merged(
        [file("p/a.so", "x"), folder("p/d.so"), link("p/l.so", "gone.so"), file("p/b.so", "x"), file("q/b.so", "x")],
        [whiteout("p/b.so"), whiteout("q/b.so"), file("p/readme", "x")],
    )
    (told,) = plugin_directories(tree, Linker(tree), {}, (), {("mine", "/p"): ("*.so", "b.so")})
    no_program = "the image has no program of the tool that loads it"
    assert told.files == (
        PluginFile("a.so", 0, loadable=None, reason=no_program),
        PluginFile("d.so", 0, loadable=False, reason="it is not a regular file"),
        PluginFile("l.so", 0, loadable=False, reason="it is dangling link"),
    )
    assert told.gone == (Place("/p/b.so", 1),)


def test_a_plug_in_that_needs_a_file_of_its_own() -> None:
    needing = elf(b"cannot open connlabel.conf, not registering").data
    plain = [file("p/a.so", needing), file("p/b.so", elf(b"").data)]
    for files, told in (
        (plain, "it needs /etc/xtables/connlabel.conf, which is not in the image"),
        ([*plain, file("etc/xtables/connlabel.conf")], ""),
    ):
        tree = merged(files)
        reader = PluginReader(tree, Linker(tree), {}, {})
        assert [reader._lacks_file(path) for path in ("/p/a.so", "/p/b.so", "/p/c.so")] == [told, "", ""]


def test_plug_ins_are_those_of_the_directory_of_the_program_s_own_libxtables() -> None:
    """Those that nothing can load are told without a loader."""
    iptables = replace(binary("iptables", "iptables", "legacy"), resolved_path="/sbin/iptables")
    library = LoadedObject("libxtables.so.12", *("/usr/lib/libxtables.so.12",) * 2, "default", "/sbin/iptables", None)
    closure = Closure("/sbin/iptables", None, None, (library,))
    files = [
        program("sbin/iptables", TOOL),
        file("usr/lib/libxtables.so.12", libxtables().data),
        file("usr/lib/xtables/libxt_mark.so", ""),
        folder("usr/lib/xtables/libipt_set.so"),
    ]
    for closures, kept, told in (
        ({"/sbin/iptables": closure}, files, [("mark", "file too short"), ("set", "not a regular file")]),
        ({"/sbin/iptables": replace(closure, objects=())}, files, []),
        ({"/sbin/iptables": closure}, [*files[:1], *files[2:]], []),
        ({}, files, []),
    ):
        tree = merged(kept)
        found = PluginReader(tree, Linker(tree), closures, {}).extensions([Tool("iptables", "1.8", (), (iptables,))])
        assert [(one.name, one.reason) for one in found if (one.family, one.kind) == ("ipv4", "match")] == told
        assert {(one.flavour, one.loadable) for one in found} <= {("legacy", False)}
        assert not {one.family for one in found} & {"arp", "bridge"}  # only builds for nf_tables ask for them


def test_extensions_inside_a_program_are_its_own() -> None:
    """A build without plug-ins has them inside, whatever lies beside it."""
    made = Elf()
    made.text(b"", b"iptables", b"%s v%s\n", b"1.8.9 (legacy)")
    data = plugin((b"set", 2, 0), elf=made, kind="")
    tree = merged([file("etc/x")], [program("sbin/iptables", data)])
    iptables = replace(binary("iptables", "iptables", "legacy"), resolved_path="/sbin/iptables")
    closures = {"/sbin/iptables": Closure("/sbin/iptables", None, None, ())}
    found = PluginReader(tree, Linker(tree), closures, {}).extensions([Tool("iptables", "1.8.9", (), (iptables,))])
    assert [(one.flavour, one.family, one.kind, one.name, one.revision, one.path, one.layer) for one in found] == [
        ("legacy", "any", "match", "set", 2, "/sbin/iptables", 1)
    ]


def test_only_a_plug_in_that_is_a_file_has_a_layer() -> None:
    tree = merged([file("etc/x")], [file("p/a.so", "x"), folder("p/d.so")])
    reader = PluginReader(tree, Linker(tree), {}, {})
    made = (Extension("", "ipv4", "match", "a", 0, path) for path in ("/p/a.so", "/p/d.so", "/p/gone.so"))
    assert [reader._entry(one, "", "").layer for one in made] == [1, None, None]


@pytest.mark.parametrize(
    ("strings", "decoders"),
    [
        ((b"+XZ -ZLIB",), [("gz", "none", False), ("xz", "built-in", True), ("zst", "none", False)]),
        (
            (b"+XZ +ZLIB +ZSTD", b"liblzma.so.5"),
            [("gz", "built-in", True), ("xz", "dlopen", False), ("zst", "built-in", True)],
        ),
        ((), [("gz", "unknown", None), ("xz", "unknown", None), ("zst", "unknown", None)]),
    ],
)
def test_what_a_modprobe_can_read(strings: tuple[bytes, ...], decoders: list[tuple[str, str, bool | None]]) -> None:
    data = elf(b"kmod version 30", *strings).data
    tree = merged([program("usr/bin/kmod", data), link("sbin/modprobe", "/usr/bin/kmod")])
    kmod = take_kmod(tree, Linker(tree), owners_of(tree), PATH)
    assert kmod.on_path == "/usr/bin/kmod"
    (loader,) = kmod.loaders
    assert (loader.kind, loader.version, loader.hands_over, loader.layer) == ("kmod", "30", False, 0)
    assert [(one.compression, one.how, one.usable) for one in loader.decoders] == decoders
    assert all(
        one.library == "liblzma.so.5" and "is not found" in one.reason for one in loader.decoders if one.how == "dlopen"
    )


def test_where_a_modprobe_is_and_where_not() -> None:
    tree = merged(
        [
            file("sbin/modprobe", "x"),
            link("usr/sbin/modprobe", "/opt/kmod"),
            program("opt/kmod"),
            program("usr/bin/modprobe", "#!/bin/sh\n"),
            program("bin/modprobe"),
        ],
        [whiteout("opt/kmod"), whiteout("bin/modprobe")],
    )
    kmod = take_kmod(tree, Linker(tree), owners_of(tree), SearchPath(("/sbin",), "/"))
    told = {place.path: (place.resolved_path, place.reason, place.layer) for place in kmod.places}
    assert kmod.on_path == ""
    assert told["/sbin/modprobe"] == ("", "/sbin/modprobe can't be executed", None)
    assert told["/usr/sbin/modprobe"][:2] == ("", "a dangling link to /opt/kmod")
    assert told["/bin/modprobe"] == ("", "not in the image", 1)
    assert told["/usr/local/bin/modprobe"] == ("", "not in the image", None)
    assert told["/usr/bin/modprobe"] == ("/usr/bin/modprobe", "", None)
    assert [(one.path, one.kind, one.reason) for one in kmod.loaders] == [
        ("/usr/bin/modprobe", "script", "it is a script")
    ]


@pytest.mark.parametrize(
    ("data", "kind", "version", "reason"),
    [
        (
            elf(b"BusyBox v1.36.1 (2023)", b" multi-call binary.\n").data,
            "busybox",
            None,
            "it is an applet of busybox, whose build doesn't tell which modules it reads",
        ),
        (elf(b"mine 2.1").data, "other", None, "it is not kmod's, so which modules it reads isn't known"),
        (b"text".ljust(80), "other", None, "it is no ELF file"),
        (elf(b"kmod version 31", needed=("libzstd.so.1",)).data, "kmod", "31", "it does not start: /sbin/modprobe: "),
    ],
    ids=["busybox", "another program", "text", "one that does not start"],
)
def test_a_modprobe_of_which_nothing_can_be_told(data: bytes, kind: str, version: str | None, reason: str) -> None:
    tree = merged([file("etc/x")], [program("sbin/modprobe", data)])
    (loader,) = take_kmod(tree, Linker(tree), owners_of(tree), PATH).loaders
    assert (loader.kind, loader.version, loader.layer) == (kind, version, 1)
    assert loader.reason.startswith(reason)
    usable = {loader.decoder(compression).usable for compression in ("gz", "xz", "zst")}
    assert usable == {False if kind == "kmod" else None}


# Problems


LIBRARIES = merged(
    [
        file("lib/old.so", "x"),
        file("lib/gone.so", "x"),
        link("lib/to-gone.so", "gone.so"),
        link("lib/to-nothing.so", "nothing.so"),
        program("bin/prog"),
    ],
    [file("lib/new.so", "x"), file("lib/twin.so", "x")],
    [whiteout("lib/gone.so")],
)


def of_prog(*problems: LoadProblem, variant: str = "", **more: object) -> Closure:
    paths = ("/bin/prog", "/lib/old.so", "/lib/new.so", "/lib/twin.so", "/lib/never.so")
    objects = tuple(LoadedObject(path, path, path, "default", "", None) for path in paths)
    return Closure("/bin/prog", None, None, objects, problems, variant=variant, **more)  # type: ignore[arg-type]


SYMBOL, LIBRARY = LoadFault.SYMBOL_MISSING, LoadFault.LIBRARY_MISSING


@pytest.mark.parametrize(
    ("problem", "layer", "suspect"),
    [
        # What the loader passes over: the file, what deleted the end of a link, or the link.
        (LoadProblem(LIBRARY, "/bin/prog", "x", "", passed_over=(("/lib/new.so", ""),)), 0, Place("/lib/new.so", 1)),
        (LoadProblem(LIBRARY, "/bin/prog", "x", "", passed_over=(("/lib/to-gone.so", ""),)), 0,
         Place("/lib/gone.so", 2)),
        (LoadProblem(LIBRARY, "/bin/prog", "x", "", passed_over=(("/lib/to-nothing.so", ""),)), 0,
         Place("/lib/to-nothing.so", 0)),
        (LoadProblem(LIBRARY, "/bin/prog", "x", "", passed_over=(("/lib/none.so", ""), ("/lib/new.so", ""))), 0,
         Place("/lib/none.so", None)),
        (LoadProblem(LIBRARY, "/bin/prog", "x", ""), 0, None),
        # What lacks a symbol, if it came later; where nobody should have it, the last that came later.
        (LoadProblem(SYMBOL, "/lib/old.so", "f", "", provider="/lib/new.so"), 0, Place("/lib/new.so", 1)),
        (LoadProblem(SYMBOL, "/lib/old.so", "f", "", provider="/bin/prog"), 0, None),
        (LoadProblem(SYMBOL, "/lib/old.so", "f", "", provider="/lib/never.so"), 0, None),
        (LoadProblem(SYMBOL, "/lib/new.so", "f", "", provider="/lib/old.so"), 1, None),
        (LoadProblem(SYMBOL, "/lib/old.so", "f", ""), 0, Place("/lib/twin.so", 1)),
        (LoadProblem(SYMBOL, "/lib/new.so", "f", ""), 1, None),
        (LoadProblem(SYMBOL, "/lib/never.so", "f", ""), None, None),
    ],
)  # fmt: skip
def test_where_to_look_first(problem: LoadProblem, layer: int | None, suspect: Place | None) -> None:
    (told,) = merge_problems(LIBRARIES, [of_prog(problem)])
    assert (told.layer, told.suspect) == (layer, suspect)


def test_what_each_level_has_is_told_once() -> None:
    """A problem of the plain closure is not told again of a level, one of another program is the same."""
    plain, own = LoadProblem(SYMBOL, "/lib/old.so", "f", ""), LoadProblem(SYMBOL, "/lib/new.so", "g", "")
    better = of_prog(replace(plain, variant="x86-64-v3"), replace(own, variant="x86-64-v3"), variant="x86-64-v3")
    one = of_prog(plain, variants=(better,))
    told = merge_problems(LIBRARIES, [one, replace(one, program="/bin/another", variants=())])
    assert [(each.name, each.variant, each.programs) for each in told] == [
        ("g", "x86-64-v3", ("/bin/prog",)),
        ("f", "", ("/bin/another", "/bin/prog")),
    ]


def test_one_notice_is_about_all_its_programs() -> None:
    said = LoadNotice(NoticeKind.SIZE_DIFFERS, "/lib/old.so", "d", "it differs")
    one = of_prog(notices=(said,))
    told = merge_notices([replace(one, program="/bin/z"), one])
    assert told == (Notice(said.kind, said.path, said.name, said.message, programs=("/bin/prog", "/bin/z")),)


@pytest.mark.parametrize(
    ("problems", "notices", "expected"),
    [
        ((), (), PluginFile("p.so", 1, loadable=True)),
        (
            (LoadProblem(SYMBOL, "/p.so", "f", "no f"), LoadProblem(SYMBOL, "/p.so", "g", "no g")),
            (),
            PluginFile("p.so", 1, loadable=False, reason="no f"),
        ),
        (
            (),
            (
                LoadNotice(NoticeKind.SIZE_DIFFERS, "/p.so", "d", "it differs"),
                LoadNotice(NoticeKind.UNKNOWN, "/p.so", "x", "nobody knows"),
            ),
            PluginFile("p.so", 1, loadable=None, reason="nobody knows"),
        ),
        ((), (LoadNotice(NoticeKind.SIZE_DIFFERS, "/p.so", "d", "it differs"),), PluginFile("p.so", 1, loadable=True)),
    ],
)
def test_whether_a_plug_in_loads(
    problems: tuple[LoadProblem, ...], notices: tuple[LoadNotice, ...], expected: PluginFile
) -> None:
    assert _loaded("p.so", 1, of_prog(*problems, notices=notices)) == expected


def test_who_brought_what_can_not_be_started() -> None:
    """The layer of the file, the one that deleted it, or of the script that asks for what never was."""
    tree = merged(
        [file("opt/text", "x"), file("opt/gone", "x"), file("bin/late", "x")],
        [program("run.sh"), whiteout("opt/gone"), whiteout("bin/late")],
    )
    run = Origin("/run.sh", 3, "exec x")
    asked = {
        ("/opt/text", run): 0,
        ("/opt/gone", run): 1,
        ("late", run): 1,  # a bare name, of which any file was deleted
        ("/sbin/late", run): 1,  # the script's own layer: nothing of this path was deleted
        ("/opt/never", run): 1,
        ("/opt/never", Origin("/gone.sh", 3, "")): None,
        ("/opt/never", Origin("", 0, "")): None,
    }
    for (path, origin), layer in asked.items():
        problem = LaunchProblem(LaunchFault.MISSING, "x", path, "it is missing", origin)
        expected = StartProblem(path, "it is missing", layer, origin.path, origin.line, origin.text)
        assert start_problems(tree, Launch((), problems=(problem,))) == (expected,)


@pytest.mark.parametrize(
    ("script", "empty"),
    [("#!/bin/sh\n", True), ("#!/bin/sh\n\n  # comment\n \n", True), ("#!/bin/sh\n:\n", False), ("\n", True)],
)
def test_a_script_of_comments_is_empty(script: str, empty: bool) -> None:
    tree = merged([program("bin/x", script)])
    assert _is_empty(tree, "/bin/x") is empty
    assert not _is_empty(tree, "/bin/gone")


@pytest.mark.parametrize(
    ("arguments", "elsewhere"),
    [
        (("chroot", "/host", "/sbin/ipset"), True),
        (("chroot", None, "ipset"), True),
        (("ipset", None), False),  # by its own name
        (("chroot", "/host", "/sbin/ip"), False),
        (("env", "ipset/x"), False),
    ],
)
def test_a_program_that_starts_one_of_the_script_s_name(arguments: tuple[str | None, ...], elsewhere: bool) -> None:
    end = Target("x", None, arguments, "/bin/x", "/bin/x", Origin("/bin/ipset", 2, ""))
    assert _starts_elsewhere(end, "ipset") is elsewhere


# Values


@pytest.mark.parametrize(
    ("candidates", "found"),
    [((), []), (("/b/two", "/b/one"), ["/b/two", "/b/one"]), (("/b/one", "/b/gone"), ["/b/one"])],
)
def test_what_a_launcher_may_pick(candidates: tuple[str, ...], found: list[str]) -> None:
    one, two = (binary("iproute2", "ip", resolved_path=f"/b/{name}") for name in ("one", "two"))
    again = replace(one, name="again")
    launcher = replace(one, kind="launcher", candidates=candidates, resolved_path="/b/launcher")
    tool = Tool("iproute2", "1", (), (launcher, one, again), candidates=(two,))
    assert [entry.resolved_path for entry in tool.candidates_of(launcher)] == found
    assert all(entry.name != "again" for entry in tool.candidates_of(launcher))


def attribute(*numbers: int, revision: int = 2, inheritable: int = 0) -> bytes:
    bits = sum(1 << number for number in numbers)
    words = [word for at in range(2) for word in (bits >> 32 * at & 0xFFFFFFFF, inheritable >> 32 * at & 0xFFFFFFFF)]
    return struct.pack("<5I", revision << 24, *words)


@pytest.mark.parametrize(
    ("raw", "names"),
    [
        (b"", ()),
        (b"\0\0", ("unknown",)),
        (attribute(13), ("cap_net_raw",)),
        (attribute(0, 40), ("cap_checkpoint_restore", "cap_chown")),
        (attribute(41), ("cap_41",)),
        (attribute(inheritable=1 << 12), ("cap_net_admin",)),
        (attribute(13, revision=4), ("unknown",)),
        (attribute(13)[:-1], ("unknown",)),
        (attribute(13, revision=1)[:12], ("cap_net_raw",)),
    ],
)
def test_capabilities_by_name(raw: bytes, names: tuple[str, ...]) -> None:
    assert capability_names(raw) == names


def test_the_oldest_kernel_of_a_file_is_of_the_layer_that_wrote_it() -> None:
    tree = merged([file("etc/x")], [program("lib/c.so", own_loader().resolve().with_name("libc.so.6").read_bytes())])
    loaded = LoadedObject("c.so", "/lib/c.so", "/lib/c.so", "default", "", None)
    found = _kernel_floors(tree, Linker(tree), [Closure("/lib/c.so", None, None, (loaded,))], {})
    assert [(floor.path, floor.layer) for floor in found.values()] == [("/lib/c.so", 1)]


def test_a_library_answers_to_its_soname_too() -> None:
    first = LoadedObject("libx.so", "/lib/libx.so", "/lib/libx.so.1.2", "default", "", "libx.so.1")
    other = LoadedObject("y.so", "/lib/y.so", "/lib/y.so", "default", "", None)
    names = _names(Closure("/bin/prog", None, None, (first, other)))
    assert {name: names[name] for name in ("libx.so", "/lib/libx.so", "libx.so.1", "y.so")} == {
        "libx.so": "/lib/libx.so.1.2",
        "/lib/libx.so": "/lib/libx.so.1.2",
        "libx.so.1": "/lib/libx.so.1.2",
        "y.so": "/lib/y.so",
    }


@pytest.mark.parametrize(
    ("known", "other", "covers"),
    [
        (("3.2.0", True), ("3.2.0", True), True),
        (("3.10.0", True), ("3.2.0", True), True),
        (("3.2.0", True), ("3.10.0", True), False),
        (("3.10.0", False), ("3.2.0", True), False),
        (("3.10.0", True), ("3.2.0", False), True),
    ],
)
def test_one_floor_stands_for_another(known: tuple[str, bool], other: tuple[str, bool], covers: bool) -> None:
    one, two = (KernelFloor("/lib/x", version, enforced, 0) for version, enforced in (known, other))
    assert _covers(one, two) is covers


def test_what_the_runtime_itself_starts() -> None:
    """The entrypoint and its interpreter; nothing that a script starts, or only may be started."""
    config, script = Origin("", 0, "start"), Origin("/start", 2, "exec /x")

    def start(name: str, role: Role, origin: Origin = config, *, certain: bool = True) -> Start:
        return Start(name, f"/bin/{name}", f"/usr/bin/{name}", ProgramKind.ELF, role, origin, certain)

    starts = (
        start("entry", Role.ENTRYPOINT),
        start("sh", Role.INTERPRETER),
        start("sh", Role.INTERPRETER),
        start("perhaps", Role.ENTRYPOINT, certain=False),
        start("perl", Role.INTERPRETER, script),
        start("next", Role.HANDOVER, script),
        start("service", Role.SERVICE),
    )
    assert entry_programs(Launch(("start",), starts)) == ("/usr/bin/entry", "/usr/bin/sh")


@pytest.mark.parametrize(
    ("needed", "reason"),
    [((), ""), (("libgone.so.1",), "/lib/liblzma.so.5 does not load: Error loading shared library libgone.so.1")],
)
def test_what_a_modprobe_opens_must_load(needed: tuple[str, ...], reason: str) -> None:
    kmod, loader = Elf(interpreter=b"/lib/ld-musl-x86_64.so.1"), Elf()
    kmod.text(b"kmod version 30", b"+XZ -ZLIB -ZSTD", b"liblzma.so.5")
    loader.text(b"", b"/etc/ld-musl-x86_64.path")
    tree = merged(
        [
            program("usr/bin/kmod", kmod.content().data),
            link("sbin/modprobe", "/usr/bin/kmod"),
            program("lib/ld-musl-x86_64.so.1", loader.content(soname="libc.so").data),
            file("lib/liblzma.so.5", Elf().content(needed=needed).data),
        ]
    )
    (found,) = take_kmod(tree, Linker(tree), owners_of(tree), PATH).loaders
    (xz,) = (one for one in found.decoders if one.compression == "xz")
    assert (xz.how, xz.library, xz.usable) == ("dlopen", "liblzma.so.5", not reason)
    assert (xz.path == "/lib/liblzma.so.5") is not bool(reason)
    assert xz.reason.startswith(reason) and bool(xz.reason) == bool(reason)
