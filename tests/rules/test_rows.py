"""What a row comes to where no finding is against it: met, or unknown and why; and what only a kernel can answer."""

import pytest
from msgspec.structs import replace

from auditor.elf.model import NoticeKind
from auditor.inventory.model import (
    Binary,
    InstalledPackage,
    Inventory,
    Notice,
    RuntimeConfig,
    StartUnknown,
    Tool,
    Whereabouts,
)
from auditor.rules import ImageContext, Options, Subject, run_rules
from auditor.rules.image.rows import Row, judge_rows
from auditor.spec import Spec
from tests.inventories import LAYERS, binary, context, sound
from tests.specs import own_row, own_spec


def judged(image: ImageContext) -> dict[str, Row]:
    return {row.requirement.id: row for row in judge_rows(image, run_rules(Subject.IMAGE, image))}


def told(spec: Spec, inventory: Inventory, row: str) -> tuple[str, str]:
    found = judged(ImageContext(spec, Options(), inventory, LAYERS))[row]
    return found.status, found.reason


def with_one(tool: str, **fields: object) -> Inventory:
    """The image has one program of one tool."""
    one = replace(binary("ipset", "ipset"), name=tool, path=f"/bin/{tool}", resolved_path=f"/bin/{tool}")
    changed: Binary = replace(one, **fields)
    return replace(sound(), tools=(Tool(tool, changed.version, (), (changed,)),), whereabouts=(Whereabouts("x"),))


OTHER = "other: not a program of a known tool"


@pytest.mark.parametrize(
    ("tool", "fields", "told_so"),
    [
        ("ipset", {}, ("met", "")),
        # A build without a version is still the tool, where nothing asks for one.
        ("ipset", {"version": None, "reason": "no version string"}, ("met", "")),
        ("ipset", {"version": None, "reason": OTHER}, ("unknown", f"/bin/ipset shows no version: {OTHER}")),
        # Nobody knows what programs of it look like.
        ("mine", {"version": None, "reason": OTHER}, ("met", "")),
        ("mine", {"kind": "script", "version": None}, ("unknown", "/bin/mine is a script")),
        ("mine", {"kind": "launcher", "unknown": "it runs $X"}, ("unknown", "it runs $X")),
    ],
)
def test_a_tool_without_a_minimum(tool: str, fields: dict[str, object], told_so: tuple[str, str]) -> None:
    assert told(own_spec(**{tool: tool}), with_one(tool, **fields), f"tool.{tool}") == told_so


def test_a_program_whose_loader_nobody_knows() -> None:
    notice = Notice(NoticeKind.UNKNOWN, "/bin/ipset", "/lib/ld.so", "no rules are known", programs=("/bin/ipset",))
    inventory = replace(with_one("ipset"), notices=(notice,))
    assert told(own_spec(ipset="ipset"), inventory, "tool.ipset") == ("unknown", "/bin/ipset: no rules are known")


@pytest.mark.parametrize(
    ("config", "layers", "unread", "told_so"),
    [
        (RuntimeConfig(cmd=("x",)), True, False, ("met", "")),
        (RuntimeConfig(entrypoint=("x",)), True, False, ("met", "")),
        (RuntimeConfig(), True, False, ("unknown", "the image names neither Entrypoint nor Cmd")),
        (
            RuntimeConfig(),
            False,
            False,
            (
                "unknown",
                "a root file system alone has no Entrypoint and no Cmd; audit the image or an archive of it",
            ),
        ),
        (RuntimeConfig(cmd=("x",)), False, False, ("met", "")),
        (RuntimeConfig(cmd=("x",)), True, True, ("unknown", "/run: it can't be read")),
    ],
)
def test_an_entrypoint(config: RuntimeConfig, layers: bool, unread: bool, told_so: tuple[str, str]) -> None:
    unknowns = (StartUnknown("/run", 1, "exec $X"), StartUnknown("/run", 2, "it can't be read", unread=unread))
    inventory = replace(sound(), config=config, start_unknowns=unknowns)
    image = context(inventory)
    found = judged(image if layers else replace(image, layers=()))["image.entrypoint"]
    assert (found.status, found.reason) == told_so


def test_rows_that_need_something_of_a_kernel_say_so() -> None:
    rows = judged(context(sound()))
    assert {name for name, row in rows.items() if row.kernel} == {
        name for name, row in rows.items() if row.requirement.needs and row.status != "not-applicable"
    }
    assert rows["feature.ipip"].kernel == "needs-kernel"
    assert rows["tool.ipset"].kernel is None
    assert rows["library.iproute2.libelf"].state == "linked"
    assert rows["tool.ipset"].state is None


LINKS = own_spec(own_row("feature.vxlan", "A tunnel.", tools=["iproute2"], link_types=["vxlan"]), iproute2="ip")
SETS = own_spec(own_row("feature.sets", "Sets.", tools=["ipset"], set_types=True), ipset="ipset")


@pytest.mark.parametrize(
    ("spec", "inventory", "row", "told_so"),
    [
        (LINKS, replace(sound(), link_types=("vxlan",)), "feature.vxlan", ("met", "")),
        (
            LINKS,
            replace(sound(), tools=()),
            "feature.vxlan",
            ("unknown", "the report was saved under a spec that doesn't ask for iproute2; audit the image itself"),
        ),
        (SETS, sound(), "feature.sets", ("met", "")),
        (
            SETS,
            replace(sound(), set_types=()),
            "feature.sets",
            ("unknown", "the set types of the image's libipset can't be read"),
        ),
    ],
)
def test_what_a_tool_is_able_to_do(spec: Spec, inventory: Inventory, row: str, told_so: tuple[str, str]) -> None:
    assert told(spec, inventory, row) == told_so


def installed(*packages: tuple[str, str, str]) -> Inventory:
    return replace(
        sound(), packages=tuple(InstalledPackage(kind, name, version, "", "") for kind, name, version in packages)
    )


@pytest.mark.parametrize(
    ("version", "minimum", "status"),
    [
        ("1.2", "", "met"),
        ("1.1", "1.2", "not-met"),
        ("1.2", "1.2", "met"),
        ("1.2-1", "1.2", "met"),
        ("1.10", "1.2", "met"),
        # An epoch counts where the minimum has one.
        ("1:1.1", "1.2", "not-met"),
        ("1:1.2", "1.2", "met"),
        ("1:1.1", "1:1.2", "not-met"),
        ("1.3", "1:1.2", "not-met"),
        ("2:1.1", "1:1.2", "met"),
    ],
)
def test_a_package_of_a_minimum(version: str, minimum: str, status: str) -> None:
    asked = {"minimum": minimum} if minimum else {}
    spec = own_spec(own_row("package.x", "x", packages={"deb": "x|y"}, **asked))
    assert told(spec, installed(("deb", "x", version)), "package.x")[0] == status
    assert told(spec, installed(("deb", "y", version)), "package.x")[0] == status


@pytest.mark.parametrize(
    ("packages", "warnings", "told_so"),
    [
        ((("deb", "z", "1"),), (), ("not-met", "The package x or y is not installed.")),
        ((), (), ("unknown", "the image has no package database")),
        ((("apk", "x", "1"),), (), ("unknown", "the image's packages are apk, and the row names none of that kind")),
        ((("apk", "x", "1"), ("deb", "z", "1")), (), ("not-met", "The package x or y is not installed.")),
        ((("deb", "z", "1"),), ("it is cut",), ("unknown", "part of the package database can't be read: it is cut")),
        ((("deb", "x", "1"),), ("it is cut",), ("met", "")),
    ],
)
def test_a_package_that_may_be_there(
    packages: tuple[tuple[str, str, str], ...], warnings: tuple[str, ...], told_so: tuple[str, str]
) -> None:
    spec = own_spec(own_row("package.x", "x", packages={"deb": "x|y", "rpm": "x"}))
    assert told(spec, replace(installed(*packages), package_warnings=warnings), "package.x") == told_so
