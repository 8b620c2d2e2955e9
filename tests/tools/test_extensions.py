"""What iptables would find as a match or target, by libxtables' own look-up rules.

The plug-ins are small files with the structs that libxtables' header lays out; test_real_images.py looks at real ones.
"""

import random
import struct
from collections.abc import Callable
from functools import partial

import pytest
from msgspec.structs import replace

from auditor.elf.read.file import FileType
from auditor.machine import Machine
from auditor.tools.extensions import built_in_extensions, file_beside, plugin_directories, search_extensions
from auditor.tools.model import Extension
from benchmarks.hostile.tables import libxtables as libxtables_with_plugins
from benchmarks.hostile.tables import plugins
from fixtures.contents import Bytes
from tests.packages.trees import TableTree
from tests.tools.elves import Elf, Known, Pointer, parsed, program

PLUGINS = "/usr/lib/xtables"
IPV4, ARP, BRIDGE, IPV6, ANY = 2, 3, 7, 10, 0
Struct = tuple[bytes, int, int] | tuple[bytes, int, int, bytes]  # name, revision, family, real name


def plugin(*structs: Struct, kind: str = "match", abi: int = 12, elf: Elf | None = None, relr: bool = False) -> bytes:
    """A plug-in that registers these structs."""
    elf = elf or Elf()
    version = elf.text(b"libxtables.so.%d" % abi)
    for name, revision, family, *real in structs:
        head: list[bytes | Pointer] = [Pointer(version), bytes(elf.bits // 8), Pointer(elf.text(name))]
        if abi >= 9:
            head.append(Pointer(elf.text(real[0])) if real else bytes(elf.bits // 8))
        flags = 1 if real and abi >= 10 else 0
        elf.data(*head, struct.pack(f"{elf.order}BBH", revision, flags, family), bytes(60))
    imports = {"match": ("xtables_register_match",), "target": ("xtables_register_targets",), "": ()}[kind]
    return elf.content(imports=imports, relr=relr).data


VARIABLES = (b"XTABLES_LIBDIR", b"IPTABLES_LIB_DIR", b"IP6TABLES_LIB_DIR")


def libxtables(directory: bytes = PLUGINS.encode(), abi: int = 12, variables: tuple[bytes, ...] = VARIABLES) -> Bytes:
    elf = Elf()
    elf.text(b"", directory, b"/proc/sys/kernel/modprobe", b"libxtables.so.%d" % abi, *variables)
    return elf.content(soname=f"libxtables.so.{abi}")


def tree(files: dict[str, bytes | str | None], library: Bytes | None = None) -> TableTree:
    content = (library or libxtables()).data
    return TableTree({"/usr/lib/libxtables.so.12": content, **files})


def find(
    files: dict[str, bytes | str | None], env: dict[str, str] | None = None, library: Bytes | None = None
) -> tuple[Extension, ...]:
    library = library or libxtables()
    root = tree(files, library)
    return search_extensions(root, ("/usr/lib/libxtables.so.12", library, parsed(library)), env or {}).extensions


def shown(extensions: tuple[Extension, ...]) -> list[str]:
    return [f"{e.family} {e.kind} {e.name} {e.revision} {e.path.removeprefix(PLUGINS + '/')}" for e in extensions]


def test_a_plug_in_gives_each_revision_to_each_family_that_it_serves() -> None:
    mark = plugin((b"mark", 0, IPV4), (b"mark", 0, IPV6), (b"mark", 1, ANY))
    assert shown(find({f"{PLUGINS}/libxt_mark.so": mark})) == [
        "any match mark 1 libxt_mark.so",
        "ipv4 match mark 0 libxt_mark.so",
        "ipv6 match mark 0 libxt_mark.so",
    ]


def test_relocations_of_plug_ins_count() -> None:
    """A file of 33 KB packs 260,000 of them."""
    library = Bytes(libxtables_with_plugins(PLUGINS))
    root = tree(dict(plugins(PLUGINS, 3)), library)
    counted: list[int] = []
    found = search_extensions(root, ("/usr/lib/libxtables.so.12", library, parsed(library)), {}, counted.append)
    assert not found.extensions and {each.reason for each in found.refused} == {
        "it doesn't register p0",
        "it doesn't register p1",
        "it doesn't register p2",
    }
    assert sum(counted) > 3 * 260_000


def test_the_family_s_own_file_comes_before_the_common_one() -> None:
    found = find(
        {
            f"{PLUGINS}/libxt_set.so": plugin((b"set", 4, ANY)),
            f"{PLUGINS}/libip6t_set.so": plugin((b"set", 1, IPV6)),
        }
    )
    assert shown(found) == [
        "arp match set 4 libxt_set.so",
        "bridge match set 4 libxt_set.so",
        "ipv4 match set 4 libxt_set.so",
        "ipv6 match set 1 libip6t_set.so",
    ]


def test_the_first_file_wins_even_if_it_doesn_t_know_the_name() -> None:
    files: dict[str, bytes | str | None] = {
        f"{PLUGINS}/libipt_set.so": plugin((b"other", 0, IPV4)),
        f"{PLUGINS}/libxt_set.so": plugin((b"set", 4, ANY)),
    }
    assert {extension.family for extension in find(files)} == {"ipv6", "arp", "bridge"}


def test_a_name_needs_both_a_file_of_its_name_and_a_struct_that_registers_it() -> None:
    nat = plugin((b"SNAT", 1, IPV4), (b"DNAT", 1, IPV4), kind="target")
    found = find(
        {
            f"{PLUGINS}/libxt_NAT.so": nat,
            f"{PLUGINS}/libxt_SNAT.so": "-> libxt_NAT.so",
            f"{PLUGINS}/libxt_MASQUERADE.so": "-> libxt_NAT.so",
        }
    )
    assert shown(found) == ["ipv4 target SNAT 1 libxt_SNAT.so"]


def test_an_alias_is_a_link_and_a_struct_with_the_real_name() -> None:
    conntrack = plugin((b"conntrack", 3, IPV4), (b"state", 1, IPV4, b"conntrack"))
    found = find({f"{PLUGINS}/libxt_conntrack.so": conntrack, f"{PLUGINS}/libxt_state.so": "-> libxt_conntrack.so"})
    assert shown(found) == ["ipv4 match conntrack 3 libxt_conntrack.so", "ipv4 match state 1 libxt_state.so"]


def test_names_that_libxtables_takes_for_others() -> None:
    found = find(
        {
            f"{PLUGINS}/libip6t_icmp6.so": plugin((b"icmp6", 0, IPV6)),
            f"{PLUGINS}/libxt_standard.so": plugin((b"standard", 0, ANY), kind="target"),
        }
    )
    assert {(extension.kind, extension.name) for extension in found} == {
        *(("match", name) for name in ("icmp6", "icmpv6", "ipv6-icmp")),
        *(("target", name) for name in ("standard", "ACCEPT", "DROP", "QUEUE", "RETURN")),
    }


MARK, SET = plugin((b"mark", 1, ANY)), plugin((b"set", 4, ANY))
NOT_MARK = "it doesn't register mark"
OLDER = "it is made for libxtables.so.11, and the program loads libxtables.so.12"
REFUSED: dict[str, tuple[dict[str, bytes | str | None], str]] = {
    "another ABI": ({"libxt_mark.so": plugin((b"mark", 1, ANY), abi=11)}, OLDER),
    "cut short": ({"libxt_mark.so": MARK[:0x3000]}, "a segment reaches beyond the end of the file"),
    "empty": ({"libxt_mark.so": b""}, "file too short"),
    "text": ({"libxt_mark.so": b"mark".ljust(100)}, "invalid ELF header"),
    "a directory": ({"libxt_mark.so": None}, "not a regular file"),
    "a link to another plug-in": ({"libxt_mark.so": "-> libxt_set.so", "libxt_set.so": SET}, NOT_MARK),
}  # fmt: skip


@pytest.mark.parametrize(("files", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_is_in_the_way_and_why(files: dict[str, bytes | str | None], reason: str) -> None:
    library = libxtables()
    root = tree({f"{PLUGINS}/{name}": value for name, value in files.items()}, library)
    search = search_extensions(root, ("/usr/lib/libxtables.so.12", library, parsed(library)), {})
    assert not [extension for extension in search.extensions if extension.name == "mark"]
    assert {(refused.name, refused.reason) for refused in search.refused} == {("mark", reason)}
    assert {refused.path for refused in search.refused} == {f"{PLUGINS}/libxt_mark.so"}
    assert {refused.family for refused in search.refused} == {"ipv4", "ipv6", "arp", "bridge"}


def test_a_plug_in_whose_bytes_were_not_kept_is_in_the_way() -> None:
    library, path = libxtables(), f"{PLUGINS}/libxt_mark.so"
    root = tree({path: MARK}, library)
    root.nodes[path] = replace(root.nodes[path], content=None)
    search = search_extensions(root, ("/usr/lib/libxtables.so.12", library, parsed(library)), {})
    assert not search.extensions
    assert {(refused.path, refused.reason) for refused in search.refused} == {(path, "can't be read")}


@pytest.mark.parametrize(("length", "found"), [(255, True), (256, False)])
def test_a_path_that_is_too_long_for_libxtables_is_not_asked_for(length: int, found: bool) -> None:
    """Its buffer is one of 256 bytes, with the NUL."""
    directory = "/" + "d" * (length - len("//libxt_mark.so"))
    told = find({f"{directory}/libxt_mark.so": MARK}, {"XTABLES_LIBDIR": directory})
    assert [len(extension.path) for extension in told] == ([length] if found else [])


def test_an_empty_name_of_a_directory_is_the_root() -> None:
    assert [one.path for one in find({"/libxt_mark.so": MARK}, {"XTABLES_LIBDIR": ""})] == ["/libxt_mark.so"]


@pytest.mark.parametrize(
    ("texts", "soname", "made_for"),
    [
        ((b"libxtables.so.11",), "libx.so", "libxtables.so.11"),
        ((), "libxtables.so.12", "libxtables.so.12"),
        ((b"libxtables.so.10", b"libxtables.so.11"), "libxtables.so.12", "libxtables.so.12"),
        ((), "", ""),
    ],
)
def test_what_libxtables_asks_plug_ins_for(texts: tuple[bytes, ...], soname: str, made_for: str) -> None:
    """The one version that it has in it, else its own name."""
    elf = Elf()
    elf.text(b"", PLUGINS.encode(), *texts)
    library = elf.content(soname=soname)
    root = tree({f"{PLUGINS}/libxt_mark.so": plugin((b"mark", 1, ANY), abi=9)}, library)
    refused = search_extensions(root, ("/l", library, parsed(library)), {}).refused
    assert {one.reason for one in refused} == {f"it is made for libxtables.so.9, and the program loads {made_for}"}


@pytest.mark.parametrize(
    ("texts", "directories"),
    [
        ((b"/a/xtables",), ("/a/xtables",)),  # the only one, whatever is there
        ((b"/a/xtables", b"/b/xtables"), ("/b/xtables",)),
        ((b"/b/xtables", b"/b/iptables-1.4"), ()),  # both have some
        ((b"/a/xtables", b"/c/xtables"), ()),  # neither has
        ((b"/opt/plugins",), ("/opt/plugins",)),
        ((b"/opt/plugins", b"/proc/x"), ("/opt/plugins",)),
        ((b"/a/xtables", b"/opt/plugins"), ("/a/xtables",)),  # one looks like the usual name
        ((), ()),
    ],
)
def test_the_directory_that_is_compiled_in_shows_by_its_name_or_its_files(
    texts: tuple[bytes, ...], directories: tuple[str, ...]
) -> None:
    files: dict[str, bytes | str | None] = {
        "/a/xtables/README": b"",
        "/b/xtables/libxt_mark.so": MARK,
        "/b/iptables-1.4/libxt_mark.so": MARK,
        "/opt/plugins/libipt_mark.so": MARK,
    }
    content = program(*texts)
    assert plugin_directories(tree(files), content, parsed(content), {}) == directories


def test_what_a_plug_in_costs_is_counted_for_each_image_that_has_it() -> None:
    """It is read once."""
    library, path = libxtables(), f"{PLUGINS}/libxt_mark.so"
    root = tree({path: MARK}, library)
    root.nodes[path] = replace(root.nodes[path], content=Known(MARK))
    costs: list[list[int]] = [[], []]
    for counted in costs:
        assert search_extensions(root, ("/l", library, parsed(library)), {}, counted.append).extensions
    assert sum(costs[0]) == sum(costs[1]) > 0


def test_a_sound_set_of_plug_ins_has_nothing_refused() -> None:
    library = libxtables()
    nat = plugin((b"SNAT", 1, IPV4), kind="target")
    root = tree({f"{PLUGINS}/libxt_NAT.so": nat, f"{PLUGINS}/libxt_SNAT.so": "-> libxt_NAT.so"}, library)
    assert search_extensions(root, ("/l", library, parsed(library)), {}).refused == ()


@pytest.mark.parametrize(
    "link",
    [{"libxt_mark.so": "-> gone.so"}, {"libxt_mark.so": "-> libxt_mark.so"}, {"libxt_.so": MARK}, {"mark.so": MARK}],
)
def test_what_is_no_file_of_that_name_is_not_found(link: dict[str, bytes | str | None]) -> None:
    assert find({f"{PLUGINS}/{name}": value for name, value in link.items()}) == ()


def test_a_dangling_link_lets_the_common_file_be_found_and_a_loop_doesn_t() -> None:
    files: dict[str, bytes | str | None] = {
        f"{PLUGINS}/libxt_mark.so": MARK,
        f"{PLUGINS}/libipt_mark.so": "-> gone.so",
        f"{PLUGINS}/libip6t_mark.so": "-> libip6t_mark.so",
    }
    assert {extension.family for extension in find(files)} == {"ipv4", "arp", "bridge"}


@pytest.mark.parametrize(
    ("env", "paths"),
    [
        ({}, [f"{PLUGINS}/libxt_mark.so"]),
        ({"XTABLES_LIBDIR": "/b"}, ["/b/libxt_mark.so"]),
        # The first directory that has the file decides, but for one that doesn't load.
        ({"XTABLES_LIBDIR": "/none:/b:/a"}, ["/a/libxt_mark.so", "/b/libxt_mark.so"]),
        ({"XTABLES_LIBDIR": "/other:/b"}, []),
        ({"XTABLES_LIBDIR": "/broken:/b"}, ["/b/libxt_mark.so"]),
        ({"XTABLES_LIBDIR": "", "IPTABLES_LIB_DIR": "/b"}, []),
        ({"XTABLES_LIBDIR": "relative"}, []),
        ({"IPTABLES_LIB_DIR": "/b", "IP6TABLES_LIB_DIR": "/a"}, ["/b/libxt_mark.so"]),
        ({"IP6TABLES_LIB_DIR": "/a"}, ["/a/libxt_mark.so"]),
    ],
)
def test_the_environment_names_the_directories(env: dict[str, str], paths: list[str]) -> None:
    found = find(
        {
            f"{PLUGINS}/libxt_mark.so": MARK,
            "/a/libxt_mark.so": MARK,
            "/b/libxt_mark.so": MARK,
            "/other/libxt_mark.so": plugin((b"other", 0, ANY)),
            "/broken/libxt_mark.so": None,
        },
        env,
    )
    assert [extension.path for extension in found] == paths


def test_a_variable_that_this_libxtables_doesn_t_ask_for_means_nothing() -> None:
    files: dict[str, bytes | str | None] = {f"{PLUGINS}/libxt_mark.so": MARK, "/a/libxt_mark.so": MARK}
    found = find(files, {"IPTABLES_LIB_DIR": "/a"}, libxtables(variables=VARIABLES[:1]))
    assert [extension.path for extension in found] == [f"{PLUGINS}/libxt_mark.so"]


@pytest.mark.parametrize(
    "directory",
    ["/usr/lib/x86_64-linux-gnu/xtables", "/usr/lib64/xtables", "/lib/xtables", "/lib64/xtables-1.4.7", "/opt/x"],
)
def test_the_directory_is_the_one_that_libxtables_has_compiled_in(directory: str) -> None:
    found = find(
        {f"{directory}/libxt_mark.so": MARK, "/elsewhere/libxt_mark.so": MARK}, library=libxtables(directory.encode())
    )
    assert [extension.path for extension in found] == [f"{directory}/libxt_mark.so"]


LAYOUTS = {
    "64-bit big-endian": partial(Elf, order=">", machine=Machine.S390),
    "64-bit ARM": partial(Elf, machine=Machine.AARCH64),
    "32-bit": partial(Elf, bits=32, machine=Machine.I386),
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_layouts_of_other_machines(layout: Callable[[], Elf]) -> None:
    data = plugin((b"set", 4, ANY), (b"rpfilter", 0, IPV6), elf=layout(), kind="")
    found = built_in_extensions("/x", Bytes(data), parsed(Bytes(data)))
    assert {(extension.name, extension.revision, extension.family) for extension in found} == {
        ("set", 4, "any"),
        ("rpfilter", 0, "ipv6"),
    }


@pytest.mark.parametrize("abi", [2, 4, 8, 9, 10, 12])
def test_layouts_of_older_libxtables(abi: int) -> None:
    """Before ABI 9 the structs had no real name, before 10 no flags."""
    data = plugin((b"set", 2, IPV4), (b"set", 2, IPV6), (b"tcp", 0, ANY), abi=abi)
    found = find({f"{PLUGINS}/libxt_set.so": data}, library=libxtables(abi=abi))
    assert shown(found) == ["ipv4 match set 2 libxt_set.so", "ipv6 match set 2 libxt_set.so"]


@pytest.mark.parametrize("relr", [False, True])
@pytest.mark.parametrize("kind", [FileType.DYN, FileType.EXEC])
def test_extensions_inside_a_program(kind: FileType, relr: bool) -> None:
    """A build without plug-ins imports nothing that would tell matches from targets: upstream's naming does."""
    elf = Elf(kind=kind)
    elf.text(b"", b"iptables", b"%s v%s\n", b"1.8.9 (legacy)")
    names = (b"set", b"SET", b"standard", b"mark_m", b"mark", b"mangle")
    families = (ANY, ANY, ANY, BRIDGE, BRIDGE, ARP)
    data = Bytes(
        plugin(*((name, 0, family) for name, family in zip(names, families, strict=True)), elf=elf, kind="", relr=relr)
    )
    found = built_in_extensions("/sbin/iptables", data, parsed(data))
    assert {(extension.kind, extension.name) for extension in found if not extension.name.isupper()} == {
        ("match", "set"), ("target", "standard"), ("match", "mark_m"), ("target", "mark"), ("target", "mangle"),
    }  # fmt: skip
    assert ("target", "SET") in {(extension.kind, extension.name) for extension in found}
    assert {(extension.path, extension.flavour) for extension in found} == {("/sbin/iptables", "legacy")}


def test_a_program_with_plug_ins_has_none_inside() -> None:
    content = libxtables()
    assert built_in_extensions("/usr/lib/libxtables.so.12", content, parsed(content)) == ()


@pytest.mark.parametrize(
    ("text", "path"),
    [(b"cannot open connlabel.conf, not registering", "/etc/xtables/connlabel.conf"), (b"connlabel", "")],
)
def test_a_plug_in_that_asks_for_a_file_of_its_own(text: bytes, path: str) -> None:
    content = program(text)
    assert file_beside(content, parsed(content)) == path


def test_damaged_plug_ins_raise_nothing() -> None:
    source = random.Random(2)
    for _ in range(300):
        data = bytearray(MARK)
        for _ in range(source.randrange(1, 12)):
            data[source.choice((source.randrange(64, 240), source.randrange(0x3000, len(data))))] = source.randrange(
                256
            )
        find({f"{PLUGINS}/libxt_mark.so": bytes(data[: source.choice((len(data), source.randrange(len(data))))])})
