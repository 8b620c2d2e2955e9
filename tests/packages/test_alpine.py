"""Images of Alpine's shape: programs built with musl, and the database that describes them."""

import pytest

from auditor.packages import Verdict, read_packages, verify
from fixtures.alpine.build import build_alpine
from fixtures.image import BuiltImage
from fixtures.inside import Command, run_inside
from fixtures.workspace import Unavailable
from tests.packages.trees import DirectoryTree

pytestmark = pytest.mark.full


def built(shape: str) -> BuiltImage:
    try:
        return build_alpine(shape)
    except Unavailable as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("shape", ["alpine", "alpine-nft", "alpine-merged"])
def test_packages_are_those_of_the_text_and_every_file_is_their_own(shape: str) -> None:
    image = built(shape)
    tree = DirectoryTree(image.tree)
    packages = read_packages(tree)
    assert packages.warnings == ()
    lines = (image.tree / "lib/apk/db/installed").read_text().split("\n")
    assert [p.name for p in packages.packages] == sorted(line[2:] for line in lines if line[:2] == "P:")
    files = [owned for package in packages.packages for owned in packages.files(package)]
    assert len(files) == sum(line[:2] == "R:" for line in lines) > 100
    for owned in files:
        there = tree.lstat(owned.path)
        assert there is not None
        assert verify(owned, there) is Verdict.SAME
        assert packages.owner(owned.path) == owned


@pytest.mark.parametrize("shape", ["alpine", "alpine-merged"])
def test_the_tool_is_its_packages_own_and_prints_the_packages_version(shape: str) -> None:
    image = built(shape)
    packages = read_packages(DirectoryTree(image.tree))
    owned = packages.owner("/sbin/xtables-legacy-multi")
    assert owned is not None
    (result,) = run_inside(image.tree, image.architecture, [Command(("/sbin/iptables-legacy", "--version"))])
    assert result.output.strip() == f"iptables v{owned.package.upstream_version} (legacy)"
    assert packages.owner("/sbin/ip") is None


def test_a_changed_plugin_is_told() -> None:
    tree = DirectoryTree(built("alpine-plugin-changed").tree)
    packages = read_packages(tree)
    changed = {
        owned.path
        for package in packages.packages
        for owned in packages.files(package)
        if (node := tree.lstat(owned.path)) is not None and verify(owned, node) is Verdict.CHANGED
    }
    assert changed == {"/usr/lib/xtables/libxt_multiport.so"}
