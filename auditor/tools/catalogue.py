"""Which tool each program name belongs to, by the names that the projects install."""

import re

#: The documented tools, in the order of the document.
TOOLS: tuple[str, ...] = ("iptables", "ip6tables", "ipset", "iputils", "iproute2", "conntrack-tools")

_XTABLES_NAME = re.compile(
    r"(iptables|ip6tables)(-nft|-legacy|-compat)?(-save|-restore|-translate|-restore-translate|-xml|-apply|-multi"
    r"|-static)?",
    re.ASCII,
)
# Multi-call binaries and the monitor serve both families.
_XTABLES_BOTH = frozenset(
    ("xtables-multi", "xtables-legacy-multi", "xtables-nft-multi", "xtables-compat-multi", "xtables-monitor")
)
# The first name of each is the one that stands for the tool.
_PROGRAMS: dict[str, tuple[str, ...]] = {
    "ipset": ("ipset", "ipset-translate"),
    "iputils": (
        "ping", "ping4", "ping6", "arping", "tracepath", "tracepath4", "tracepath6", "clockdiff", "rdisc", "ninfod",
    ),
    "iproute2": (
        "ip", "tc", "ss", "bridge", "arpd", "ctstat", "dcb", "devlink", "dpll", "genl", "ifcfg", "ifstat", "lnstat",
        "netshaper", "nstat", "rdma", "routef", "routel", "rtacct", "rtmon", "rtpr", "rtstat", "tipc", "vdpa",
    ),
    "conntrack-tools": ("conntrack", "conntrackd", "nfct"),
}  # fmt: skip
_TOOL_OF = {program: tool for tool, programs in _PROGRAMS.items() for program in programs}


def tools_of(name: str) -> tuple[str, ...]:
    """The tools that a program of this file name belongs to; empty for any other name."""
    if name in _XTABLES_BOTH:
        return ("iptables", "ip6tables")
    xtables = _XTABLES_NAME.fullmatch(name)
    if xtables:
        return (xtables[1],)
    tool = _TOOL_OF.get(name)
    return () if tool is None else (tool,)


def order(tool: str, name: str) -> tuple[int, str]:
    """A sort key of a tool's program names: the name that stands for the tool first, then by name.

    After the plain names of iptables come the flavoured ones, and the multi-call binaries last.
    """
    programs = _PROGRAMS.get(tool)
    if programs is not None:
        return (programs.index(name) if name in programs else len(programs), name)
    if name == tool:
        return (0, name)
    if name in _XTABLES_BOTH:
        return (4, name)
    flavoured = re.search(r"-(nft|legacy|compat)", name)
    return (2 if flavoured else 1, name)
