"""What dpkg's own shapes of database say, each in its smallest form."""

import pytest

from auditor.filetree import FileKind, Node
from auditor.packages import Verdict, read_packages, verify
from tests.packages.trees import TableTree, node

STATUS = """\
Package: ip
Status: install ok installed
Maintainer: Some One <one@example.org>
Architecture: amd64
Source: iproute (6.1.0-3)
Version: 1:6.1.0-3+b1
Conffiles:
 /etc/ip/rt 0123456789abcdef0123456789abcdef
 /etc/ip/old 1123456789abcdef0123456789abcdef obsolete
 /etc/ip/new newconffile
Description: a tool
 Version: 9 is not a field here

Package: libx
Status: install ok installed
Multi-Arch: same
Architecture: amd64
Version: 2.0

Package: left
Status: deinstall ok config-files
Architecture: all
Version: 3
Conffiles:
 /etc/left 0123456789abcdef0123456789abcdef
"""
IMAGE = {
    "/bin": "-> usr/bin",
    "/usr/bin/ip": "ip",
    "/var/lib/dpkg/status": STATUS,
    "/var/lib/dpkg/info/ip.list": "/.\n/bin\n/bin/ip\n/etc\n/etc/ip/rt\n/etc/ip/new\n/usr/share/doc/ip/copyright\n",
    "/var/lib/dpkg/info/ip.md5sums": "957b527bcfbad2e80f58d20683931435  bin/ip\n",
    "/var/lib/dpkg/info/libx:amd64.list": "/.\n/usr\n/usr/lib\n/usr/lib/libx.so.2\n",
    "/var/lib/dpkg/info/left.list": "/.\n/etc\n/etc/left\n",
}


def image(**changes: str | bytes | None) -> TableTree:
    return TableTree(IMAGE | {f"/var/lib/dpkg/{name}": value for name, value in changes.items()})


def test_installed_packages_are_listed_with_their_versions_and_sources() -> None:
    packages = read_packages(image())
    assert [(p.name, p.version, p.upstream_version) for p in packages.packages] == [
        ("ip", "1:6.1.0-3+b1", "6.1.0"),
        ("libx", "2.0", "2.0"),
    ]
    ip, libx = packages.packages
    assert (ip.type, ip.source, ip.source_version) == ("deb", "iproute", "6.1.0-3")
    assert (ip.architecture, ip.vendor) == ("amd64", "Some One <one@example.org>")
    assert (libx.source, libx.source_version) == ("libx", "2.0")
    assert packages.warnings == ()


def test_a_removed_package_whose_configuration_is_left_owns_nothing() -> None:
    assert read_packages(image()).owner("/etc/left") is None


@pytest.mark.parametrize(
    ("path", "owner"),
    [
        ("/bin/ip", "ip"),
        ("/usr/bin/ip", "ip"),
        ("/usr/bin//./ip", "ip"),
        ("/usr/bin/../bin/ip", "ip"),
        ("/bin/../bin/ip", "ip"),
        ("/etc/ip/rt", "ip"),
        ("/usr/lib/libx.so.2", "libx"),
        ("/bin", "ip"),
        ("/usr/bin", None),
        ("/usr/sbin/ip", None),
        ("/ip", None),
        ("/", None),
        ("", None),
        ("/usr/share/doc/ip/copyright", "ip"),
    ],
)
def test_a_path_is_owned_by_whichever_directory_link_it_is_reached(path: str, owner: str | None) -> None:
    owned = read_packages(image()).owner(path)
    assert (owned.package.name if owned else None) == owner


def test_files_carry_digests_and_say_which_are_configuration() -> None:
    packages = read_packages(image())
    files = {owned.path: owned for owned in packages.files(packages.packages[0])}
    assert files["/bin/ip"].digest == "md5:957b527bcfbad2e80f58d20683931435"
    assert files["/etc/ip/rt"].configuration
    assert files["/etc/ip/rt"].digest == "md5:0123456789abcdef0123456789abcdef"
    assert files["/etc/ip/new"].configuration
    assert files["/etc/ip/new"].digest == ""
    assert files["/usr/share/doc/ip/copyright"].digest == ""
    assert packages.real_path(files["/bin/ip"]) == "/usr/bin/ip"


@pytest.mark.parametrize(
    ("there", "verdict"),
    [
        (node(FileKind.REGULAR, b"ip"), Verdict.SAME),
        (node(FileKind.REGULAR, b"other"), Verdict.CHANGED),
        (node(FileKind.REGULAR), Verdict.UNKNOWN),
        (node(FileKind.SYMLINK, target="busybox"), Verdict.CHANGED),
        (node(FileKind.DIRECTORY), Verdict.CHANGED),
    ],
)
def test_a_file_is_compared_by_content(there: Node, verdict: Verdict) -> None:
    owned = read_packages(image()).owner("/bin/ip")
    assert owned is not None
    assert verify(owned, there) is verdict


def test_without_a_digest_nothing_is_claimed() -> None:
    owned = read_packages(image()).owner("/usr/lib/libx.so.2")
    assert owned is not None
    assert verify(owned, node(FileKind.REGULAR, b"x")) is Verdict.UNKNOWN


def test_a_diverted_file_is_owned_where_it_lies() -> None:
    packages = read_packages(image(diversions="/bin/ip\n/bin/ip.real\nwrapper\n/etc/ip/rt\n/etc/ip/rt.mine\n:\n"))
    assert packages.owner("/usr/bin/ip") is None
    diverted = packages.owner("/usr/bin/ip.real")
    assert diverted is not None
    assert (diverted.path, diverted.diverted_to, diverted.place) == ("/bin/ip", "/bin/ip.real", "/bin/ip.real")
    assert packages.owner("/etc/ip/rt") is None
    assert packages.owner("/etc/ip/rt.mine") is not None


def test_the_diverting_package_keeps_its_own_file() -> None:
    packages = read_packages(image(diversions="/bin/ip\n/bin/ip.real\nip\n"))
    owned = packages.owner("/bin/ip")
    assert owned is not None
    assert owned.diverted_to == ""


def test_of_two_owners_the_one_that_vouches_is_taken() -> None:
    other = "\nPackage: ap\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\n"
    packages = read_packages(
        image(
            **{
                "status": STATUS + other,
                "info/ap.list": "/usr/bin/ip\n",
                "info/ap.md5sums": "0" * 32 + "  usr/bin/ip\n",
            }
        )
    )
    assert [owned.package.name for owned in packages.owners("/bin/ip")] == ["ap", "ip"]
    owner = packages.owner("/bin/ip")
    assert owner is not None
    assert owner.package.name == "ip"


DISTROLESS = "Package: base-files\nVersion: 12.4+deb12u5\nArchitecture: arm64\n"


@pytest.mark.parametrize("name", ["base", "base-files", "YmFzZS1maWxlcw"])
def test_distroless_images_keep_a_file_for_each_package(name: str) -> None:
    packages = read_packages(
        TableTree(
            {
                f"/var/lib/dpkg/status.d/{name}": DISTROLESS,
                f"/var/lib/dpkg/status.d/{name}.md5sums": "957b527bcfbad2e80f58d20683931435  ./usr/lib/os-release\n",
            }
        )
    )
    (package,) = packages.packages
    assert (package.name, package.version, package.upstream_version) == ("base-files", "12.4+deb12u5", "12.4")
    owned = packages.owner("/usr/lib/os-release")
    assert owned is not None
    assert owned.digest == "md5:957b527bcfbad2e80f58d20683931435"
    assert packages.warnings == ()


def test_lists_that_a_builder_left_in_info_belong_to_the_packages_of_status_d() -> None:
    packages = read_packages(
        TableTree(
            {
                "/var/lib/dpkg/status.d/base-files": DISTROLESS,
                "/var/lib/dpkg/info/base-files.list": "/.\n/usr/lib\n/usr/lib/os-release\n",
                "/var/lib/dpkg/info/base-files.md5sums": "957b527bcfbad2e80f58d20683931435  usr/lib/os-release\n",
            }
        )
    )
    owned = packages.owner("/usr/lib/os-release")
    assert owned is not None
    assert (owned.package.name, owned.digest) == ("base-files", "md5:957b527bcfbad2e80f58d20683931435")
    assert packages.complete


@pytest.mark.parametrize(
    ("changes", "path", "says"),
    [
        ({"info/ip.list": None, "status": "x"}, "/var/lib/dpkg/status", "gone or empty"),
        ({"status": ""}, "/var/lib/dpkg/status", "gone or empty"),
        ({"status": None}, "/var/lib/dpkg/status", "it is a directory"),
        ({"status": "-> nowhere"}, "/var/lib/dpkg/status", "dangling link"),
        (
            {"status": STATUS + "\nPackage: b\nStatus: install ok installed\n"},
            "/var/lib/dpkg/status",
            "1 of its paragraphs",
        ),
        ({"status": STATUS.replace("Package: libx", "Package: liby")}, "/var/lib/dpkg/info", "no file list of liby"),
        (
            {"status": STATUS.replace("ok installed", "reinstreq half-installed", 1)},
            "/var/lib/dpkg/status",
            "half-installed",
        ),
        ({"updates/0000": "Package: ip\n"}, "/var/lib/dpkg/updates", "interrupted"),
        ({"diversions": "/a\n/b\n"}, "/var/lib/dpkg/diversions", "middle of a diversion"),
    ],
)
def test_what_cannot_be_read_is_told(changes: dict[str, str | None], path: str, says: str) -> None:
    (warning,) = read_packages(image(**changes)).warnings
    assert warning.path == path
    assert says in warning.message


def test_a_half_installed_package_is_listed_with_its_state() -> None:
    status = STATUS.replace("ok installed", "reinstreq half-installed", 1)
    states = {package.name: package.state for package in read_packages(image(status=status)).packages}
    assert states == {"ip": "half-installed", "libx": "installed"}


def test_an_image_without_a_database_has_no_packages_and_no_warnings() -> None:
    packages = read_packages(TableTree({"/usr/bin/ip": "ip"}))
    assert (packages.packages, packages.warnings, packages.databases) == ((), (), ())
    assert packages.owner("/usr/bin/ip") is None
