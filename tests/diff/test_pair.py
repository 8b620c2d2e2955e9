"""What of two images is the same thing, said of single names, paths and layers."""

import pytest
from msgspec.structs import replace

from auditor.image.model import Layer, Platform
from auditor.inventory.model import ElfObject, Inventory, RuntimeConfig
from auditor.report.diff.area.layers import _told
from auditor.report.diff.pair import Pair, Side, listed
from tests.diff.test_compare import report

AMD64, ARM64, UNTOLD = Platform("linux", "amd64"), Platform("linux", "arm64"), Platform("", "")


BASE = report()


def side(*paths: str, platform: Platform = AMD64, layers: str = "ab") -> Side:
    objects = tuple(ElfObject(path, None, "", None, 0, None) for path in paths)
    made = tuple(Layer(number, None, name, "", 1, "") for number, name in enumerate(layers))
    image = replace(BASE.image, platform=platform, layers=made)
    return Side(replace(BASE, image=image, inventory=replace(BASE.inventory, objects=objects)))


@pytest.mark.parametrize(
    ("paths", "merged"),
    [
        ((), False),
        (("/usr/bin/x",), True),
        (("/usr/bin/x", "/opt/x"), True),
        (("/usr/bin/x", "/bin/x"), False),
        (("/sbin/x",), False),
        (("/lib/x",), False),
        (("/lib64/x",), False),
    ],
)
def test_directories_are_merged_where_nothing_lies_in_the_old_ones(paths: tuple[str, ...], merged: bool) -> None:
    assert side(*paths).merged_usr is merged
    assert Pair(side(*paths), side("/bin/x")).merged_usr is merged
    assert Pair(side("/bin/x"), side(*paths)).merged_usr is merged


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [(AMD64, AMD64, True), (AMD64, ARM64, False), (UNTOLD, ARM64, True), (AMD64, UNTOLD, True)],
)
def test_images_that_do_not_tell_are_for_the_same_machine(old: Platform, new: Platform, same: bool) -> None:
    assert Pair(side(platform=old), side(platform=new)).same_machine is same


@pytest.mark.parametrize(
    ("path", "plain", "merged", "other"),
    [
        ("/usr/lib/liba.so", "/usr/lib/liba.so", "/lib/liba.so", "/usr/lib/liba.so"),
        ("/usr/bin/x", "/usr/bin/x", "/bin/x", "/usr/bin/x"),
        ("/usr/lib64/x", "/usr/lib64/x", "/lib64/x", "/usr/lib64/x"),
        ("/usr/share/x", "/usr/share/x", "/usr/share/x", "/usr/share/x"),
        (
            "/usr/lib/x86_64-linux-gnu/liba.so",
            "/usr/lib/x86_64-linux-gnu/liba.so",
            "/lib/x86_64-linux-gnu/liba.so",
            "/usr/lib/{machine}/liba.so",
        ),
        ("/lib/ld-linux-x86-64.so.2", "/lib/ld-linux-x86-64.so.2", "/lib/ld-linux-x86-64.so.2", "{loader}"),
        ("/lib/ld-musl-x86_64.so.1", "/lib/ld-musl-x86_64.so.1", "/lib/ld-musl-x86_64.so.1", "{loader}"),
    ],
)
def test_a_path_as_it_compares(path: str, plain: str, merged: str, other: str) -> None:
    assert Pair(side(), side()).place(path) == plain
    assert Pair(side("/usr/bin/x"), side()).place(path) == merged
    assert Pair(side(), side(platform=ARM64)).place(path) == other


@pytest.mark.parametrize(
    ("old", "new", "old_index", "new_index", "moved"),
    [
        ("ab", "ab", 0, 0, None),
        ("ab", "ab", 0, 1, ("a", "b")),
        ("ab", "ac", 1, 1, None),  # both were built anew
        ("ab", "ac", 0, 1, ("a", "c")),
        ("ab", "ac", 1, 0, ("b", "a")),
        ("ab", "ab", None, 1, None),
        ("ab", "ab", 0, 2, None),
        ("ab", "ab", 2, 1, None),
    ],
)
def test_a_thing_that_comes_from_another_layer(
    old: str, new: str, old_index: int | None, new_index: int | None, moved: tuple[str, str] | None
) -> None:
    assert Pair(side(layers=old), side(layers=new)).moved_layer(old_index, new_index) == moved


@pytest.mark.parametrize(
    ("layers", "digest", "config", "has"),
    [
        ("a", "sha256:1", RuntimeConfig(), True),
        ("a", None, RuntimeConfig(), True),
        ("", "sha256:1", RuntimeConfig(), True),
        ("", None, RuntimeConfig(user="app"), True),
        ("", None, RuntimeConfig(), False),
    ],
)
def test_a_tree_of_files_has_no_config(layers: str, digest: str | None, config: RuntimeConfig, has: bool) -> None:
    made = side(layers=layers).report
    inventory: Inventory = replace(made.inventory, config=config)
    made = replace(made, inventory=inventory, image=replace(made.image, config_digest=digest))
    assert Side(made).has_config is has


def test_all_names_are_listed() -> None:
    assert listed("abcdef") == "a, b, c, d, e, f"


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("", "layer 3"),
        ("RUN  a\n b", "RUN a b"),
        ("x" * 90, "x" * 90),
        ("x" * 91, "x" * 89 + "…"),
    ],
)
def test_a_layer_is_told_by_the_beginning_of_its_command(command: str, told: str) -> None:
    assert _told(Layer(3, None, None, "", 1, command)) == told
