"""Which names belong to which tool, and which name stands for it."""

import pytest

from auditor.tools.catalogue import order, project_of, tools_of

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
