"""A report with everything that a bill of materials lists, and one out to do harm."""

import datetime
import hashlib

from msgspec.structs import replace

from auditor.auditing import judge
from auditor.image.model import Layer, Platform
from auditor.inventory.model import (
    UNOWNED,
    Distribution,
    ElfObject,
    InstalledPackage,
    Inventory,
    LoadableExtension,
    Tool,
)
from auditor.report.model import IndexReport, Report, ReportImage, ReportIndex
from auditor.rules import Options
from auditor.spec import load_spec
from auditor.tools.model import Evidence
from tests.inventories import binary, sound, with_tool

DIGEST = "sha256:" + "a1" * 32
LAYERS = (
    Layer(
        0, "sha256:" + "b2" * 32, "sha256:" + "c3" * 32, "application/vnd.oci.image.layer.v1.tar", 10, "ADD rootfs /"
    ),
    Layer(1, None, "sha256:" + "d4" * 32, "", None, "RUN cp xtables /usr/sbin"),
)
DEBIAN = Distribution("debian", "12", "Debian GNU/Linux 12 (bookworm)")
MULTI = "/usr/sbin/xtables-nft-multi"
LIBMNL = "/usr/lib/libmnl.so.0.2.0"
LIBC = "/usr/lib/libc.so.6"
PLUGIN = "/usr/lib/xtables/libxt_mark.so"

PACKAGES = (
    InstalledPackage(
        type="deb",
        name="iptables",
        version="1:1.8.9-2+b1",
        architecture="amd64",
        upstream_version="1.8.9",
        source="iptables",
        source_version="1:1.8.9-2",
        vendor="Netfilter Packaging Team <team@example.org>",
        homepage="https://www.netfilter.org/",
    ),
    InstalledPackage("deb", "libc6", "2.36-9", "amd64", "2.36", "glibc", "2.36-9", "GNU Libc Maintainers"),
    InstalledPackage("deb", "tzdata", "2024a-0", "all", "2024a", "tzdata", "2024a-0", homepage="not an address"),
)


def elf(path: str, *needs: str, soname: str | None = None, package: str | None = "libc6", layer: int = 0) -> ElfObject:
    """One object whose digests are those of its path."""
    data = path.encode(errors="surrogateescape")
    return ElfObject(
        path=path,
        soname=soname,
        sha256=hashlib.sha256(data).hexdigest(),
        build_id=hashlib.md5(data).hexdigest(),
        layer=layer,
        package=package,
        needs=needs,
        sha1=hashlib.sha1(data).hexdigest(),
    )


OBJECTS = (
    elf(MULTI, LIBMNL, LIBC, package="iptables"),
    elf(LIBMNL, LIBC, soname="libmnl.so.0", package=UNOWNED, layer=1),
    elf(LIBC, soname="libc.so.6"),
    elf(PLUGIN, LIBC, package="iptables"),
)


def inventory() -> Inventory:
    """A sound inventory with packages, objects and evidence."""
    program = replace(
        binary("iptables", "iptables", "nf_tables", MULTI), package="iptables", package_version="1.8.9", vouched=True
    )
    tool = Tool("iptables", "1.8.9", (Evidence("elf-string", "1.8.9 (nf_tables)", MULTI),), (program,))
    return replace(
        with_tool(sound(), tool),
        packages=PACKAGES,
        objects=OBJECTS,
        distribution=DEBIAN,
        extensions=(LoadableExtension("", "any", "match", "mark", PLUGIN, 2, True),),
    )


def report(
    found: Inventory | None = None, reference: str = "calico/node:v3.30.0", digest: str | None = DIGEST
) -> Report:
    """That inventory, judged."""
    image = ReportImage(reference, "registry", digest, "sha256:" + "e5" * 32, Platform("linux", "amd64"), LAYERS)
    return judge(image, found or inventory(), load_spec(), Options(), today=datetime.date(2026, 1, 1))


def index() -> IndexReport:
    """Two platforms of one index."""
    one = report()
    arm = replace(one, image=replace(one.image, platform=Platform("linux", "arm64", "v8")))
    platforms = (one.image.platform, arm.image.platform)
    return IndexReport(ReportIndex(one.image.reference, "registry", DIGEST, platforms), "pass", (one, arm), ())


def hostile() -> Report:
    """An image whose every text is out to get whoever reads it."""
    evil = '\x1b[2J</script><script>alert(1)</script>\n\x00"& \udcff｜`|*'
    packages = (InstalledPackage("deb", evil, evil, evil, evil, evil, evil, evil, evil, evil),)
    strange = elf(f"/usr/lib/{evil}", f"/usr/lib/{evil}", soname=evil, package=evil)
    found = replace(
        inventory(), packages=packages * 2, objects=(*OBJECTS, strange), distribution=Distribution(evil, evil, evil)
    )
    return report(found, f"docker-archive:/tmp/{evil}.tar", None)
