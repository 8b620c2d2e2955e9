"""The processor that an image needs, against what the spec or the command line names."""

import pytest
from msgspec.structs import replace

from auditor.elf.model import GoModule
from auditor.image.model import Platform
from auditor.inventory.model import CpuFloor, Floors, GoProgram, Inventory, Tool
from auditor.report.diff.compare import compare
from auditor.rules import ImageContext, Options, Subject, run_rules
from auditor.rules.image.rows import judge_rows
from auditor.severity import Severity
from auditor.spec import load_spec
from tests.diff.test_compare import report as diffed
from tests.diff.test_compare import told
from tests.images import built, report
from tests.inventories import LAYERS, sound

LOADER = CpuFloor("x86-64-v2", "/lib64/ld-linux-x86-64.so.2", "CPU does not support x86-64-v2", True, 0)
MARKED = CpuFloor("x86-64-v2", "/usr/sbin/ipset", "GNU_PROPERTY_X86_ISA_1_NEEDED", False, 1)
TYPHA = CpuFloor("x86-64-v3", "/usr/bin/typha", "GOAMD64=v3", True, 1)


def with_floors(*floors: CpuFloor) -> Inventory:
    return replace(sound(), floors=Floors(cpu=floors))


def told_of(
    inventory: Inventory, spec: str, *cpu: tuple[str, str]
) -> list[tuple[str, Severity, str | None, int | None]]:
    context = ImageContext(load_spec(spec), Options(chosen_platform=True, cpu=cpu), inventory, LAYERS)
    findings = [entry for entry in run_rules(Subject.IMAGE, context) if entry.rule == "cpu-floor"]
    return [(entry.subject, entry.severity, entry.requirement, entry.layer) for entry in findings]


@pytest.mark.parametrize(
    ("floors", "spec", "cpu", "expected"),
    [
        # Nothing names a processor: worth knowing, and no row fails.
        ((LOADER,), "felix", (), [(LOADER.path, Severity.NOTE, None, 0)]),
        # The spec names the one that it needs.
        ((LOADER,), "calico-current", (), []),
        ((LOADER, TYPHA), "calico-current", (), [(TYPHA.path, Severity.ERROR, "image.cpu", 1)]),
        # The command line wins.
        ((LOADER,), "calico-current", (("amd64", "x86-64"),), [(LOADER.path, Severity.ERROR, "image.cpu", 0)]),
        ((TYPHA,), "calico-current", (("amd64", "x86-64-v3"),), []),
        ((LOADER,), "felix", (("amd64", "x86-64"),), [(LOADER.path, Severity.ERROR, "image.loads", 0)]),
        ((LOADER,), "felix", (("arm64", "armv8.0"),), [(LOADER.path, Severity.NOTE, None, 0)]),
        # A mark that nothing checks may hurt later.
        ((MARKED,), "felix", (("amd64", "x86-64"),), [(MARKED.path, Severity.WARNING, "image.loads", 1)]),
        ((replace(LOADER, level="x86-64"),), "felix", (), []),
    ],
)
def test_floors(
    floors: tuple[CpuFloor, ...],
    spec: str,
    cpu: tuple[tuple[str, str], ...],
    expected: list[tuple[str, Severity, str | None, int | None]],
) -> None:
    assert told_of(with_floors(*floors), spec, *cpu) == expected


def without_platform(*floors: CpuFloor, tools: tuple[Tool, ...] = ()) -> Inventory:
    """A root file system, which has no image config to say what machine it is for."""
    return replace(with_floors(*floors), platform=Platform("linux", ""), tools=tools)


@pytest.mark.parametrize(
    ("floors", "tools", "found", "status"),
    [
        # What its programs are for shows in the files.
        ((replace(LOADER, level="x86-64"),), (), [], "met"),
        ((LOADER, TYPHA), (), [(TYPHA.path, Severity.ERROR, "image.cpu", 1)], "not-met"),
        ((), sound().tools, [], "met"),
        # Two machines, or none.
        ((TYPHA, CpuFloor("armv8.1", "/usr/bin/felix", "GOARM64=v8.1", True, 1)), (), [], "unknown"),
        ((), (), [], "unknown"),
    ],
)
def test_a_tree_of_files_is_for_the_machine_of_its_files(
    floors: tuple[CpuFloor, ...], tools: tuple[Tool, ...], found: list[tuple[str, Severity, str, int]], status: str
) -> None:
    inventory = without_platform(*floors, tools=tools)
    assert told_of(inventory, "calico-current") == found
    context = ImageContext(load_spec("calico-current"), Options(chosen_platform=True), inventory, LAYERS)
    rows = {row.requirement.id: row.status for row in judge_rows(context, run_rules(Subject.IMAGE, context))}
    assert rows["image.cpu"] == status


def test_a_raised_floor_is_a_regression() -> None:
    before, after = diffed(with_floors()), diffed(with_floors(LOADER))
    assert ("cpu-floor", "processor", None, "x86-64-v2", "regression") in told(compare(before, after))
    assert ("cpu-floor", "processor", "x86-64-v2", None, "improvement") in told(compare(after, before))
    trees = diffed(without_platform(LOADER)), diffed(without_platform(TYPHA))
    assert told(compare(*trees), "cpu-floor") == {("cpu-floor", "processor", "x86-64-v2", "x86-64-v3", "regression")}
    marked = told(compare(before, diffed(with_floors(MARKED))), "cpu-floor")
    assert marked == {("cpu-floor", "processor", None, "x86-64-v2, marked only", "neutral")}


def test_changes_of_a_go_program() -> None:
    typha = GoProgram(
        "/usr/bin/typha", "go1.23.4", "example.com/typha", GoModule("example.com/typha", "v3.29.0"),
        {"CGO_ENABLED": "1"}, (GoModule("golang.org/x/net", "v0.30.0"), GoModule("example.com/gone", "v1.0.0")),
    )  # fmt: skip
    newer = replace(
        typha, version="go1.24.1", module=GoModule("example.com/typha", "v3.30.0"), settings={"CGO_ENABLED": "0"},
        modules=(GoModule("golang.org/x/net", "v0.33.0"),),
    )  # fmt: skip
    before, after = (diffed(replace(sound(), go=(program,))) for program in (typha, newer))
    assert told(compare(before, after)) == {
        ("go-version", "/usr/bin/typha", "go1.23.4", "go1.24.1", "neutral"),
        ("go-module", "/usr/bin/typha", "example.com/typha v3.29.0", "example.com/typha v3.30.0", "neutral"),
        ("go-dependency", "/usr/bin/typha golang.org/x/net", "v0.30.0", "v0.33.0", "neutral"),
        ("go-dependency", "/usr/bin/typha example.com/gone", "v1.0.0", None, "neutral"),
        ("go-setting", "/usr/bin/typha CGO_ENABLED", "1", "0", "neutral"),
    }


@pytest.mark.parametrize(
    ("architecture", "floors", "cpu", "status"),
    [
        ("amd64", (), (), "met"),
        ("s390x", (), (), "not-applicable"),  # the spec names none for it
        ("s390x", (), (("s390x", "z13"),), "unknown"),
        ("s390x", (replace(LOADER, level="z14", evidence="CPU lacks VXE support"),), (("s390x", "z13"),), "not-met"),
        ("s390x", (replace(LOADER, level="z13", evidence="CPU lacks VX support"),), (("s390x", "z13"),), "met"),
        ("arm64", (), (("arm64", "armv8.0"),), "unknown"),
    ],
)
def test_where_files_have_no_mark_a_processor_is_unknown(
    architecture: str, floors: tuple[CpuFloor, ...], cpu: tuple[tuple[str, str], ...], status: str
) -> None:
    inventory = replace(with_floors(*floors), platform=Platform("linux", architecture))
    context = ImageContext(load_spec("calico-current"), Options(chosen_platform=True, cpu=cpu), inventory, LAYERS)
    rows = {row.requirement.id: row.status for row in judge_rows(context, run_rules(Subject.IMAGE, context))}
    assert rows["image.cpu"] == status


@pytest.mark.full
@pytest.mark.parametrize("architecture", ["ppc64el", "s390x"])
def test_debians_loaders_of_other_machines_check_no_processor(architecture: str) -> None:
    """Red Hat's do, with words that glibc's dl-hwcap-check.h has only in builds for newer processors."""
    audit = report("bookworm", architecture, spec="calico-current")
    assert audit.inventory.floors.cpu == ()
    loader = next(built("bookworm", architecture).tree.glob("usr/lib/*/ld64.so.?"))
    assert b"Fatal glibc error: CPU lacks" not in loader.read_bytes()
