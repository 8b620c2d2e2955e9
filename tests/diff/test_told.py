"""What each change is called and what it means, whole: of every small case the lines in `told.txt`, which was read
line by line, from the old image to the new one and back.

Where a change is told otherwise on purpose, `python -m tests.diff.test_told` writes it anew; the difference is to be
read.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import pytest
from msgspec.structs import replace

from auditor.elf.model import GoModule, LoadFault
from auditor.finding import Finding
from auditor.inventory.model import (
    UNOWNED,
    CpuFloor,
    ElfObject,
    Executable,
    Floors,
    GoProgram,
    InstalledPackage,
    Inventory,
    KernelFloor,
    Problem,
    SymbolFloor,
    Tool,
)
from auditor.report.diff.compare import compare
from auditor.report.model import Report
from tests.diff.test_compare import CASES, FINDINGS, change, report, with_config, with_findings
from tests.inventories import binary, sound, tool, with_tool
from tests.told import keep, kept

TOLD = Path(__file__).with_name("told.txt")


def iproute2(*names: str, version: str | None = "6.1.0", reason: str = "") -> Inventory:
    programs = tuple(binary("iproute2", name) for name in names)
    return with_tool(sound(), Tool("iproute2", version, (), programs, reason))


def iptables(*named: tuple[str, str]) -> Inventory:
    programs = tuple(binary("iptables", name, flavour, f"/usr/sbin/xtables-{flavour}") for name, flavour in named)
    return with_tool(sound(), replace(tool("iptables"), binaries=programs))


def missing(soname: str, program: str = "/usr/sbin/ip", fault: LoadFault = LoadFault.LIBRARY_MISSING) -> Inventory:
    """`ip` doesn't load this library, and has it no more in its closure."""
    problem = Problem(fault, program, soname, f"{soname}: cannot open", (program,))
    (ip,) = tool("iproute2").binaries
    rest = tuple(entry for entry in ip.closure if entry.soname != soname)
    left = with_tool(sound(), replace(tool("iproute2"), binaries=(replace(ip, closure=rest),)))
    return replace(left, problems=(problem,))


def asking(**floors: tuple[object, ...]) -> Inventory:
    return replace(sound(), floors=Floors(**floors))  # type: ignore[arg-type]


def cpu(level: str, *, enforced: bool = True, path: str = "/bin/a") -> CpuFloor:
    return CpuFloor(level, path, "mark", enforced, 0)


def stated(version: str, *, enforced: bool = True) -> KernelFloor:
    return KernelFloor("/lib/libc.so.6", version, enforced, 0)


def built(*modules: tuple[str, str], version: str = "go1.22.1", own: str = "v1.0.0", **settings: str) -> Inventory:
    main = GoModule("example.org/x", own) if own else None
    program = GoProgram("/bin/x", version, "main", main, settings, tuple(GoModule(*each) for each in modules))
    return replace(sound(), go=(program, replace(program, path=f"/bin/only-of-{version}")))


def holding(content: str, *, package: str | None = "libx", version: str = "1", needed: bool = True) -> Inventory:
    """`ip` and `ipset` load a library of this content."""
    users = ("/usr/sbin/ip", "/usr/sbin/ipset") if needed else ()
    library = ElfObject("/usr/lib/libx.so", "libx.so", content * 64, None, 0, package, ("/usr/lib/libx.so",))
    return replace(
        sound(),
        objects=(*(ElfObject(path, None, "d" * 64, None, 0, None, (library.path,)) for path in users), library),
        packages=(InstalledPackage("deb", "libx", version, "amd64", "libx"),),
    )


def on_path(*names: str, package: str | None = None, started_by: str = "PATH", place: str = "/usr/bin") -> Inventory:
    programs = tuple(Executable(f"{place}/{name}", f"{place}/{name}", "dynamic", 0, package) for name in names)
    programs = tuple(replace(each, started_by=started_by) for each in programs)
    return replace(sound(), executables=(*sound().executables, *programs))


PLAIN, NFT, LEGACY = ("iptables", "nf_tables"), ("iptables-nft", "nf_tables"), ("iptables-legacy", "legacy")
MORE: dict[str, tuple[Inventory, Inventory]] = {
    "a processor is asked for": (sound(), asking(cpu=(cpu("x86-64-v2"),))),
    "a processor that is only marked": (sound(), asking(cpu=(cpu("x86-64-v2", enforced=False),))),
    "one that every machine has": (sound(), asking(cpu=(cpu("x86-64"),))),
    "a newer processor": (asking(cpu=(cpu("x86-64-v2"),)), asking(cpu=(cpu("x86-64-v3"),))),
    "from marked to enforced": (asking(cpu=(cpu("x86-64-v3", enforced=False),)), asking(cpu=(cpu("x86-64-v3"),))),
    "what is enforced decides": (
        asking(cpu=(cpu("x86-64-v2"), cpu("x86-64-v4", enforced=False, path="/bin/b"))),
        asking(cpu=(cpu("x86-64-v3", path="/bin/c"), cpu("x86-64-v2"))),
    ),
    "of what is marked the highest decides": (
        asking(cpu=(cpu("x86-64-v2", enforced=False), cpu("x86-64-v3", enforced=False, path="/bin/b"))),
        asking(cpu=(cpu("x86-64-v2", enforced=False),)),
    ),
    "a kernel is asked for": (sound(), asking(kernel=(stated("3.2"),))),
    "a kernel that is only stated": (sound(), asking(kernel=(stated("3.2", enforced=False),))),
    "a newer kernel": (asking(kernel=(stated("3.2"),)), asking(kernel=(stated("3.10"),))),
    "a newer kernel, only stated": (
        asking(kernel=(stated("3.2", enforced=False),)),
        asking(kernel=(stated("3.10", enforced=False),)),
    ),
    "the enforced kernel decides": (
        asking(kernel=(stated("3.2"), stated("4.19", enforced=False))),
        asking(kernel=(stated("3.2.0"), stated("3.3"))),
    ),
    "versions of symbols": (
        asking(symbols=(SymbolFloor("ipset", "GLIBC", "2.9", "/a"), SymbolFloor("iproute2", "GLIBC", "2.9", "/b"))),
        asking(
            symbols=(
                SymbolFloor("ipset", "GLIBC", "2.34", "/a"),
                SymbolFloor("ipset", "GLIBC", "2.4", "/a"),
                SymbolFloor("iproute2", "GLIBC", "2.34", "/b"),
                SymbolFloor("iputils", "LIBCAP", "", "/c"),
                SymbolFloor("nobody", "GLIBC", "2.36", "/d"),
            )
        ),
    ),
    "a release of Go": (built(), built(version="go1.22.2")),
    "a module of Go": (built(own=""), built(own="v1.0.1")),
    "what is built in": (built(("a", "v1"), ("b", "v1")), built(("a", "v2"), ("c", "v1"))),
    "how Go builds": (built(CGO_ENABLED="1", GOFLAGS="x"), built(CGO_ENABLED="0", GOEXPERIMENT="boringcrypto")),
    "other content": (holding("a"), holding("b")),
    "other content of nobody's": (holding("a", package=UNOWNED), holding("b", package=UNOWNED)),
    "other content of no database's": (holding("a", package=None), holding("b", package=None)),
    "other content of a newer package": (holding("a"), holding("b", version="2")),
    "other content of another package": (holding("a"), holding("b", package="liby")),
    "other content that a package takes": (holding("a", package=UNOWNED), holding("b")),
    "other content of what no tool loads": (holding("a", needed=False), holding("b", needed=False)),
    "programs on PATH": (on_path("a", "b"), on_path("b", "c")),
    "programs of a package": (on_path("a", package="x"), on_path("b", package="x")),
    "programs that PATH does not start": (on_path("a", started_by="entrypoint"), on_path("b", started_by="exec")),
    "programs where only one looks": (
        replace(on_path("a", place="/opt"), path=("/opt", "/usr/sbin")),
        replace(on_path("b"), path=("/usr/sbin", "/usr/bin")),
    ),
    "a config": (
        with_config(entrypoint=("/a", 'b"\\'), user="app", working_dir="/w", env=("A=1", "B=2", "PATH=/x")),
        with_config(cmd=(), env=("A=2", "C=3", "PATH=/y")),
    ),
    "the order of PATH": (replace(sound(), path=("/a", "/b")), replace(sound(), path=("/b", "/a"))),
    "directories of PATH": (replace(sound(), path=("/a", "/b")), replace(sound(), path=("/b", "/c", "/d"))),
    "a warning beside an error": (
        sound(),
        change(
            "iptables", lambda one: replace(one, package_version="1.8.7", vouched=False), iptables(PLAIN, NFT, LEGACY)
        ),
    ),
    "a library that is missed and one that is not needed": (sound(), missing("libelf.so.1")),
    "another library that is missed": (missing("libx.so.1"), missing("liby.so.1")),
    "a library that another program misses": (sound(), missing("libelf.so.1", program="/opt/ip")),
    "a library that is found and does not load": (sound(), missing("libelf.so.1", fault=LoadFault.ELF_MALFORMED)),
    "a tool is lost": (sound(), iproute2(version=None, reason="not in the image")),
    "a tool without a version is lost": (
        change("iproute2", lambda one: replace(one, version=None), iproute2("ip", version=None)),
        iproute2(version=None, reason="not in the image"),
    ),
    "a tool of which nothing was there that is asked for": (
        iproute2("tc"),
        iproute2(version=None, reason="not in the image"),
    ),
    "the same without a version": (
        iproute2("tc", version=None),
        iproute2(version=None, reason="not in the image"),
    ),
    "no reason for no version": (iproute2("ip"), iproute2("ip", version=None)),
    "the same version in other letters": (iproute2("ip"), iproute2("ip", version="v6.1.0")),
    "one program without a version": (
        iproute2("ip"),
        change("iproute2", lambda one: replace(one, version=None), iproute2("ip")),
    ),
    "a program that nobody asks for": (iproute2("ip", "tc"), iproute2("ip")),
    "a program that is asked for": (iproute2("ip", "tc"), iproute2("tc")),
    "a flavour": (iptables(PLAIN, NFT, LEGACY), iptables(PLAIN, NFT)),
    "a name of a flavour that stays": (iptables(PLAIN, NFT, LEGACY), iptables(PLAIN, LEGACY)),
    "a script": (sound(), change("ipset", lambda one: replace(one, kind="script"))),
    "neither program": (
        change("ipset", lambda one: replace(one, kind="other")),
        change("ipset", lambda one: replace(one, kind="script")),
    ),
    "no loader": (sound(), change("ipset", lambda one: replace(one, interpreter=None))),
    "set-user-ID and more": (
        change("ipset", lambda one: replace(one, setuid=True)),
        change("ipset", lambda one: replace(one, setuid=True, capabilities=("cap_b", "cap_a"))),
    ),
    "link types": (sound(), replace(sound(), link_types=("vxlan",))),
    "link types of a tool that is gone": (
        sound(),
        replace(iproute2(version=None, reason="not in the image"), link_types=()),
    ),
}


def lines(old: Report, new: Report) -> Iterator[str]:
    for one in compare(old, new).changes:
        yield f"{one.assessment} {one.kind} {one.subject}: {one.old} → {one.new} ({', '.join(one.tools)})"
        yield f"  {one.why}"


def there_and_back(old: Report, new: Report) -> Iterator[str]:
    yield from ("-- there", *lines(old, new), "-- back", *lines(new, old))


def of_inventories(old: Inventory, new: Inventory) -> Iterator[str]:
    return there_and_back(report(old), report(new))


def of_findings(old: Sequence[Finding], new: Sequence[Finding]) -> Iterator[str]:
    return there_and_back(with_findings(*old), with_findings(*new))


PARTS: dict[str, Callable[[], Iterator[str]]] = {
    **{name: partial(of_inventories, old, new) for name, old, new, _ in CASES},
    **{name: partial(of_inventories, old, new) for name, (old, new) in MORE.items()},
    **{name: partial(of_findings, old, new) for name, old, new, _, _ in FINDINGS},
}


def test_each_part_was_read() -> None:
    assert list(kept(TOLD)) == list(PARTS)


@pytest.mark.parametrize("part", PARTS)
def test_what_is_told_is_what_was_read(part: str) -> None:
    assert list(PARTS[part]()) == kept(TOLD)[part]


if __name__ == "__main__":
    keep(TOLD, PARTS)
