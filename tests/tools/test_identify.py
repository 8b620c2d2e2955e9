"""Programs are known by their bytes. The old forms are small files with the strings that such builds hold."""

import random
import re
from dataclasses import dataclass

import pytest
from msgspec.structs import replace

from auditor.elf.read.file import FileType, read_elf
from auditor.filetree import Content
from auditor.machine import Machine
from auditor.tools import identify as identify_module
from auditor.tools.identify import identify, identify_by_pattern, read_signs
from auditor.tools.loaded import load
from auditor.tools.model import Identity
from fixtures.contents import Bytes
from tests.tools.elves import Elf, Known, Pointer, parsed, program

XTABLES = (b"iptables", b"iptables-save", b"iptables-restore", b"%s v%s\n")
LEGACY = ("libip4tc.so.2", "libip6tc.so.2", "libxtables.so.12", "libc.so.6")
NFT = ("libmnl.so.0", "libnftnl.so.11", "libxtables.so.12", "libc.so.6")


def none(_: str) -> tuple[str, Content] | None:
    return None


def told(name: str, content: Bytes) -> Identity:
    return identify(name, f"/usr/sbin/{name}", content, read_elf(content), none)


@dataclass(frozen=True)
class Case:
    """A program's name, its strings (parted by `|`), what it links, and what it must be told to be."""

    name: str
    strings: str
    tool: str
    version: str | None
    flavour: str | None = None
    needed: tuple[str, ...] = ()

    @property
    def content(self) -> Bytes:
        return program(*self.strings.encode().split(b"|"), needed=self.needed)


X = "iptables|iptables-save|iptables-restore|%s v%s\n"
OLD_4, OLD_6 = ("libip4tc.so.0", "libxtables.so.11"), ("libip6tc.so.0", "libxtables.so.10")
IPSET = "ipset|%s v%s, protocol version: %u\n"
IPUTILS = "iputils|%s from %s %s\n"
VERSIONS = [
    Case("iptables", f"{X}|1.8.11|1.8.11 (nf_tables)", "iptables", "1.8.11", "nf_tables", NFT),
    Case("iptables-legacy", f"{X}|1.8.9|1.8.9 (legacy)", "iptables", "1.8.9", "legacy", LEGACY),
    Case("iptables-nft-save", f"{X}|1.8.7|%s v%s (nf_tables)\n", "iptables", "1.8.7", "nf_tables", NFT),
    Case("ip6tables", f"{X}|1.8.2|%s v%s (legacy): ", "ip6tables", "1.8.2", "legacy", LEGACY),
    Case("iptables-compat", "iptables-compat|%s v%s\n|1.6.1", "iptables", "1.6.1", "nf_tables", NFT),
    Case("xtables-multi", f"{X}|1.6.0", "iptables", "1.6.0", "legacy", OLD_4),
    Case("iptables", f"{X}|1.4.7", "iptables", "1.4.7", "legacy", ("libiptc.so.0", "libxtables.so.4")),
    Case("ip6tables-save", f"{X}|1.4.19.1|127.0.0.1|0.0.0.0", "ip6tables", "1.4.19.1", "legacy", OLD_6),
    Case("iptables", f"{X}|1.4.21|iptables who? (do you need to insmod?)", "iptables", "1.4.21", "legacy"),
    Case("ipset", f"{IPSET}|7.17", "ipset", "7.17"),
    Case("ipset", f"{IPSET}|6.38", "ipset", "6.38", needed=("libipset.so.11",)),
    Case("ipset", f"{IPSET}|6.11", "ipset", "6.11", needed=("libipset.so.2",)),
    Case("ping", f"{IPUTILS}|20221126", "iputils", "20221126"),
    Case("ping4", f"{IPUTILS}|s20190709", "iputils", "s20190709"),
    Case("ping", f"{IPUTILS}|20250605-12-g0123abc", "iputils", "20250605-12-g0123abc"),
    Case("ping6", "ping utility, iputils-%s\n|s20161105", "iputils", "s20161105"),
    Case("arping", "arping utility, iputils-s20180629\n", "iputils", "s20180629"),
    Case("ping", "ping utility, iputils-ss%s\n|020927|999999", "iputils", "ss020927"),
    Case("ip", "ip utility, iproute2-%s|, libbpf %s|6.1.0|1.1.0", "iproute2", "6.1.0"),
    Case("tc", "tc utility, iproute2-%s|10.0.0|0.1", "iproute2", "10.0.0"),
    Case("ss", "ss utility, iproute2-%s\n|v6.1.0-12-gabcdef0", "iproute2", "6.1.0-12-gabcdef0"),
    Case("ip", "ip utility, iproute2-ss%s\n|150210|999999", "iproute2", "ss150210"),
    Case("rdma", "%s utility, iproute2-%s\n|5.9.0", "iproute2", "5.9.0"),
    Case("bridge", "bridge utility, %s\n|5.9.0", "iproute2", "5.9.0"),
    Case("bridge", "bridge utility, 0.0\n", "iproute2", None),
    Case("ctstat", "Your kernel doesn't have lnstat support. ", "iproute2", None),
    Case("conntrack", "%s v%s (conntrack-tools)\n|1.4.7", "conntrack-tools", "1.4.7"),
    Case("conntrack", "%s v1.4.2 (conntrack-tools)\n|1.4.9", "conntrack-tools", "1.4.2"),
    Case("nfct", "nfct v1.4.5: ", "conntrack-tools", "1.4.5"),
    Case("conntrackd", "Connection tracking userspace daemon v%s. |1.4.1", "conntrack-tools", "1.4.1"),
    Case("nfct", "nfct v%s: |1.4.8", "conntrack-tools", "1.4.8"),
]


@pytest.mark.parametrize("case", VERSIONS, ids=lambda case: f"{case.name} {case.version}")
def test_version_and_flavour(case: Case) -> None:
    identity = told(case.name, case.content)
    assert (identity.tool, identity.version, identity.flavour) == (case.tool, case.version, case.flavour)
    assert identity.reason == ("" if identity.version else "no version string")
    assert [evidence.value for evidence in identity.evidence] == ([identity.version] if identity.version else [])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (program(*XTABLES, b"1.8.9", needed=LEGACY), "iptables"),
        (program(b"ping utility, iputils-%s\n", b"s20161105"), "ping utility, iputils-%s\n"),
        (program(b"iputils", b"%s from %s %s\n"), "%s from %s %s"),
        (program(b"ip utility, iproute2-%s", b"6.1.0"), "ip utility, iproute2-%s"),
        (program(b"Your kernel doesn't have lnstat support. "), "lnstat"),
        (program(b"%s v1.4.2 (conntrack-tools)\n"), "%s v1.4.2 (conntrack-tools)"),
        (program(b"ipset", b"%s v%s, protocol version: %u\n"), "ipset"),
        (Elf().content(needed=("libipset.so.13",), imports=("ipset_parse_argv",)), "ipset_parse_argv"),
        (program(b"nftables", b"%s v%s (%s)\n", b"1.0.6"), "nftables"),
        (program(b"BusyBox v1.36.1 (x)", b"busybox"), "BusyBox v1.36.1"),
        (program(b"toybox 0.8.11 multicall binary"), "Toybox multicall binary"),
    ],
)
def test_the_words_by_which_a_program_is_known(content: Bytes, words: str) -> None:
    found = read_signs(load(content, parsed(content)))
    assert found is not None
    assert found[1].words == words


@pytest.mark.parametrize(
    ("day", "version"),
    [
        (b"160101", "ss160101"),
        (b"161231", "ss161231"),
        (b"160001", None),
        (b"161301", None),
        (b"160100", None),
        (b"160132", None),
    ],
)
@pytest.mark.parametrize(("name", "project"), [("ping", b"iputils-ss%s\n"), ("ip", b"iproute2-ss%s")])
def test_a_snapshot_is_a_day(name: str, project: bytes, day: bytes, version: str | None) -> None:
    assert told(name, program(name.encode() + b" utility, " + project, day)).version == version


@pytest.mark.parametrize(
    ("strings", "needed", "flavour"),
    [
        (b"", ("libxtables.so.12", "libip4tc.so.2"), "legacy"),
        (b"", ("libxtables.so.12", "libip6tc.so.2"), "legacy"),
        (b"", ("libxtables.so.12", "libnftnl.so.11"), "nf_tables"),
        (b"", ("libxtables.so.12", "libnftnl.so.11", "libip4tc.so.2"), None),  # of both
        (b"iptables who? (do you need to insmod?)", (), "legacy"),
    ],
)
def test_the_flavour_of_a_build_that_does_not_say(strings: bytes, needed: tuple[str, ...], flavour: str | None) -> None:
    identity = told("iptables", program(*XTABLES, b"1.6.0", strings, needed=needed))
    assert (identity.tool, identity.flavour) == ("iptables", flavour)


@pytest.mark.parametrize(
    ("strings", "needed"),
    [
        ((*XTABLES,), ("libxtables.so.12",)),
        ((*XTABLES[:3], b"iptables who? (do you need to insmod?)"), ()),  # which prints no version
        ((*XTABLES, b"iptables who? (do you need to insmod?)"), ("libxtables.so.12",)),
        ((b"tables", b"%s v%s\n", b"1.8.9 (legacy)"), ()),
        ((b"BusyBox v1.36.1 (x)",), ()),
        ((b"BusyBox vX", b"busybox"), ()),
        ((b"%s v%s (%s)\n", b"1.0.6"), ()),
        ((b"nftables", b"1.0.6"), ()),
        ((b"ipset", b"%s v%s"), ()),
        ((b"%s v%s, protocol version: %u\n", b"7.17"), ()),
        ((b"", b"ipset_parse_argv"), ()),
        ((b"",), ("libipset.so.13",)),
        ((b"iputils", b"20221126"), ()),
        ((b"%s from %s %s\n",), ()),
        ((b"mine utility, mine-%s",), ()),
    ],
)
def test_words_that_alone_are_no_sign(strings: tuple[bytes, ...], needed: tuple[str, ...]) -> None:
    content = program(*strings, needed=needed)
    assert read_signs(load(content, parsed(content))) is None


@pytest.mark.parametrize("kept", [1, 2, 3])
def test_what_is_remembered_of_programs_has_an_end(kept: int, monkeypatch: pytest.MonkeyPatch) -> None:
    remembered: dict[bytes, object] = {}
    monkeypatch.setattr(identify_module, "_kept", remembered)
    monkeypatch.setattr(identify_module, "_KEPT", kept)
    for number in range(5):
        for _ in range(2):
            assert told("ip", program(b"ip utility, iproute2-%s", b"6.%d.0" % number)).version == f"6.{number}.0"
            assert 0 < len(remembered) <= kept


def test_what_is_remembered_of_a_file_is_not_told_of_another_reading_of_it() -> None:
    """Of the same bytes, of which other segments are loaded."""
    content = Known(program(b"ip utility, iproute2-%s", b"6.1.0").data)
    whole = parsed(Bytes(content.data))
    assert identify("ip", "/sbin/ip", content, whole, none).version == "6.1.0"
    for elf, version in ((replace(whole, segments=()), None), (whole, "6.1.0")):
        assert identify("ip", "/sbin/ip", content, elf, none).version == version


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("iptables", program(*XTABLES, b"1.8.7", b"1.8.8", needed=LEGACY), "ambiguous: 1.8.7, 1.8.8"),
        ("ip", program(b"ip utility, iproute2-%s", b"6.1.0", b"5.9.0"), "ambiguous: 5.9.0, 6.1.0"),
        ("ping", program(b"iputils", b"%s from %s %s\n", b"20221126", b"20210202"), "ambiguous: 20210202, 20221126"),
        ("ping", program(b"iputils", b"%s from %s %s\n"), "no version string"),
        ("conntrack", program(b"%s v%s (conntrack-tools)\n", b"for 1.4.7"), "no version string"),
        ("ip", program(b"ip utility, iproute2-%s", b"1.1.0"), "no version string"),
    ],
)
def test_no_version_rather_than_a_guess(name: str, content: Bytes, reason: str) -> None:
    identity = told(name, content)
    assert identity.tool
    assert (identity.version, identity.reason) == (None, reason)


@pytest.mark.parametrize("kind", [FileType.DYN, FileType.EXEC])
@pytest.mark.parametrize(("bits", "machine"), [(64, Machine.X86_64), (32, Machine.I386)])
def test_of_several_versions_iptables_is_the_one_that_its_globals_point_to(
    bits: int, machine: Machine, kind: FileType
) -> None:
    elf = Elf(bits=bits, machine=machine, kind=kind)
    elf.text(b"", *XTABLES, b"1.9.1")
    elf.data(bytes(8), Pointer(0), Pointer(elf.text(b"1.8.4")))
    assert told("iptables", elf.content(needed=LEGACY)).version == "1.8.4"


def test_of_several_versions_ipset_is_the_one_that_is_a_variable() -> None:
    elf = Elf()
    elf.text(b"", b"ipset", b"%s v%s, protocol version: %u\n", b"2.36")
    elf.data(b"7.17\0")
    assert told("ipset", elf.content()).version == "7.17"


def test_a_version_may_follow_other_data() -> None:
    elf = Elf()
    elf.text(b"", b"ip utility, iproute2-%s")
    elf.raw(b"\xff\x01\x02")
    elf.text(b"6.1.0")
    assert told("ip", elf.content()).version == "6.1.0"


def ipset_program() -> Bytes:
    return Elf().content(needed=("libipset.so.13",), imports=("ipset_parse_argv",))


@pytest.mark.parametrize(
    ("library", "version", "reason"),
    [
        (program(b"ipset", b"%s v%s, protocol version: %u\n", b"7.10"), "7.10", ""),
        (program(b"7.10"), None, "no version string"),
        (Bytes(b"not an ELF file"), None, "no version string"),
        (None, None, "no version string: no libipset.so.* is loaded"),
    ],
)
def test_ipset_has_its_version_from_the_library_that_it_loads(
    library: Bytes | None, version: str | None, reason: str
) -> None:
    content = ipset_program()
    asked: list[str] = []

    def find(pattern: str) -> tuple[str, Content] | None:
        asked.append(pattern)
        return None if library is None else ("/usr/lib/libipset.so.13.1.0", library)

    identity = identify("ipset", "/usr/sbin/ipset", content, read_elf(content), find)
    assert (identity.tool, identity.version, identity.reason) == ("ipset", version, reason)
    assert asked == ["libipset.so.*"]
    assert [(evidence.kind, evidence.path) for evidence in identity.evidence] == (
        [("library-string", "/usr/lib/libipset.so.13.1.0")] if version else []
    )


@pytest.mark.parametrize("name", ["ping", "ip", "iptables", "conntrack"])
@pytest.mark.parametrize(
    ("content", "version"),
    [
        (program(b"BusyBox v1.36.1 (2023-07-27 17:12:24 UTC)", b" multi-call binary.\n", b"ip"), "1.36.1"),
        # It has the tools' own words inside.
        (program(b"BusyBox v1.30.1 (x)", b"busybox", b"iputils", b"%s from %s %s\n", b"20221126"), "1.30.1"),
        (program(b"Toybox %s multicall binary%s\n\n"), None),
        (program(b"toybox 0.8.11 multicall binary"), "0.8.11"),
    ],
)
def test_a_busybox_or_toybox_is_not_the_tool(name: str, content: Bytes, version: str | None) -> None:
    identity = told(name, content)
    assert (identity.tool, identity.version, identity.flavour, identity.reason) == ("busybox", version, None, "applet")


def test_a_script_is_a_script_whatever_it_says() -> None:
    identity = told("iptables", Bytes(b"#!/bin/sh\n# iptables 1.8.9 (legacy)\nexec iptables-legacy"))
    assert (identity.tool, identity.version, identity.flavour, identity.reason) == ("", None, None, "script")


PING = program(b"iputils", b"%s from %s %s\n", b"20221126")
TC = program(b"tc utility, iproute2-%s\n", b"6.1.0")
OLD_PING = program(b"iputils", b"ping utility, iputils-%s\n", b"s20161105")
OTHERS: dict[str, tuple[str, Bytes, str]] = {
    "empty": ("ip", Bytes(b""), "other: file too short"),
    "text": ("ip", Bytes(b"ip utility, iproute2-6.1.0 ".ljust(80)), "other: invalid ELF header"),
    "another program": ("ping", program(b"ping (GNU inetutils) 2.4"), "other: not a program of a known tool"),
    "words alone": ("iptables", program(b"iptables", b"1.8.9"), "other: not a program of a known tool"),
    "no word of what it asks the kernel": (
        "iptables",
        program(*XTABLES, b"1.8.9"),
        "other: not a program of a known tool",
    ),
    "nft": ("iptables", program(b"%s v%s (%s)\n", b"1.0.6", needed=NFT), "other: not a program of a known tool"),
    "another tool": ("iptables", PING, "other: a program of iputils"),
    "another program of the tool": ("ip", TC, "other: tc of iproute2"),
    "another program by its banner alone": ("arping", OLD_PING, "other: ping of iputils"),
}  # fmt: skip


@pytest.mark.parametrize(("name", "content", "reason"), OTHERS.values(), ids=OTHERS)
def test_what_is_no_program_of_the_tool(name: str, content: Bytes, reason: str) -> None:
    identity = told(name, content)
    assert (identity.tool, identity.version, identity.reason) == ("", None, reason)


def test_one_file_answers_to_each_of_its_names() -> None:
    content = program(*XTABLES, b"1.8.9", b"1.8.9 (nf_tables)", needed=NFT)
    names = ("iptables", "ip6tables-save", "ipset", "anything")
    assert [(told(name, content).tool, told(name, content).reason) for name in names] == [
        ("iptables", ""),
        ("ip6tables", ""),
        ("", "other: a program of iptables"),
        ("iptables", ""),  # nobody's name: the first tool of the project
    ]


class Huge:
    """A file of a gibibyte that counts what is read of it."""

    def __init__(self, head: bytes) -> None:
        self.head = head
        self.bytes_read = 0

    @property
    def size(self) -> int:
        return 1 << 30

    def read(self, offset: int = 0, length: int = -1) -> bytes:
        length = self.size - offset if length < 0 else min(length, self.size - offset)
        self.bytes_read += length
        assert self.bytes_read < 1 << 26
        return self.head[offset : offset + length].ljust(length, b"\0")


def test_a_file_too_large_to_be_a_tool_is_not_read() -> None:
    head = bytearray(PING.data)
    head[64 + 32 : 64 + 40] = head[64 + 40 : 64 + 48] = (900 << 20).to_bytes(8, "little")  # of the first segment
    content = Huge(bytes(head))
    identity = identify("ping", "/bin/ping", content, read_elf(content), none)
    assert identity.reason == "other: too large for a program of a known tool"


BUSYBOX = program(b"BusyBox v1.36.1 (2023-07-27 17:12:24 UTC)", b" multi-call binary.\n", b"mine 2.1")


@pytest.mark.parametrize(
    ("content", "tool", "version", "reason"),
    [
        (program(b"mine 2.1", b"other 9.9"), "mine", "2.1", ""),
        (program(b"mine 2.1", b"mine 2.1 too"), "mine", "2.1", ""),
        (program(b"mine 2.1", b"mine 2.2"), "mine", None, "ambiguous: 2.1, 2.2"),
        (program(b"mine"), "mine", None, "no version string"),
        (Bytes(program(b"mine 2.1").data + b"mine 9.9\0"), "mine", "2.1", ""),  # behind all that is loaded
        (BUSYBOX, "busybox", "1.36.1", "applet"),
        (Bytes(b"#!/bin/sh\necho mine 2.1\n"), "", None, "script"),
        (Bytes(b""), "", None, "other: file too short"),
        (PING, "mine", None, "no version string"),
    ],
)
def test_a_tool_whose_version_a_spec_describes(content: Bytes, tool: str, version: str | None, reason: str) -> None:
    pattern = re.compile(rb"mine ([\d.]+)")
    identity = identify_by_pattern("mine", pattern, "/bin/mine", content, read_elf(content))
    assert (identity.tool, identity.version, identity.reason) == (tool, version, reason)


def test_damaged_files_raise_nothing() -> None:
    source = random.Random(1)
    for sound, name in ((PING, "ping"), (TC, "tc"), (ipset_program(), "ipset")):
        for _ in range(200):
            data = bytearray(sound.data)
            for _ in range(source.randrange(1, 12)):
                data[source.choice((source.randrange(64, 240), source.randrange(len(data))))] = source.randrange(256)
            told(name, Bytes(bytes(data[: source.choice((len(data), source.randrange(len(data))))])))
