"""What each rule says, whole: of every small case the findings in `told.txt`, which was read line by line.

Where a rule says something else on purpose, `python -m tests.rules.test_told` writes it anew; the difference is to be
read.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path

import pytest
from msgspec.structs import replace

from auditor.elf.model import LoadFault, NoticeKind
from auditor.family import Family
from auditor.finding import Finding
from auditor.image.model import Platform
from auditor.inventory.model import (
    CpuFloor,
    Drift,
    FileFact,
    InstalledPackage,
    Inventory,
    KernelFloor,
    LibraryFile,
    MissingFiles,
    ModprobePlace,
    Notice,
    Place,
    PluginDirectory,
    PluginFile,
    Problem,
    StartProblem,
    StartUnknown,
    Tool,
    Unusable,
    Whereabouts,
)
from auditor.kernel.model import Kernel, ModuleAnswer, Presence
from auditor.report.kernel.model import KernelReport
from auditor.rules import ImageContext, Options, Subject, run_rules
from auditor.rules.image.rows import judge_rows
from auditor.rules.index.context import IndexContext
from auditor.tools.model import SetType
from tests.inventories import LAYERS, binary, context, sound, tool, with_tool
from tests.kernel_command.made import audited, image, kernel, kmod, loader, version
from tests.rules.test_modes import audited as by_current
from tests.rules.test_modes import kernel as current
from tests.rules.test_rules import CASES, Change, lacking, with_binary, with_problem, with_whereabouts, without
from tests.specs import own_row, own_spec
from tests.told import keep, kept

TOLD = Path(__file__).with_name("told.txt")
PLUGINS = own_spec(
    own_row(
        "plugin.all",
        "Its plug-ins.",
        tools=["ipset"],
        directory="/p",
        plugins=["a.so", "b*.so", "gone.so", "never.so"],
    ),
    own_row(
        "config.all",
        "Its config.",
        user="app",
        entrypoint=["/run"],
        ports=["80/tcp"],
        labels={"maker": "us*", "other": "x"},
        env={"MODE": "fast"},
    ),
    own_row("config.anybody", "Anybody but root.", non_root=True),
    ipset="ipset",
)
OF_ONE_FLAVOUR = own_spec(
    own_row("variant.new", "A new one.", tools=["iptables"], flavour="legacy", minimum="1.8.10"),
    own_row("variant.any", "Any.", tools=["iptables"], flavour="nf_tables"),
    iptables="iptables",
)
DIGEST = f"sha256:{'a' * 64}"
FILES_AND_PACKAGES = own_spec(
    own_row("file.whole", "A file.", path="/etc/whole", owner="app:users", mode="0640", not_empty=True, digest=DIGEST),
    own_row("file.other", "Another.", path="/etc/other", digest=DIGEST),
    own_row("file.third", "One that nobody looked for.", path="/etc/third"),
    own_row(
        "package.ssl",
        "TLS.",
        packages={"deb": "libssl3|libssl3t64", "rpm": "openssl-libs"},
        minimum="3.0.11",
    ),
    own_row("package.tz", "Zones.", packages={"deb": "tzdata"}, minimum="1:2024a"),
    own_row("package.apk", "Only of apk.", packages={"apk": "musl"}),
)


def with_plugins(inventory: Inventory) -> Inventory:
    files = (
        PluginFile("b1.so", 0, loadable=True),
        PluginFile("b2.so", 1, loadable=False, reason="libx.so.1: cannot open"),
        PluginFile("a.so", 0, loadable=None, reason="it can't be read"),
    )
    config = replace(
        inventory.config, user="", ports=("53/udp",), env=("MODE=slow", "X"), labels={"maker": "them"}, stated=True
    )
    gone = (Place("/p/gone.so", 1),)
    return replace(inventory, plugins=(PluginDirectory("ipset", "/p", files, gone),), config=config)


def unusable(inventory: Inventory) -> Inventory:
    known = replace(
        with_whereabouts(without("ipset", "ipset"), name="ipset")(inventory).whereabouts[0],
        unusable=(
            Unusable("/usr/sbin/ipset", "a dangling link to /opt/ipset", 1),
            Unusable("/bin/ipset", "empty", None),
        ),
    )
    return replace(without("ipset", "ipset")(inventory), whereabouts=(known,))


def two_symbols(inventory: Inventory) -> Inventory:
    def problem(name: str) -> Problem:
        message = f"undefined symbol: {name}"
        programs = ("/usr/sbin/ipset", "/usr/sbin/ip")
        return Problem(LoadFault.SYMBOL_MISSING, "/usr/lib/liba.so", name, message, programs, layer=0)

    return replace(inventory, problems=tuple(map(problem, ("f", "g", "h"))))


def on_a_level(inventory: Inventory) -> Inventory:
    message = "libx.so.1: cannot open"
    problem = Problem(
        LoadFault.LIBRARY_MISSING, "/usr/sbin/ip", "libx.so.1", message, ("/usr/sbin/ip",), variant="x86-64-v3"
    )
    return replace(inventory, problems=(problem,))


def drifting(inventory: Inventory) -> Inventory:
    return replace(
        inventory,
        drift=(
            Drift("changed", "/usr/sbin/ip", "iproute2", 1, ("iproute2",)),
            Drift("missing", "/usr/lib/libx.so.1", "libx", None, ("iproute2", "ipset")),
            Drift("missing", "/opt/ipset", "ipset", 1, ("iproute2",)),
        ),
        missing_files=(MissingFiles("a", 1, ("/a",)), MissingFiles("b", 4, ("/b", "/c", "/d"))),
    )


def starting(inventory: Inventory) -> Inventory:
    problems = (StartProblem("/run.sh", "it is refused", 1), StartProblem("/x", "no shell takes it", None, sure=False))
    unknowns = (StartUnknown("/run.sh", 3, "exec $APP"), StartUnknown("/run.sh", 9, "it can't be read", unread=True))
    return replace(inventory, start_problems=problems, start_unknowns=unknowns)


def lost_library(inventory: Inventory) -> Inventory:
    change = with_problem("library-missing", "/bin/x", "libpcap.so.0.8", "libpcap.so.0.8: cannot open")
    return with_whereabouts(
        change,
        name="libpcap.so.0.8",
        elsewhere=(Place("/opt/libpcap.so.0.8", 1),),
        siblings=("libpcap.so.1",),
        gone=(Place("/lib/libpcap.so.0.8", 1),),
        unlinked=(Place("/lib/libpcap.so.0.8.1", 0),),
    )(inventory)


def lost_plugin(inventory: Inventory) -> Inventory:
    kept = tuple(entry for entry in inventory.extensions if entry.name != "rpfilter")
    refused = replace(inventory.extensions[0], name="mark", loadable=False, reason="file too short", layer=1)
    kept = tuple(entry for entry in kept if entry.name != "mark")
    found = replace(inventory, extensions=(*kept, refused))
    return with_whereabouts(lambda one: one, name="libxt_rpfilter.so", gone=(Place("/x/libxt_rpfilter.so", 1),))(found)


def lost_by_one(inventory: Inventory) -> Inventory:
    """A plug-in that both flavours miss, of which one doesn't start, and is never asked for it."""
    multi = "/usr/sbin/xtables-nft-multi"
    unstarted = Problem(LoadFault.LIBRARY_MISSING, multi, "libxtables.so.12", "libxtables.so.12: cannot open", (multi,))
    kept = tuple(entry for entry in inventory.extensions if entry.name != "rpfilter")
    return replace(inventory, extensions=kept, problems=(unstarted,))


def lost_by_both(inventory: Inventory) -> Inventory:
    """The same, where it is known which plug-ins that flavour would find if it started."""
    broken = lost_by_one(inventory)
    own = tuple(replace(entry, flavour="nf_tables") for entry in broken.extensions)
    return replace(broken, extensions=(*broken.extensions, *own))


def set_id(inventory: Inventory) -> Inventory:
    changed = replace(binary("iputils", "ping"), setuid=True, capabilities=("cap_net_raw",))
    return with_tool(inventory, Tool("iputils", "20221126", (), (changed,)))


def of_another_machine(programs: int, of: int) -> Change:
    """So many of so many programs."""

    def change(inventory: Inventory) -> Inventory:
        some = inventory.executables[:of]
        problems = tuple(
            Problem(
                LoadFault.ARCHITECTURE_MISMATCH,
                one.resolved_path,
                "s390x",
                f"{one.path} is for s390x",
                (one.resolved_path,),
                layer=1,
            )
            for one in some[:programs]
        )
        return replace(inventory, executables=some, problems=problems)

    return change


def without_libraries(inventory: Inventory) -> Inventory:
    """One that musl misses, one that needs other machines and comes late, one of two layers."""
    lost = LoadFault.LIBRARY_MISSING
    passed = tuple((f"/opt/{number}/libb.so.1", "it is for s390x") for number in range(3))
    by_musl = "Error loading shared library liba.so.1: No such file or directory (needed by /bin/a)"
    problems = (
        Problem(lost, "/bin/a", "liba.so.1", by_musl, ("/bin/a",), layer=1),
        Problem(lost, "/bin/b", "libb.so.1", "libb.so.1: cannot open", ("/bin/b",), passed_over=passed),
        Problem(lost, "/bin/c", "libc1.so", "libc1.so: cannot open", ("/bin/c",), layer=0, symbols=("f", "e")),
        Problem(lost, "/bin/d", "libc1.so", "libc1.so: cannot open", ("/bin/d",), layer=1, at_start=False),
        Problem(lost, "/lib/e", "/x/libe.so", "/x/libe.so: cannot open", ("/bin/e",), suspect=Place("/lib/e", 1)),
        Problem(lost, "/lib/f", "libf.so", "libf.so: cannot open", ("/bin/f",), at_start=False),
        Problem(lost, "/bin/g", "libg.so", "libg.so: cannot open", ("/bin/g",), layer=0, suspect=Place("/lib/g", 1)),
    )
    known = (
        Whereabouts("liba.so.1", unlinked=(Place("/lib/liba.so.1.0", 0), Place("/opt/liba.so.1.0", 0))),
        Whereabouts("libe.so", gone=(Place("/x/libe.so", 0), Place("/x/libe.so", 1))),
    )
    return replace(inventory, problems=problems, whereabouts=known, entry=("/bin/a",))


def for_levels(inventory: Inventory) -> Inventory:
    """Machines of two levels find a library, of a third only for one of two programs."""
    both = ("/bin/x", "/usr/sbin/ip")
    missing = Problem(LoadFault.LIBRARY_MISSING, "/usr/sbin/ip", "libx.so.1", "libx.so.1: cannot open", both)
    found = {"x86-64-v2": both[:1], "x86-64-v3": both, "x86-64-v4": both}
    notices = tuple(
        Notice(NoticeKind.HWCAPS_ONLY, "/usr/sbin/ip", "libx.so.1", "only better ones", level, programs)
        for level, programs in found.items()
    )
    other = Notice(NoticeKind.HWCAPS_ONLY, "/bin/x", "libother.so", "only better ones", "x86-64-v2", both)
    return replace(inventory, problems=(missing,), notices=(*notices, other))


def lacking_symbols(inventory: Inventory) -> Inventory:
    """Four objects that look for two symbols in vain, with a library of another layer, and one without it."""
    late = Place("/opt/lib/liba.so", 1)

    def problem(number: int, suspect: Place | None) -> Problem:
        name = "fg"[number % 2]
        levels = ("x86-64-v2", "x86-64-v3")
        programs = (f"/bin/p{number}", "/usr/sbin/ip")
        return Problem(
            LoadFault.SYMBOL_MISSING,
            f"/bin/p{number}",
            name,
            f"undefined symbol: {name}",
            programs,
            layer=0,
            suspect=suspect,
            variant=levels[number % 2],
        )

    return replace(inventory, problems=(*(problem(number, late) for number in range(4)), problem(4, None)))


def few_symbols(inventory: Inventory) -> Inventory:
    change = with_problem(
        "symbol-missing", "/lib/liba.so", "f", "undefined symbol: f", "/bin/x", suspect=Place("/lib/libb.so", 1)
    )
    return change(inventory)


def not_followed(inventory: Inventory) -> Inventory:
    """Loaders that nobody knows: of ip and ipset, and of something else; and a remark that is about nothing else."""
    notices = (
        Notice(NoticeKind.UNKNOWN, "/usr/sbin/ip", "/lib/ld-x.so", "no rules are known", programs=("/usr/sbin/ip",)),
        Notice(NoticeKind.UNKNOWN, "/x", "/lib/ld-x.so", "no rules are known", programs=("/usr/sbin/ipset", "/x")),
        Notice(NoticeKind.UNKNOWN, "/bin/a", "/lib/ld-a.so", "it can't be read", programs=("/bin/a",)),
        Notice(NoticeKind.UNKNOWN, "/bin/b", "", "it asks for much", programs=("/bin/b",)),
    )
    return replace(inventory, notices=notices)


def saved_long_ago(inventory: Inventory) -> Inventory:
    """By a spec that asked for less."""
    kept = tuple(one for one in inventory.tools if one.name not in ("ipset", "conntrack-tools"))
    return replace(inventory, tools=kept, set_types=(), link_types=(), link_types_asked=("vxlan",))


def not_started(inventory: Inventory) -> Inventory:
    unread = StartUnknown("/run.sh", 2, "it can't be read", unread=True)
    return replace(inventory, start_unknowns=(StartUnknown("/run.sh", 1, "exec $APP"), unread))


def of_old_kernels(inventory: Inventory) -> Inventory:
    stated = (
        KernelFloor("/lib/ld.so", "4.19", True, 0),
        KernelFloor("/lib/libc.so.6", "4.19", True, 1),
        KernelFloor("/lib/z.so", "4.19", True, 0),
        KernelFloor("/lib/a.so", "5.10", False, 1),
        KernelFloor("/bin/b", "4.19", False, 0),
        KernelFloor("/bin/c", "3.2", True, 0),
    )
    return replace(inventory, floors=replace(inventory.floors, kernel=stated))


def of_new_processors(inventory: Inventory) -> Inventory:
    """Each level with what checks it and what is only marked; what starts all programs stands for the others."""
    needs = (
        CpuFloor("x86-64-v2", "/bin/a", "mark", True, 0),
        CpuFloor("x86-64-v2", "/lib/libc.so.6", "mark", True, 1),
        CpuFloor("x86-64-v2", "/lib/ld-linux.so.2", "words", True, 0),
        CpuFloor("x86-64-v3", "/bin/b", "mark", False, 1),
        CpuFloor("x86-64-v3", "/bin/c", "GOAMD64=v3", True, 0),
        CpuFloor("x86-64", "/bin/d", "mark", True, 0),
    )
    return replace(inventory, floors=replace(inventory.floors, cpu=needs))


def owned(number: int, *, vouched: bool | None = True) -> Change:
    """All but the first `number` tools' programs are as their packages put them there."""

    def change(inventory: Inventory) -> Inventory:
        for one in inventory.tools[number:]:
            kept = tuple(replace(each, vouched=vouched) for each in one.binaries)
            inventory = with_tool(inventory, replace(one, binaries=kept))
        return inventory

    return change


def by_scripts(inventory: Inventory) -> Inventory:
    """iptables and ip6tables run one script, which picks a flavour; ipset's looks for something that is deleted."""
    for name in ("iptables", "ip6tables"):
        one = tool(name)
        paths = tuple(dict.fromkeys(each.resolved_path for each in one.binaries))
        kept = tuple(
            each
            if "-nft" in each.name or "-legacy" in each.name
            else replace(each, kind="script", resolved_path="/bin/pick", candidates=paths, version=None, flavour=None)
            for each in one.binaries
        )
        inventory = with_tool(inventory, replace(one, binaries=kept))
    broken = replace(
        binary("ipset", "ipset"), kind="other", reason="it starts /opt/ipset7", target="/opt/ipset7", layer=0
    )
    gone = Whereabouts("ipset7", gone=(Place("/opt/ipset7", 0), Place("/opt/ipset7", 1), Place("/ipset7", 0)))
    inventory = with_tool(inventory, Tool("ipset", None, (), (broken,)))
    return replace(inventory, whereabouts=(gone,))


def of_flavours(iptables: str, ip6tables: str) -> Change:
    """The plain names of each run one flavour, and the image has no other."""

    def change(inventory: Inventory) -> Inventory:
        for name, flavour in (("iptables", iptables), ("ip6tables", ip6tables)):
            path = f"/usr/sbin/xtables-{flavour}"
            programs = tuple(binary(name, f"{name}{end}", flavour, path) for end in ("", "-save", "-restore"))
            inventory = with_tool(inventory, Tool(name, "1.8.9", (), programs))
        return inventory

    return change


def lost_and_missed(inventory: Inventory) -> Inventory:
    """Files of packages that are gone: a library and a program that are missed, and what nobody asks for."""
    missed = with_problem("library-missing", "/bin/x", "/opt/libx.so.1", "/opt/libx.so.1: cannot open")
    lost = (
        Drift("missing", "/usr/lib/libx.so.1", "libx", 0, ("iproute2",)),
        Drift("missing", "/usr/sbin/ipset", "ipset", 0, ("ipset",)),
        Drift("missing", "/usr/sbin/ip", "iproute2", 0, ("ipset",)),
        Drift("missing", "/usr/lib/liby.so.1", "liby", 0, ("ipset", "iproute2")),
        Drift("missing", "/usr/lib/libz.so.1", "libz", 0),
    )
    return replace(missed(without("ipset", "ipset")(inventory)), drift=lost)


def some_of_each(inventory: Inventory) -> Inventory:
    """Extensions that only one family or flavour has."""
    kept = tuple(entry for entry in inventory.extensions if entry.name not in ("mark", "rpfilter", "set"))
    some = tuple(
        replace(inventory.extensions[0], name=name, family=family, flavour=flavour)
        for name, family, flavour in (
            ("mark", "ipv4", ""),
            ("rpfilter", "any", "legacy"),
            ("set", "ipv4", "nf_tables"),
            ("set", "ipv6", "legacy"),
        )
    )
    return replace(inventory, extensions=(*kept, *some))


def of_several_databases(inventory: Inventory) -> Inventory:
    """What packages and programs say of versions, and what vouches for them."""
    told = {"ipset": ("7.16", False), "iproute2": ("6.1.0-3", False), "conntrack-tools": ("1.4.6", True)}
    for name, (packaged, vouched) in told.items():
        one = tool(name)
        kept = tuple(replace(each, package_version=packaged, vouched=vouched) for each in one.binaries)
        inventory = with_tool(inventory, replace(one, binaries=(*kept, *kept)))
    return inventory


def package(name: str, version: str, kind: str = "deb") -> InstalledPackage:
    return InstalledPackage(kind, name, version, "amd64", version)


def with_files(inventory: Inventory) -> Inventory:
    files = (
        FileFact("/etc/whole", "/etc/whole", "file", 1, 0o600, 0, 0, "root", "", True, "b" * 64),
        FileFact("/etc/other", "/etc/other", "directory", 0, 0o755, 0, 0),
    )
    installed = (package("libssl3t64", "3.0.9-1"), package("tzdata", "2:2024a-0"), package("tzdata", "2025b"))
    return replace(inventory, files=files, packages=installed)


def with_other_files(inventory: Inventory) -> Inventory:
    files = (
        FileFact("/etc/whole", "/etc/whole", "file", 1, 0o640, 7, 8, "app", "users", False, "a" * 64),
        FileFact("/etc/other", "/etc/elsewhere", "file", 0, 0o755, 0, 0),
        FileFact("/etc/third", "/etc/third", "", 1, reason="missing"),
    )
    lost = Drift("missing", "/etc/third", "base-files", 1)
    return replace(inventory, files=files, drift=(lost,), packages=(package("other", "1"),), package_warnings=("cut",))


MORE: dict[str, Change] = {
    "half of the programs of another machine": of_another_machine(1, 2),
    "most of the programs of another machine": of_another_machine(2, 3),
    "libraries that are missed": without_libraries,
    "only better machines find it": for_levels,
    "symbols that four objects lack": lacking_symbols,
    "a symbol, and who brought what lacks it": few_symbols,
    "versions that four objects lack": lacking(4),
    "loaders that nobody knows": not_followed,
    "a spec that asked for less": saved_long_ago,
    "a start that can't be read": not_started,
    "kernels that are asked for": of_old_kernels,
    "processors that are asked for": of_new_processors,
    "a program of something else": with_binary("conntrack-tools", version=None, reason="other: a program of iputils"),
    "a program that is no more than its name": with_binary("iputils", kind="other", version=None, reason="empty"),
    "files that are lost and missed": lost_and_missed,
    "extensions of one family or flavour": some_of_each,
    "versions that packages know": of_several_databases,
    "a flavour of each": of_flavours("nf_tables", "legacy"),
    "one flavour alone": of_flavours("legacy", "legacy"),
    "two programs that nothing vouches for": owned(3),
    "three programs that nothing vouches for": owned(4),
    "scripts": by_scripts,
    "an entrypoint that nobody names": lambda inventory: replace(inventory, config=replace(inventory.config, cmd=())),
    "libraries beside a tool": lambda inventory: replace(
        inventory,
        libraries=tuple(LibraryFile(f"libssl.so.{number}", f"/lib/libssl.so.{number}") for number in (1, 2, 3)),
    ),
    "every way to be unusable": unusable,
    "symbols of one object": two_symbols,
    "only on better machines": on_a_level,
    "packages": drifting,
    "what is started": starting,
    "a library with all that shows": lost_library,
    "plug-ins": lost_plugin,
    "a plug-in that one flavour asks for": lost_by_one,
    "a plug-in that one flavour would ask for": lost_by_both,
    "set-user-ID": set_id,
    "one library for many": lacking(9, suspect=Place("/usr/local/lib/libc.so.6", 1), layer=0),
    "a few objects": lacking(3),
    "a conflict of versions": with_binary("ipset", package_version="7.11", vouched=None),
    "a launcher": with_binary("ipset", kind="launcher", unknown="/usr/sbin/ipset picks one", version=None),
    "no modprobe": lambda inventory: replace(inventory, kmod=kmod(places=("/usr/bin/modprobe",))),
    "a newer processor": lambda inventory: replace(
        inventory, floors=replace(inventory.floors, cpu=(CpuFloor("x86-64-v3", "/lib/libc.so.6", "mark", True, 0),))
    ),
}


SOUND = CASES["nothing is wrong"][0]


def lines(findings: Iterable[Finding]) -> Iterator[str]:
    for entry in findings:
        place = "" if entry.layer is None else f" layer {entry.layer}"
        yield f"{entry.severity.value}[{entry.rule}] {entry.subject}{place}"
        yield f"  {entry.message}"
        yield f"  fix: {entry.fix}"
        yield f"  rows: {', '.join(entry.rows)}".rstrip()
        yield f"  evidence: {json.dumps(entry.evidence, sort_keys=True)}"


def of_image(change: Change, spec: str = "calico-system-requirements", options: Options | None = None) -> Iterator[str]:
    """What is told beside what the sound image is told."""
    usual = run_rules(Subject.IMAGE, context(sound(), spec, options)) if change is not SOUND else ()
    return of_context(context(change(sound()), spec, options), usual)


def of_context(judged: ImageContext, usual: Iterable[Finding] = ()) -> Iterator[str]:
    """Each finding that isn't usual, and each row that isn't met."""
    found = run_rules(Subject.IMAGE, judged)
    yield from lines(entry for entry in found if entry not in usual)
    for row in judge_rows(judged, found):
        if row.status not in ("met", "not-applicable"):
            yield f"{row.status} {row.requirement.id}: {row.reason}"


def without_nf_tables(inventory: Inventory) -> Inventory:
    return with_tool(
        replace(inventory, set_types=(SetType("hash:ip", 1, 0, 1),), link_types=()),
        replace(tool("iptables"), binaries=tool("iptables").binaries[-3:]),
    )


def of_index() -> Iterator[str]:
    """What platforms differ in, and which of them nobody built."""
    here = sound()
    strict = Options(require_platforms=("linux/arm/v7", "linux/arm64", "linux/amd64"))
    arms = tuple(Platform("linux", "arm", f"v{number}") for number in (5, 6, 8))
    for offered in ((), (here.platform,), (*arms, *(Platform("linux", str(number)) for number in range(6)))):
        yield from lines(run_rules(Subject.INDEX, IndexContext(context(here).spec, strict, "image", offered)))
    older = replace(tool("ipset"), version="7.1")
    arm = with_tool(replace(here, platform=Platform("linux", "arm64")), older)
    legacy = replace(binary("iptables", "iptables", "legacy"), version="1.8.9")
    arm = with_tool(arm, Tool("iptables", "1.8.9", (), (legacy,)))
    asked = context(here)
    offered = (here.platform, arm.platform)
    yield from lines(run_rules(Subject.INDEX, IndexContext(asked.spec, asked.options, "image", offered, (here, arm))))


def _unsure(one: Kernel, reasons: dict[str, str]) -> Kernel:
    """The kernel, where it isn't known whether it has some modules, each for a reason."""

    def told(answer: ModuleAnswer) -> ModuleAnswer:
        why = reasons.get(answer.need.name)
        return replace(answer, presence=Presence.UNKNOWN, reason=f"it is {why}") if why else answer

    return replace(one, features=tuple(replace(each, modules=tuple(map(told, each.modules))) for each in one.features))


def of_kernels() -> Mapping[str, Callable[[], KernelReport]]:
    """Kernels by themselves and with images: what is audited of them, made when it is asked for."""
    half = replace(kernel(absent=["ip6t_REJECT"], unknown=["xt_set"]), release="", modprobe_path="/usr/bin/modprobe")
    types = {"hash:ip": 5, "hash:net": 1, "hash:mac": 0}
    old = kernel(version=version("2.6.30"), built_in=True, modprobe_path="", absent=["nf_tables"])
    ranges = {"hash:ip": (6, 7), "hash:net": (0, 3), "list:set": (0, 0)}
    many = ("hash:ip", "hash:mac", "hash:net", "list:set", "bitmap:ip", "bitmap:port", "hash:ip,port")
    reasons = tuple((f"ip_set_{name.replace(':', '_').replace(',', '')}", "it is built in") for name in many)
    needs = (
        CpuFloor("x86-64-v2", "/lib/libc.so.6", "mark", True, 0),
        CpuFloor("x86-64-v3", "/bin/a", "mark", True, 1),
        CpuFloor("x86-64-v3", "/bin/b", "mark", True, 0),
        CpuFloor("x86-64-v3", "/bin/c", "words", False, 1),
    )
    newer = image(replace(sound(), floors=replace(sound().floors, cpu=needs)))
    first, second = loader("31", xz=False), replace(loader("30"), path="/opt/modprobe")
    both = replace(kmod(first), loaders=(first, second))
    unsure = {"nf_conntrack_netlink": "a", "nf_conntrack": "b", "nfnetlink": "c", "xt_mark": "a", "nf_tables": "c"}
    pairs = {
        "features": (half, image()),
        "a kernel that lacks much": (
            kernel(absent=["nfnetlink", "ip_tables", "nft_compat", "ipip"]),
            image(),
        ),
        "modules that nobody can tell": (_unsure(kernel(), unsure), image()),
        "a version that nothing tells": (_unsure(kernel(version=()), unsure), image()),
        "set types for seven unknown reasons": (
            kernel(set_types={}, set_types_unknown=reasons),
            image(types=dict.fromkeys(many, 1)),
        ),
        "set types of a newer image": (kernel(set_types={"hash:ip": (0, 5)}), image()),
        "set types that nothing tells": (kernel(), image(types={})),
        "no ipset at all": (kernel(), image(without("ipset", "ipset")(sound()), types={})),
        "an ipset without a version": (
            kernel(set_types={"hash:ip": (7, 7)}),
            image(with_tool(sound(), replace(tool("ipset"), version=None))),
        ),
        "a modprobe that hands over": (kernel(compression="xz", decompresses=True), image(kmod=both)),
        "the kernel's own modprobe": (
            kernel(compression="xz", decompresses=True, modprobe_path="/opt/modprobe"),
            image(kmod=replace(both, places=(*both.places, ModprobePlace("/opt/modprobe", "/opt/modprobe")))),
        ),
        "a modprobe of no version": (
            kernel(compression="gz"),
            image(kmod=kmod(replace(loader(gz=False), version=None, layer=1))),
        ),
        "a kernel that says nothing of modprobe": (kernel(modprobe_path=None, modprobe_reason="no config"), image()),
        "a kernel without legacy iptables, and an image with a flavour of each": (
            kernel(absent=["ip6_tables", "ip_tables"]),
            image(of_flavours("nf_tables", "legacy")(sound())),
        ),
        "a kernel without nftables, and an image with a flavour of each": (
            kernel(absent=["nf_tables"], unknown=["nft_compat"]),
            image(of_flavours("legacy", "nf_tables")(sound())),
        ),
        "scripts in the place of iptables": (kernel(absent=["nf_tables"]), image(by_scripts(sound()))),
        "a script in the place of ip": (kernel(), image(with_binary("iproute2", kind="script")(sound()))),
        "no iptables": (kernel(absent=["nf_tables"]), image(without("iptables", "iptables")(sound()))),
        "modprobe at the other path": (
            kernel(modprobe_path="/usr/bin/modprobe"),
            image(kmod=kmod(places=("/usr/sbin/modprobe",))),
        ),
        "a report without modprobe": (kernel(compression="xz"), image(kmod=None)),
        "a processor that nobody names": (kernel(cpu_reason="no facts"), newer),
        "an old kernel": (old, image()),
        "set types": (kernel(set_types=ranges), image(types=types)),
        "packed modules": (kernel(compression="xz"), image(kmod=kmod(loader("31", xz=False)))),
        "packed modules that may be unpacked": (
            replace(kernel(compression="zst"), decompresses=None),
            image(kmod=kmod(loader("31", zst=False))),
        ),
        "a config alone": (kernel(built_in=True, compression_config="xz"), image(kmod=kmod(loader(xz=False)))),
        "no modprobe": (kernel(), image(kmod=kmod(places=()))),
        "modprobe elsewhere": (kernel(), image(kmod=replace(kmod(places=("/usr/bin/modprobe",)), on_path=""))),
        "an unusual modprobe": (kernel(modprobe_path="/opt/modprobe"), image()),
    }
    reports = {name: partial(audited, one, images=[its_image]) for name, (one, its_image) in pairs.items()}
    return reports | {
        "a node that is too old": partial(audited, replace(kernel(), node="n1", cpu_level="x86-64"), images=[newer]),
        "the oldest of the nodes": partial(audited, kernel(), images=[newer], cpu=(("amd64", "x86-64"),)),
        "a kernel of neither flavour": lambda: by_current(current("ip_tables", "nft_compat")),
    }


def told_of_kernels(made: Callable[[], KernelReport]) -> Iterator[str]:
    """Each finding, and what is not met or not known."""
    report = made()
    for entry in report.findings:
        yield f"{entry.severity}[{entry.rule}] {entry.subject}"
        yield f"  {entry.message}"
        yield f"  fix: {entry.fix}"
        yield f"  rows: {', '.join(filter(None, (entry.requirement, *entry.affects)))}".rstrip()
        yield f"  evidence: {json.dumps(entry.evidence, sort_keys=True)}"
    for row in report.requirements:
        if row.kernels[0].status not in ("met", "not-applicable"):
            yield f"{row.kernels[0].status} {row.id}: {row.kernels[0].reason}"
    for pair in report.pairs:
        yield from (f"unknown {entry.rule} {entry.subject}: {entry.reason}" for entry in pair.unknown)


def parts() -> dict[str, Callable[[], Iterable[str]]]:
    """Each part of what is told, made when it is asked for."""
    strict = Options(strict=True, cpu=(("amd64", "x86-64-v2"),))
    named = {level: Options(cpu=(("amd64", level),)) for level in ("x86-64", "x86-64-v2", "x86-64-v3")}
    bare = replace(sound(), config=replace(sound().config, cmd=()))
    files = tuple(PluginFile(f"{name}.so", 0, loadable=True) for name in ("gone", "never", "b1"))
    unsure = PluginFile("a.so", 0, loadable=None, reason="it can't be read")
    untold = replace(sound(), plugins=(PluginDirectory("ipset", "/p", (*files, unsure)),))
    asked: dict[str, Change] = {"files": with_files, "other files": with_other_files, "no files": SOUND}
    contexts = {
        **{
            f"{name} and packages of a spec": ImageContext(FILES_AND_PACKAGES, Options(), change(sound()), LAYERS)
            for name, change in asked.items()
        },
        "a flavour that is too old": ImageContext(OF_ONE_FLAVOUR, Options(), sound(), LAYERS),
        "a root file system alone": ImageContext(context(bare).spec, Options(), bare, ()),
        "plug-ins and config of a spec": ImageContext(PLUGINS, Options(), with_plugins(sound()), LAYERS),
        "plug-ins that nobody can tell": ImageContext(PLUGINS, Options(), untold, LAYERS),
        "no plug-ins and no config of a spec": ImageContext(PLUGINS, Options(), sound(), LAYERS),
    }
    return {
        **{name: partial(of_image, change) for name, (change, _) in CASES.items()},
        **{name: partial(of_image, change) for name, change in MORE.items()},
        "strictly, for a processor": partial(of_image, MORE["a newer processor"], options=strict),
        "felix without nf_tables": partial(of_image, without_nf_tables, "felix"),
        "only better machines find it, and all are": partial(of_image, for_levels, options=named["x86-64-v3"]),
        "only better machines find it, and none need be": partial(of_image, for_levels, options=named["x86-64-v2"]),
        "processors, and the one that is named": partial(of_image, of_new_processors, options=named["x86-64"]),
        "kernels that are asked for, without IPv6": partial(
            of_image, of_old_kernels, options=Options(ip_family=Family.IPV4)
        ),
        "a plug-in for IPv6 alone": partial(of_image, lost_plugin, options=Options(ip_family=Family.IPV6)),
        **{name: partial(of_context, judged) for name, judged in contexts.items()},
        "an index": of_index,
        **{f"kernel: {name}": partial(told_of_kernels, made) for name, made in of_kernels().items()},
    }


PARTS = parts()


def test_each_part_was_read() -> None:
    assert list(kept(TOLD)) == list(PARTS)


@pytest.mark.parametrize("part", PARTS)
def test_what_is_told_is_what_was_read(part: str) -> None:
    assert list(PARTS[part]()) == kept(TOLD)[part]


@pytest.mark.parametrize("case", ["packages", "what is started"])
def test_a_case_says_the_same_each_time(case: str) -> None:
    assert list(of_image(MORE[case])) == list(of_image(MORE[case]))


if __name__ == "__main__":
    keep(TOLD, PARTS)
