"""What a tool's own bytes say."""

from msgspec import Struct


class Evidence(Struct, frozen=True):
    """Where a fact was seen. `kind` is `elf-string`, `library-string`, `package`, `applet`, `script`, …"""

    kind: str
    value: str
    path: str


class Signs(Struct, frozen=True):
    """What a program's bytes show of its project, whatever the program's name.

    `versions` is every string that could be the version; whoever asks decides what several of them mean.
    """

    versions: tuple[str, ...] = ()
    flavour: str | None = None  # of iptables
    programs: frozenset[str] = frozenset()  # what the banner calls the program; empty where it doesn't tell
    library: str = ""  # glob of the soname that holds the version instead
    words: str = ""  # by which the project was told


class Identity(Struct, frozen=True):
    """What a program is: a tool's real program, a busybox applet, a script, or something else.

    `version` is the upstream version as the tool prints it, None where the bytes give none; `reason`
    then says why (`script`, `applet`, `no version string`, `ambiguous: 1.1.0, 6.1.0`).
    """

    tool: str  # as specs name it, or "busybox"; "" where unknown
    version: str | None
    flavour: str | None  # "legacy", "nf_tables"
    evidence: tuple[Evidence, ...] = ()
    reason: str = ""


class Extension(Struct, frozen=True):
    """One name that an xtables plug-in registers.

    `kind` is `match` or `target`; `family` is `ipv4`, `ipv6`, `arp`, `bridge` or `any`.
    """

    flavour: str  # "" where the plug-in serves every flavour
    family: str
    kind: str
    name: str
    revision: int
    path: str  # of the plug-in as iptables looks it up: directory and file name


class SetType(Struct, frozen=True):
    """One ipset set type at one revision, with what libipset knows of it."""

    name: str
    revision: int
    family: int  # 0 any, 2 IPv4, 10 IPv6, 255 both
    dimension: int
