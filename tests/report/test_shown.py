"""What people read, whole: each view of small documents is the one in `shown/`, which was read line by line.

Where a view changes on purpose, `python -m tests.report.test_shown` writes them anew; the difference is to be read.
"""

import datetime
import html
import importlib.metadata
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from auditor.auditing import judge
from auditor.auditing.index import judge_index
from auditor.auditing.terms import Terms
from auditor.auditing.waivers import Waiver
from auditor.elf.model import GoModule, LoadFault, NoticeKind
from auditor.image.model import Layer, Platform
from auditor.inventory.model import (
    UNOWNED,
    ClosureEntry,
    Distribution,
    Drift,
    ElfObject,
    GoProgram,
    InstalledPackage,
    Inventory,
    LoadableExtension,
    Notice,
    Place,
    Problem,
    Tool,
    Whereabouts,
)
from auditor.report.diff.compare import compare
from auditor.report.diff.model import Diff
from auditor.report.kernel.model import KernelReport
from auditor.report.model import IndexReport, Report, ReportFit, ReportImage, ReportIndex, ReportNeeds
from auditor.report.register import Style, write
from auditor.report.release.compare import compare_releases
from auditor.report.release.model import ReleaseDiff
from auditor.report.several.model import NotAudited, SeveralReports, gather
from auditor.report.sweep.model import SweepImage, SweepReport
from auditor.rules import Options
from auditor.severity import FailOn, Severity
from auditor.spec import read_spec
from auditor.sweep.run import gather as gather_sweep
from auditor.sweep.short import in_short
from auditor.tools.model import Evidence, SetType
from tests.inventories import binary, sound, tool, with_tool
from tests.kernel_command.made import audited, image, kernel, kmod, loader

if TYPE_CHECKING:
    from auditor.report.register import Document

SHOWN = Path(__file__).parent / "shown"
TODAY = datetime.date(2026, 1, 1)
SPEC = read_spec(
    """name = "mine"
extends = "base"
[tool.ipset]
programs = ["ipset"]
minimum = "7.10"
[tool.iproute2]
programs = ["ip", "tc"]
[tool.conntrack-tools]
programs = ["conntrack"]
minimum = "1.0"
""",
    "mine.toml",
)
LAYERS = (
    Layer(0, None, "sha256:" + "a" * 64, "", 20 << 20, "ADD rootfs.tar /"),
    Layer(1, None, "sha256:" + "b" * 64, "", 300, "RUN rm -f /usr/sbin/ipset " + "and what is left of it " * 4),
)
AMD64, ARM64, S390 = Platform("linux", "amd64"), Platform("linux", "arm64", "v8"), Platform("linux", "s390x")
WAIVER = Waiver("tool-too-old", "it is for logs | only", "net-team", datetime.date(2026, 6, 1), "*conntrack*")


def entry(soname: str) -> ClosureEntry:
    return ClosureEntry(soname, f"/usr/lib/{soname}", "ld.so.cache", 0, "unowned")


def file(path: str, *needs: str, soname: str | None = None) -> ElfObject:
    return ElfObject(path, soname, "d" * 64, None, 0, "unowned", needs)


def good() -> Inventory:
    ip = replace(
        binary("iproute2", "ip"),
        closure=(entry("libelf.so.1"), entry("libz.so.1")),
        vouched=True,
    )
    tc = replace(ip, name="tc", path="/sbin/tc", resolved_path="/usr/sbin/tc")
    tools = (tool("ipset"), Tool("iproute2", "6.1.0", (), (ip, tc)), tool("conntrack-tools"))
    return replace(
        sound(),
        tools=tools,
        extensions=(),
        packages=(InstalledPackage("deb", "iproute2", "6.1.0-3", "amd64", "iproute2"),),
        set_types=(SetType("hash:ip", 6, 255, 1),),
        objects=(
            file("/usr/sbin/ip", "/usr/lib/libelf.so.1", "/usr/lib/libz.so.1"),
            file("/usr/lib/libelf.so.1", "/usr/lib/libz.so.1", soname="libelf.so.1"),
            file("/usr/lib/libz.so.1", soname="libz.so.1"),
        ),
    )


def bad() -> Inventory:
    """ipset is deleted and lies elsewhere, ip lacks a library, conntrack is old, tc is no program that is known."""
    before = good()
    ip, tc = before.tools[1].binaries
    conntrack = replace(before.tools[2].binaries[0], version="0.9.1")
    script = replace(tc, kind="script", version=None, closure=(), reason="script", unknown="/sbin/tc runs $TC")
    not_found = "libelf.so.1: cannot open shared object file: No such file or directory"
    return replace(
        before,
        tools=(
            Tool("ipset", None, (), (), "not in the image"),
            Tool("iproute2", None, (), (replace(ip, closure=(entry("libz.so.1"),)), script), "script"),
            Tool("conntrack-tools", "0.9.1", (), (conntrack,)),
        ),
        whereabouts=(
            Whereabouts("ipset", elsewhere=(Place("/opt/ipset", 0),), gone=(Place("/usr/sbin/ipset", 1),)),
            Whereabouts("libelf.so.1", gone=(Place("/usr/lib/libelf.so.1", 1),), siblings=("libelf.so.0",)),
        ),
        problems=(Problem(LoadFault.LIBRARY_MISSING, "/usr/sbin/ip", "libelf.so.1", not_found, ("/usr/sbin/ip",)),),
        notices=(Notice(NoticeKind.PRELOAD_IGNORED, "/usr/sbin/ip", "x.so", "object 'x.so' cannot be preloaded"),),
        drift=(Drift("missing", "/usr/sbin/ipset", "ipset", 1, ("ipset",)),),
        packages=(InstalledPackage("deb", "iproute2", "5.10.0-4", "amd64", "iproute2"),),
        set_types=(SetType("hash:ip", 5, 255, 1), SetType("hash:mac", 0, 255, 1)),
        objects=(file("/usr/sbin/ip", "/usr/lib/libz.so.1"), before.objects[2]),
    )  # fmt: skip


def report(inventory: Inventory, platform: Platform = AMD64) -> Report:
    described = ReportImage("calico/node:v1", "docker-archive", None, "sha256:1", platform, LAYERS)
    return judge(described, replace(inventory, platform=platform), SPEC, Options(), (WAIVER,), today=TODAY)


def detailed() -> Report:
    """Whatever a report says seldom: of programs of two versions and flavours, of a database that is damaged, of
    waivers that nothing needs any more, of what a kernel must have, of another spec that the image meets.
    """
    before = good()
    ip, tc = before.tools[1].binaries
    libz = file("/usr/lib/libz.so.1", "/usr/lib/libz.so.1", soname="libz.so.1")
    new = replace(binary("iptables", "iptables", "nf_tables", "/usr/sbin/xtables-nft-multi"), package_version="1.8.9")
    old = replace(binary("iptables", "iptables-legacy", "legacy", "/usr/sbin/xtables-legacy-multi"), version="1.8.7")
    nft = replace(new, closure=(entry("libelf.so.1"), entry("libz.so.1")), vouched=True)
    ipset = replace(before.tools[0].binaries[0], version=None, closure=(), package=None, layer=2, reason="no version")
    not_found = "libx.so.1: cannot open shared object file: No such file or directory"
    lost = Problem(LoadFault.LIBRARY_MISSING, "/opt/a", "libx.so.1", not_found, ("/opt/a", "/opt/b"), layer=3)
    malformed = Problem(LoadFault.ELF_MALFORMED, "/opt/c", "", "/opt/c: file too short", ("/opt/c",), layer=2)
    found = replace(
        before,
        tools=(
            Tool("ipset", None, (), (ipset,), "no version string"),
            Tool("iproute2", "6.1.0", (Evidence("package", "6.1.0", "/usr/sbin/ip"),), (ip, replace(tc, version=None))),
            Tool("conntrack-tools", None, (), (), "not in the image"),
            Tool("iptables", "1.8.9", (Evidence("elf-string", "1.8.9 (nf_tables)", nft.resolved_path),), (nft, old)),
        ),
        package_warnings=("/var/lib/dpkg/status: it is cut", "/var/lib/dpkg/info: no file list of libz"),
        distribution=Distribution("debian", "12", "Debian GNU/Linux 12 (bookworm)"),
        packages=(
            InstalledPackage(
                *("deb", "iptables", "1.8.9-2", "amd64", "1.8.9", "iptables", "1.8.9-2"),
                *("Packagers <team@example.org>", "GPL-2.0-only", "https://www.netfilter.org/"),
            ),
            InstalledPackage("deb", "libz", "1:1.3-1", "amd64", "1.3", "zlib", "1:1.3-1", "Somebody", "as is", "none"),
            InstalledPackage("deb", "libz", "1:1.3-1", "amd64", "1.3", "zlib", "1:1.3-1"),
            InstalledPackage("none", "strange", "1", "", ""),
        ),
        extensions=(LoadableExtension("", "any", "match", "mark", "/usr/lib/xtables/libxt_mark.so", 2, loadable=True),),
        objects=(
            replace(file("/usr/sbin/xtables-nft-multi", "/usr/lib/libelf.so.1", "/usr/lib/libz.so.1"), layer=1),
            file("/usr/lib/libelf.so.1", "/usr/lib/libz.so.1", soname="libelf.so.1"),
            replace(libz, package="libz", build_id="b" * 40, sha1="e" * 40),
            replace(file("/usr/lib/xtables/libxt_mark.so"), package=None, layer=3),
            replace(file("/usr/sbin/ip", "/usr/lib/libelf.so.1"), package=UNOWNED),
        ),
        problems=(lost, replace(lost, path="/opt/liba.so"), malformed),
        notices=(
            Notice(NoticeKind.HWCAPS_ONLY, "/usr/sbin/ip", "libz.so.1", "only better ones", "x86-64-v3", ()),
            Notice(NoticeKind.PRELOAD_IGNORED, "/usr/sbin/ip", "x.so", "object 'x.so' cannot be preloaded"),
        ),
        drift=(Drift("changed", "/usr/sbin/ip", "iproute2", 1, ("iproute2",)),),
        go=(
            GoProgram(
                "/bin/felix",
                "go1.22.1",
                "main",
                GoModule("example.org/felix", "(devel)"),
                {"-ldflags": "-X main.version=v3.30.0"},
                (GoModule("example.org/lib", "v1.2.3"), GoModule("./here", "")),
            ),
            GoProgram("/bin/bird", "go1.22.1", "main", None, {}, (GoModule("example.org/lib", "v1.2.3"),)),
        ),
    )
    layers = (*LAYERS, Layer(2, "sha256:" + "d" * 64, None, "application/tar", None, ""))
    image = ReportImage(
        "registry:example.org:5000/team/node:v1",
        "registry",
        "sha256:" + "e" * 64,
        "sha256:" + "f" * 64,
        AMD64,
        layers,
        remarks=("the archive was edited after docker save wrote it",),
    )
    waivers = (
        WAIVER,
        replace(WAIVER, rule="elf-malformed", subject="*", owner="me"),
        replace(WAIVER, rule="tool-missing", subject="*", expires=datetime.date(2025, 12, 31)),
    )
    told = judge(image, found, SPEC, Options(chosen_platform=True), waivers, today=TODAY)
    needs = {
        "tool.ipset": ReportNeeds(("ip_set", "xt_set"), ("IP_SET",), "5.10", {"ip_set": ("set",), "IP_SET": ("SET",)}),
        "tool.iproute2": ReportNeeds((), ("NET",), "4.19.9999999999"),
        "image.loads": ReportNeeds(("unasked",)),
    }
    asked = tuple(
        replace(row, needs=needs.get(row.id), kernel="needs-kernel" if row.id.startswith("tool.i") else None)
        for row in told.requirements
    )
    return replace(told, requirements=asked, fits=(ReportFit("felix", 2, True), ReportFit("base", 0, False)))


def several_kernels() -> KernelReport:
    """Kernels of one release for two machines, one that says little, one of a node; images that tell as little."""
    lacking = kernel(absent=["nft_compat"], unknown=["xt_set"], release="6.6.0")
    unlooked = kernel(
        release="",
        version=(),
        architecture="",
        sources=(),
        modprobe_path=None,
        modprobe_reason="no config",
        module_compression=(),
    )
    node = kernel(release="5.4.0", node="node-1", cpu_level="x86-64-v2", module_compression=("", "xz"))
    unversioned = replace(tool("ipset"), version=None)
    return audited(
        *(kernel(), kernel(architecture="arm64"), unlooked, node, lacking),
        images=[
            image(),
            image(architecture="arm64"),
            image(reference="bare", kmod=None),
            image(reference="none", kmod=kmod(places=())),
            image(with_tool(sound(), unversioned), reference="unversioned", kmod=kmod(replace(loader(), version=None))),
            image(reference="typeless", types={}),
        ],
    )


def let_through(platform: Platform) -> Report:
    """What is not met, and doesn't fail."""
    described = ReportImage("calico/node:v1", "docker-archive", None, None, platform, LAYERS)
    options = Options(fail_on=FailOn.NEVER, fail_on_from="audit-image.toml")
    told = judge(described, replace(bad(), platform=platform), SPEC, options, (WAIVER,), today=TODAY)
    return replace(told, fits=(ReportFit("felix", 1, True),))


def sweep() -> SweepReport:
    """A tool that changes from image to image, one that goes and one that comes; a name that is none."""
    first, second, third = good(), bad(), good()
    gone = Tool("conntrack-tools", None, (), (), "not in the image")  # and nobody has looked for it
    older = replace(first, tools=(replace(first.tools[0], version="7.11"), *first.tools[1:]))
    flavoured = replace(
        third,
        tools=(*third.tools[:2], replace(third.tools[2], binaries=(binary("conntrack-tools", "conntrack", "x"),))),
    )
    reports: dict[str, Report | IndexReport] = {
        "calico/node:v1": report(older),
        "calico/node:v2": index(report(first), report(second, ARM64)),
        "calico/node:v3": report(second),
        "calico/node:v4": report(flavoured),
        "calico/node:v5": let_through(AMD64),
        "calico/node:v6": report(replace(first, tools=(replace(first.tools[0], version=None), first.tools[1], gone))),
    }
    images = [in_short(told, name, f"sha256:{name[-1] * 64}", "sha256:9") for name, told in reports.items()]
    (apart,) = (one for one in images if one.name == "calico/node:v2")
    across = replace(apart.platforms[1].findings[0], message="They differ.", requirement="", layer=None)
    images[1] = replace(apart, findings=(across,))
    for name, error in (("oci-dir:/x:v7", "oci-dir:/x: no such folder"), ("calico/node:v8", "it can't be told")):
        images.append(SweepImage(name, "not-audited", None, "sha256:9", "", images[0].spec, error=error))
    return gather_sweep(tuple(images), images[0].spec)


NEVER = Options(fail_on=FailOn.NEVER, fail_on_from="audit-image.toml")


def index(*each: Report, how: Options | None = None) -> IndexReport:
    platforms = tuple(one.image.platform for one in each)
    said = ReportIndex("calico/node:v1", "registry", "sha256:" + "c" * 64, platforms)
    return judge_index(IndexReport(said, "pass", each, ()), Terms(SPEC, how or Options(), (WAIVER,), TODAY))


def across() -> ReleaseDiff:
    """What shows across platforms alone: one that is lost, one that comes, findings that go and come, some waived."""
    old, new = index(report(good()), report(good(), ARM64)), index(report(good()), report(good(), S390))
    noted = replace(report(bad()).findings[0], requirement="", layer=None, severity=Severity.NOTE)
    found = {
        name: replace(noted, subject=name, message=f"{name} differs.", severity=severity, waived_by=waived)
        for name, severity, waived in (
            ("iptables", Severity.ERROR, None),
            ("ipset", Severity.WARNING, "it is known (net-team)"),
            ("ip", Severity.NOTE, None),
        )
    }
    first, *others = found.values()
    old = replace(old, findings=(first,), index=replace(old.index, left_out=(Platform("linux", "ppc64le"),)))
    new = replace(new, findings=tuple(others), index=replace(new.index, digest=None))
    return compare_releases(old, new)


def diff() -> Diff:
    return compare(report(good()), report(bad()))


def releases() -> ReleaseDiff:
    old = index(report(good()), report(good(), ARM64))
    return compare_releases(old, index(report(good()), report(bad(), ARM64)))


def alike() -> ReleaseDiff:
    return compare_releases(index(report(good())), index(report(good())))


def two_kernels() -> KernelReport:
    return audited(
        kernel(absent=["nft_compat"], unknown=["xt_set"]),
        kernel(release="5.4.0", version=(5, 4, 0), node="node-1", cpu_level="x86-64-v2"),
        images=[image(types={"hash:ip": 5, "hash:mac": 0}), image(reference="calico/cni")],
    )


def several() -> SeveralReports:
    missed = NotAudited("calico/node:v0", "calico/node:v0: no such image")
    return gather((report(good()), report(bad()), let_through(AMD64)), (missed,))


DOCUMENTS: dict[str, Callable[[], "Document"]] = {
    "sound": lambda: report(good()),
    "broken": lambda: report(bad()),
    "index": lambda: index(report(good()), report(bad(), ARM64)),
    "diff": diff,
    "releases": releases,
    "releases-alike": alike,
    "releases-across": across,
    "releases-of-one": lambda: compare_releases(index(report(good())), index(report(bad()))),
    "kernel": two_kernels,
    "several": several,
    "kernels": several_kernels,
    "kernels-let-through": lambda: audited(kernel(absent=["xt_set"]), fail_on=FailOn.NEVER),
    "detailed": detailed,
    "let-through": lambda: let_through(Platform("", "")),
    "index-let-through": lambda: index(let_through(AMD64), let_through(ARM64), how=NEVER),
    "sweep": sweep,
    "bill": detailed,
}


_TEXTS = ("text", "markdown", "html")
VIEWS = {
    "sound": ("text", "markdown"),
    "broken": (*_TEXTS, "verbose text", "coloured text", "csv", "github", "junit", "gitlab"),
    "index": (*_TEXTS, "junit", "sarif"),
    "diff": (*_TEXTS, "verbose text", "coloured text", "csv"),
    "releases": (*_TEXTS, "junit"),
    "releases-alike": ("text", "markdown", "junit"),
    "releases-of-one": ("text",),
    "releases-across": (*_TEXTS, "verbose text", "junit", "sarif"),
    "kernel": (*_TEXTS, "verbose text", "csv"),
    "several": ("text", "html", "csv", "junit", "sarif"),
    "kernels": ("text", "verbose markdown", "csv", "junit", "sarif"),
    "kernels-let-through": ("text",),
    "detailed": (
        *("text", "verbose text", "quiet text", "coloured text", "verbose markdown", "html", "csv", "junit", "github"),
        *("in-toto", "needs-sh", "needs-json", "sarif", "gitlab", "verbose github", "verbose html"),
    ),
    "let-through": ("text", "markdown", "junit"),
    "index-let-through": ("text",),
    "sweep": ("text", "quiet text", "coloured text", "markdown", "verbose html", "csv", "junit"),
    "bill": ("cyclonedx-json", "spdx-json"),
}


def shown(name: str) -> str:
    """The views of a document; of the page the text, a line for each element that has some."""
    document = DOCUMENTS[name]()
    return "".join(f"===== {view}\n{_view(document, view)}" for view in VIEWS[name])


def _view(document: "Document", view: str) -> str:
    how, _, name = view.rpartition(" ")
    text = write(document, name, Style(verbose=how == "verbose", quiet=how == "quiet", colour=how == "coloured"))
    text = re.sub("\x1b\\[([1-9;]+)m", r"{\1:", text).replace("\x1b[0m", "}")
    text = text.replace(importlib.metadata.version("audit-image"), "VERSION")
    text = text.replace(SPEC.digest, f"sha256:{'5' * 64}").replace(SPEC.digest.partition(":")[2], "5" * 64)
    if name == "sarif":
        (run,) = json.loads(text)["runs"]
        del run["tool"]  # which has the rules' explanations
        return "".join(_entries(run))
    if name in ("cyclonedx-json", "spdx-json"):
        text = re.sub(r"urn:uuid:[0-9a-f-]{36}", "urn:uuid:ITS-OWN", text)  # which depends on the version
        return "".join(_entries(json.loads(text)))
    if name != "html":
        return text
    text = re.sub(r'<td [^>]*class="([\w-]+)"[^>]*>', r"\n[\1] ", text)  # what stands out
    bare = re.sub(r"<(script|style)\b.*?</\1>|<[^>]*>", "\n", text, flags=re.DOTALL)
    return "".join(f"{html.unescape(line).strip()}\n" for line in bare.splitlines() if line.strip())


def _entries(document: dict[str, object]) -> Iterator[str]:
    """A line for each entry of the lists of a document."""
    for name, value in document.items():
        several = value if isinstance(value, list) else [value]
        yield from (f"{name}: {json.dumps(entry, ensure_ascii=False)}\n" for entry in several)


@pytest.mark.parametrize("name", VIEWS)
def test_what_is_shown_is_what_was_read(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    assert shown(name) == (SHOWN / f"{name}.txt").read_text(encoding="utf-8")


if __name__ == "__main__":
    SHOWN.mkdir(exist_ok=True)
    for _name in VIEWS:
        (SHOWN / f"{_name}.txt").write_text(shown(_name), encoding="utf-8")
