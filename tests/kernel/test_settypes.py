"""The revisions of set types: read from modules, compared with an image's."""

from pathlib import Path

import pytest

from auditor.kernel.model import FeatureNeed, Kernel, Relation
from auditor.kernel.settypes import compare_set_types, is_set_type
from auditor.tools.model import SetType
from tests.kernel.made import config, one, tree


def described(name: str, low: int, high: int) -> str:
    return f"description={name} type of IP sets, revisions {low}-{high}"


def kernel(tmp_path: Path, **maxima: int) -> Kernel:
    """A kernel whose type hash:NAME has the revisions 0 to the one given."""
    modules = {f"ip_set_hash_{name}": (described(f"hash:{name}", 0, high),) for name, high in maxima.items()}
    return one([tree(tmp_path, modules, installed=True)])


def image(**revisions: range) -> list[SetType]:
    return [SetType(f"hash:{name}", number, 255, 1) for name, numbers in revisions.items() for number in numbers]


def test_ranges(tmp_path: Path) -> None:
    modules = {
        "ip_set_hash_ipportnet": (described("hash:ip,port,net", 0, 8), "alias=ip_set_hash:ip,port,net"),
        "ip_set_list_set": (described("list:set", 0, 3),),
        "ip_set": ("description=core IP set support",),
        "xt_set": ("description=Xtables: IP set match and target module",),
    }
    info = {"ip_set_bitmap_ip": (described("bitmap:ip", 1, 3),)}
    found = one([tree(tmp_path, modules, order=(), built_in=list(info), built_in_info=info, kind="xz", installed=True)])
    assert [(entry.name, entry.minimum, entry.maximum, entry.module) for entry in found.set_types] == [
        ("bitmap:ip", 1, 3, "ip_set_bitmap_ip"),
        ("hash:ip,port,net", 0, 8, "ip_set_hash_ipportnet"),
        ("list:set", 0, 3, "ip_set_list_set"),
    ]
    assert found.set_types_unknown == ()


@pytest.mark.parametrize(
    ("in_kernel", "in_image", "relation"),
    [
        (6, range(7), Relation.SAME),
        (6, range(6), Relation.KERNEL_HIGHER),
        (5, range(7), Relation.IMAGE_HIGHER),
        (2, range(3, 7), Relation.DISJOINT),
        (6, range(1, 7), Relation.SAME),
    ],
)
def test_relations(tmp_path: Path, in_kernel: int, in_image: range, relation: Relation) -> None:
    (match,) = compare_set_types(kernel(tmp_path, ip=in_kernel), image(ip=in_image))
    assert match.relation is relation
    assert match.kernel == (0, in_kernel)
    assert match.image == (in_image.start, in_image.stop - 1)


def test_a_type_that_one_of_them_lacks(tmp_path: Path) -> None:
    matches = compare_set_types(kernel(tmp_path, ip=4, mac=0), image(ip=range(5), net=range(3)))
    assert [(match.name, match.relation) for match in matches] == [
        ("hash:ip", Relation.SAME),
        ("hash:mac", Relation.IMAGE_LACKS),
        ("hash:net", Relation.KERNEL_LACKS),
    ]


class TestUnknown:
    def test_a_revision_that_is_no_number_of_any_kernel(self, tmp_path: Path) -> None:
        text = f"description=hash:ip type of IP sets, revisions 0-{'9' * 5000}"
        found = one([tree(tmp_path, {"ip_set_hash_ip": (text,)}, installed=True)])
        assert [name for name, _ in found.set_types_unknown] == ["ip_set_hash_ip"]

    def test_types_of_a_sibling_package(self, tmp_path: Path) -> None:
        found = one([tree(tmp_path, {}, order=["ip_set_hash_ipport", "ip_set"])])
        assert [name for name, _ in found.set_types_unknown] == ["ip_set_hash_ipport"]
        (match,) = compare_set_types(found, [SetType("hash:ip,port", 7, 255, 2)])
        assert match.relation is Relation.UNKNOWN
        assert "another package" in match.reason

    def test_an_installed_tree_lacks_what_it_has_not(self, tmp_path: Path) -> None:
        found = one(
            [tree(tmp_path, {}, order=["ip_set_hash_ip"], installed=True), config(tmp_path, "IP_SET_HASH_IP=m")]
        )
        assert found.set_types_unknown == ()
        assert compare_set_types(found, image(ip=range(3)))[0].relation is Relation.KERNEL_LACKS

    @pytest.mark.parametrize("state", ["y", "m"])
    def test_a_config_alone(self, tmp_path: Path, state: str) -> None:
        found = one([config(tmp_path, f"IP_SET_HASH_IP={state}", "IP_SET_HASH_MAC")])
        matches = compare_set_types(found, image(ip=range(3), mac=range(2)))
        assert [match.relation for match in matches] == [Relation.UNKNOWN, Relation.KERNEL_LACKS]

    def test_modules_alone(self, tmp_path: Path) -> None:
        found = one([tree(tmp_path, {"ip_set_hash_ip": (described("hash:ip", 0, 5),)}, built_in=None)])
        matches = compare_set_types(found, image(ip=range(6), mac=range(2)))
        assert [match.relation for match in matches] == [Relation.SAME, Relation.UNKNOWN]

    def test_a_module_that_gives_no_revisions(self, tmp_path: Path) -> None:
        modules = {"ip_set_hash_ip": ("description=hash:ip type of IP sets",)}
        found = one([tree(tmp_path, modules, installed=True)], FeatureNeed("f"))
        assert found.set_types == ()
        assert compare_set_types(found, image(ip=range(3)))[0].relation is Relation.UNKNOWN


def test_names() -> None:
    assert is_set_type("ip_set_hash_netportnet")
    assert not is_set_type("ip_set")
    assert not is_set_type("ip_set_core")
