"""Small inventories for tests: a sound image, and ways to break it."""

from msgspec.structs import replace

from auditor.image.model import Layer, Platform
from auditor.inventory.model import (
    Binary,
    ClosureEntry,
    Executable,
    Inventory,
    LibraryFile,
    LoadableExtension,
    RuntimeConfig,
    Tool,
    Whereabouts,
)
from auditor.rules import ImageContext, Options
from auditor.spec import load_spec
from auditor.tools.model import SetType

LIBRARIES = {
    "iptables": ("libc.so.6", "libnftnl.so.11", "libmnl.so.0"),
    "ip6tables": ("libc.so.6", "libnftnl.so.11", "libmnl.so.0"),
    "ipset": ("libc.so.6", "libipset.so.13"),
    "iputils": ("libc.so.6", "libcap.so.2", "libidn2.so.0"),
    "iproute2": ("libc.so.6", "libelf.so.1"),
    "conntrack-tools": ("libc.so.6", "libnetfilter_conntrack.so.3", "libnfnetlink.so.0", "libmnl.so.0"),
}
NAMES = {
    "iptables": ("iptables", "iptables-save", "iptables-restore"),
    "ip6tables": ("ip6tables", "ip6tables-save", "ip6tables-restore"),
    "ipset": ("ipset",),
    "iputils": ("ping",),
    "iproute2": ("ip",),
    "conntrack-tools": ("conntrack",),
}
VERSIONS = {
    "iptables": "1.8.9",
    "ip6tables": "1.8.9",
    "ipset": "7.17",
    "iputils": "20221126",
    "iproute2": "6.1.0",
    "conntrack-tools": "1.4.7",
}
MATCHES = (
    *("mark", "addrtype", "multiport", "set", "rpfilter", "comment", "limit", "connlimit", "ipvs"),
    *("conntrack", "tcp", "udp", "icmp", "icmp6"),
)
TARGETS = ("MARK", "SET", "REJECT", "CONNMARK", "NFLOG", "LOG", "DNAT", "SNAT", "MASQUERADE", "NOTRACK", "DSCP")
LAYERS = (
    Layer(0, None, "sha256:0", "", 1, "ADD rootfs.tar /"),
    Layer(1, None, "sha256:1", "", 1, "RUN rm -f /usr/sbin/thing"),
)


def binary(tool: str, name: str, flavour: str | None = None, resolved_path: str = "") -> Binary:
    """A sound program of a tool."""
    closure = tuple(
        ClosureEntry(soname, f"/usr/lib/{soname}", "ld.so.cache", 0, "unowned") for soname in LIBRARIES[tool]
    )
    return Binary(
        name=name,
        path=f"/usr/sbin/{name}",
        resolved_path=resolved_path or f"/usr/sbin/{name}",
        kind="program",
        version=VERSIONS[tool],
        flavour=flavour,
        architecture="amd64",
        interpreter="/lib64/ld-linux-x86-64.so.2",
        layer=0,
        package=tool,
        setuid=False,
        capabilities=(),
        closure=closure,
    )


def tool(name: str) -> Tool:
    """A sound tool; iptables and ip6tables in both flavours."""
    if "tables" not in name:
        return Tool(name, VERSIONS[name], (), tuple(binary(name, entry) for entry in NAMES[name]))
    binaries = [
        binary(name, entry.replace("tables", f"tables{word}", 1), flavour, f"/usr/sbin/xtables-{multi}-multi")
        for word, flavour, multi in (
            ("", "nf_tables", "nft"),
            ("-nft", "nf_tables", "nft"),
            ("-legacy", "legacy", "legacy"),
        )
        for entry in NAMES[name]
    ]
    return Tool(name, VERSIONS[name], (), tuple(binaries))


def sound() -> Inventory:
    """An inventory without a fault."""
    tools = tuple(tool(name) for name in NAMES)
    return Inventory(
        platform=Platform("linux", "amd64"),
        config=RuntimeConfig(cmd=("start_runit",)),
        path=("/usr/local/sbin", "/usr/sbin", "/usr/bin"),
        tools=tools,
        executables=tuple(
            Executable(entry.path, entry.resolved_path, "dynamic", 0, entry.package)
            for one in tools
            for entry in one.binaries
        ),
        extensions=tuple(
            LoadableExtension("", "any", kind, name, f"/usr/lib/xtables/libxt_{name}.so", 0, True)
            for kind, names in (("match", MATCHES), ("target", TARGETS))
            for name in names
        ),
        set_types=(SetType("hash:ip", 6, 255, 1),),
        link_types=("ipip",),
        libraries=(LibraryFile("libcrypto.so.3", "/usr/lib/libcrypto.so.3"),),
    )


def with_tool(inventory: Inventory, changed: Tool) -> Inventory:
    """The inventory with one tool exchanged; names of it that are gone were looked for, as all are that a spec asks."""
    tools = tuple(changed if entry.name == changed.name else entry for entry in inventory.tools)
    before = (one.name for entry in inventory.tools if entry.name == changed.name for one in entry.binaries)
    gone = {*before} - {binary.name for binary in changed.binaries}
    return replace(
        inventory, tools=tools, whereabouts=(*inventory.whereabouts, *(Whereabouts(name) for name in sorted(gone)))
    )


def context(
    inventory: Inventory, spec: str = "calico-system-requirements", options: Options | None = None
) -> ImageContext:
    """That inventory under a spec."""
    return ImageContext(load_spec(spec), options or Options(), inventory, LAYERS)
