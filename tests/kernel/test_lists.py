"""Names, versions, and the lists beside a kernel's modules."""

import pytest

from auditor.errors import UsageError
from auditor.kernel.lists import AliasTable, parse_dep, parse_names
from auditor.kernel.names import module_file, module_name
from auditor.kernel.version import RELEASE, at_least, parse_version, release_version, version_text


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("kernel/net/xt_set.ko", ("xt_set", "")),
        ("xt_set.ko.xz", ("xt_set", "xz")),
        ("updates/dkms/nf-conntrack.ko.zst", ("nf_conntrack", "zst")),
        ("a/b.ko.gz", ("b", "gz")),
        ("kernel/net/xt_set.ko.debug", None),
        ("kernel/net/xt_set.ko.bz2", None),
        ("kernel/net/.ko", None),
        ("modules.dep", None),
        ("xt_set.ko/", None),
    ],
)
def test_module_files(path: str, expected: tuple[str, str] | None) -> None:
    assert module_file(path) == expected


def test_module_names() -> None:
    assert module_name("net-pf-16-proto-12") == "net_pf_16_proto_12"
    assert module_name("a-[b-c]-d") == "a_[b-c]_d"  # a range inside brackets keeps its dash


def test_dep() -> None:
    text = b"kernel/net/xt_set.ko.xz: kernel/net/x_tables.ko.xz\n/lib/modules/5.10/extra/a-b.ko:\nnothing\n"
    assert parse_dep(text) == {
        "xt_set": ("kernel/net/xt_set.ko.xz", "xz"),
        "a_b": ("/lib/modules/5.10/extra/a-b.ko", ""),
    }


def test_names() -> None:
    assert parse_names(b"kernel/net/x-tables.ko\nkernel/a.o\n\n  kernel/b.ko \n") == {"x_tables", "a", "b"}


def test_aliases() -> None:
    table = AliasTable(
        b"# Aliases extracted from modules themselves.\n"
        b"alias ipt_set xt_set\nalias pci:v0000*d* e1000\nalias net-pf-16-proto-12 nfnetlink\n"
        b"alias char-major-1[0-9]-* thing\nalias ipt_set other-one\n"
    )
    assert table.modules("ipt_set") == ("xt_set", "other_one")
    assert table.modules("net_pf-16-proto_12") == ("nfnetlink",)
    assert table.modules("char-major-13-7") == ("thing",)
    assert table.modules("ipt_SET") == ()


@pytest.mark.parametrize(
    ("release", "version"),
    [
        ("6.1.0-50-cloud-amd64", (6, 1, 0)),
        ("7.2.13+deb14-rt-amd64", (7, 2, 13)),
        ("2.6.32-754.el6.x86_64", (2, 6, 32)),
        ("5.4", (5, 4, 0)),
        ("linux", ()),
    ],
)
def test_releases(release: str, version: tuple[int, ...]) -> None:
    assert release_version(release) == version


@pytest.mark.parametrize("name", ["..", "kernel", "6.1/../x", "6.1 x", "6", "6.1\n"])
def test_what_is_no_release(name: str) -> None:
    assert RELEASE.fullmatch(name) is None


@pytest.mark.parametrize(
    ("version", "minimum", "expected"),
    [
        ((3, 10, 0), (3, 10), True),
        ((3, 9, 11), (3, 10), False),
        ((2, 6, 32), (2, 6, 32), True),
        ((2, 6), (2, 6, 1), False),
        ((6, 1, 0), (), True),
        ((10, 0), (9, 9), True),
    ],
)
def test_at_least(version: tuple[int, ...], minimum: tuple[int, ...], expected: bool) -> None:
    assert at_least(version, minimum) is expected


def test_versions_that_people_write() -> None:
    assert parse_version("") == ()
    assert parse_version("2.6.32") == (2, 6, 32)
    assert version_text((2, 6, 32)) == "2.6.32"
    for text in ("6.x", "v6.1", "6.1-rc1", "1.2.3.4.5", " 6.1"):
        with pytest.raises(UsageError):
            parse_version(text)
