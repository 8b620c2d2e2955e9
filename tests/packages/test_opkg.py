"""opkg's database: the files as OpenWrt's own opkg writes them (no distribution at hand packages opkg itself)."""

import pytest

from auditor.inventory.keep import keep
from auditor.inventory.model import Distribution, InstalledPackage
from auditor.packages import Packages, Verdict, read_packages, verify
from auditor.packages.kinds import compare_versions
from auditor.report.bill.purl import package_purl
from tests.packages.trees import TableTree

STATUS = """\
Package: iptables-nft
Version: 1.8.8-2
Depends: libc, libnftnl11 (= 1.2.4-1), xtables-nft
Status: install user installed
Architecture: x86_64
Installed-Time: 1727011234

Package: base-files
Version: 1551-r24106+10-r24106-10cc5fcd00
Depends: libc, netifd, jsonfilter
Status: install user installed
Essential: yes
Architecture: x86_64
Conffiles:
 /etc/config/network d41d8cd98f00b204e9800998ecf8427e
 /etc/passwd 0
Installed-Time: 1727011233

Package: gone
Version: 1-1
Status: deinstall user not-installed
Architecture: x86_64
"""
CONTROL = """\
Package: iptables-nft
Version: 1.8.8-2
Depends: libc
Source: package/network/utils/iptables
SourceName: iptables
License: GPL-2.0
Section: net
URL: https://netfilter.org/
Maintainer: Jo-Philipp Wich <jo@mein.io>
Architecture: x86_64
Description: IP firewall administration tool nft.
"""
FILES: dict[str, str | bytes | None] = {
    "status": STATUS,
    "info/iptables-nft.control": CONTROL,
    "info/iptables-nft.list": "/usr/sbin/iptables-nft\n/usr/sbin/xtables-nft-multi\n",
    "info/base-files.list": "/etc/config/network\n/etc/passwd\t0100644\n/lib/ld.so\t0120777\tlibc.so\n",
}


def image(root: str = "/usr/lib/opkg", **changes: str | None) -> Packages:
    table = {f"{root}/{name}": data for name, data in {**FILES, **changes}.items() if data is not None}
    return read_packages(TableTree({**table, "/usr/sbin/iptables-nft": b"x", "/etc/config/network": b""}))


@pytest.mark.parametrize("root", ["/usr/lib/opkg", "/var/lib/opkg"])
def test_packages_are_listed_with_what_their_control_files_say(root: str) -> None:
    packages = image(root)
    assert packages.warnings == ()
    assert [(package.name, package.version) for package in packages.packages] == [
        ("base-files", "1551-r24106+10-r24106-10cc5fcd00"),
        ("iptables-nft", "1.8.8-2"),
    ]
    tables = packages.packages[1]
    assert (tables.type, tables.architecture, tables.upstream_version, tables.source) == (
        "opkg",
        "x86_64",
        "1.8.8",
        "iptables",
    )
    assert (tables.licence, tables.homepage) == ("GPL-2.0", "https://netfilter.org/")
    assert tables.vendor == "Jo-Philipp Wich <jo@mein.io>"


def test_files_are_owned_and_only_configuration_has_a_digest() -> None:
    packages = image()
    tree = TableTree({"/etc/config/network": b"", "/changed": b"y"})
    assert [owned.path for owned in packages.files(packages.packages[0])] == [
        "/etc/config/network",
        "/etc/passwd",
        "/lib/ld.so",
    ]
    program, network = packages.owner("/usr/sbin/iptables-nft"), packages.owner("/etc/config/network")
    assert program is not None
    assert (program.package.name, program.digest, program.configuration) == ("iptables-nft", "", False)
    assert network is not None
    assert network.configuration
    same, other = tree.lstat("/etc/config/network"), tree.lstat("/changed")
    assert same is not None
    assert other is not None
    assert [verify(network, node) for node in (same, other)] == [Verdict.SAME, Verdict.CHANGED]
    assert verify(program, other) is Verdict.UNKNOWN
    assert packages.owner("/usr/sbin/other") is None
    assert packages.complete


@pytest.mark.parametrize(
    ("changes", "path", "says"),
    [
        ({"status": None}, "/usr/lib/opkg/status", "it is gone; the lists"),
        ({"status": STATUS + "\nPackage: x\n"}, "/usr/lib/opkg/status", "1 of its paragraphs"),
        ({"info/base-files.list": None}, "/usr/lib/opkg/info/base-files.list", "it is gone"),
    ],
)
def test_what_cannot_be_read_is_told(changes: dict[str, str | None], path: str, says: str) -> None:
    packages = image(**changes)  # type: ignore[arg-type]
    packages.owner("/etc/passwd")
    assert any(warning.path == path and says in warning.message for warning in packages.warnings)
    assert not packages.complete


def test_its_purl_names_the_distribution_that_the_image_says_it_is() -> None:
    package = InstalledPackage("opkg", "iptables-nft", "1.8.8-2", "x86_64", "1.8.8", "iptables", "1.8.8-2")
    assert package_purl(package, Distribution("openwrt", "23.05.5", "OpenWrt 23.05.5")) == (
        "pkg:opkg/openwrt/iptables-nft@1.8.8-2?arch=x86_64&distro=openwrt-23.05.5&upstream=iptables"
    )


@pytest.mark.parametrize(
    ("older", "newer"), [("1.8.8-2", "1.8.8-10"), ("1.8.8-r1", "1.8.10-r1"), ("2024.01.02~a-1", "2024.09.15~b-1")]
)
def test_versions_rise(older: str, newer: str) -> None:
    assert compare_versions("opkg", older, newer) == -1
    assert compare_versions("opkg", newer, older) == 1


def test_its_files_are_kept_while_the_image_goes_by() -> None:
    wanted = ("status", "info/a.list", "info/a.control", "info/a.postinst", "info/a.conffiles")
    assert [keep(f"/usr/lib/opkg/{name}", 0o644, 100_000, b"Pack") for name in wanted] == [True] * 3 + [False] * 2
