"""Which names belong to which tool, and which name stands for it."""

import pytest

from auditor.tools.catalogue import (
    compare_versions,
    is_built_from,
    is_picked_at_run_time,
    order,
    project_of,
    tools_of,
    variants_of,
)

NAMES = {
    "iptables": ("iptables",),
    "iptables-save": ("iptables",),
    "iptables-nft-restore": ("iptables",),
    "iptables-restore-translate": ("iptables",),
    "iptables-legacy-restore": ("iptables",),
    "iptables-apply": ("iptables",),
    "iptables-xml": ("iptables",),
    "ip6tables": ("ip6tables",),
    "ip6tables-nft-save": ("ip6tables",),
    "ip6tables-translate": ("ip6tables",),
    "xtables-legacy-multi": ("iptables", "ip6tables"),
    "xtables-nft-multi": ("iptables", "ip6tables"),
    "xtables-multi": ("iptables", "ip6tables"),
    "xtables-monitor": ("iptables", "ip6tables"),
    "ipset": ("ipset",),
    "ipset-translate": ("ipset",),
    "ping": ("iputils",),
    "ping6": ("iputils",),
    "tracepath": ("iputils",),
    "clockdiff": ("iputils",),
    "ip": ("iproute2",),
    "tc": ("iproute2",),
    "bridge": ("iproute2",),
    "conntrack": ("conntrack-tools",),
    "nfct": ("conntrack-tools",),
    "arptables": (),
    "ebtables-nft": (),
    "iptables.so": (),
    "iptablesx": (),
    "calico-node": (),
    "": (),
    "ip\n": (),
}


@pytest.mark.parametrize(("name", "tools"), NAMES.items())
def test_tools_of_a_name(name: str, tools: tuple[str, ...]) -> None:
    assert tools_of(name) == tools


@pytest.mark.parametrize(
    ("tool", "names"),
    [
        (
            "iptables",
            ["iptables", "iptables-restore", "iptables-save", "iptables-legacy", "iptables-nft", "xtables-nft-multi"],
        ),
        ("ip6tables", ["ip6tables", "ip6tables-save", "ip6tables-nft-save", "xtables-legacy-multi"]),
        ("iputils", ["ping", "ping6", "arping", "tracepath"]),
        ("iproute2", ["ip", "tc", "ss", "bridge", "arpd"]),
        ("conntrack-tools", ["conntrack", "conntrackd", "nfct"]),
    ],
)
def test_the_name_that_stands_for_the_tool_comes_first(tool: str, names: list[str]) -> None:
    assert project_of(tool) is not None
    assert sorted(sorted(names), key=lambda name: order(tool, name)) == names


def test_a_tool_that_nobody_knows_is_its_name_and_a_dotted_version() -> None:
    assert project_of("mine") is None
    assert sorted(("a", "mine", "z"), key=lambda name: order("mine", name)) == ["mine", "a", "z"]
    assert variants_of("mine") == ()
    assert compare_versions("mine", "1.9", "1.10") == -1
    assert compare_versions("mine", "20221126", "1.10") is None


def test_programs_that_are_looked_for_beside_those_of_a_spec() -> None:
    assert {"iptables-nft", "ip6tables-legacy-save"} <= {*variants_of("iptables")}
    assert variants_of("ipset") == ()


def test_a_program_that_is_not_known_of_a_tool_comes_last() -> None:
    assert sorted(("a", "conntrack", "nfct"), key=lambda name: order("conntrack-tools", name)) == [
        "conntrack",
        "nfct",
        "a",
    ]


@pytest.mark.parametrize(
    ("tool", "picked"), [("iptables", True), ("ip6tables", True), ("ipset", False), ("nobody-knows-it", False)]
)
def test_which_tools_are_picked_when_they_are_started(tool: str, picked: bool) -> None:
    assert is_picked_at_run_time(tool) is picked


@pytest.mark.parametrize(
    ("tool", "source", "built"),
    [
        ("iptables", "iptables", True),
        ("iproute2", "iproute", True),
        ("iptables", "busybox", False),
        ("nobody-knows-it", "busybox", True),
    ],
)
def test_which_source_package_a_tool_comes_from(tool: str, source: str, built: bool) -> None:
    assert is_built_from(tool, source) is built
