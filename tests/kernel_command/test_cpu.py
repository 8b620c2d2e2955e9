"""An image whose files need a newer processor than a node has."""

import pytest
from msgspec.structs import replace

from auditor.auditing.kernel import audit_kernels
from auditor.inventory.model import CpuFloor
from auditor.report.kernel import words
from auditor.report.kernel.model import KernelReport
from auditor.report.model import Report
from auditor.report.register import Style, write
from auditor.rules import Options
from auditor.spec import load_spec
from tests.inventories import sound
from tests.kernel_command.made import TODAY, image, kernel

LIBC = "/lib64/libc.so.6"


def needing(level: str, architecture: str = "amd64", *, enforced: bool = True) -> Report:
    """An image whose C library is built for that level."""
    floors = replace(sound().floors, cpu=(CpuFloor(level, LIBC, "GNU_PROPERTY_X86_ISA_1_NEEDED", enforced, 0),))
    return image(sound(), architecture=architecture, floors=floors)


def with_cpu(report: Report, *cpu: tuple[str, str], node: str = "", level: str = "", reason: str = "") -> KernelReport:
    """The image with a node."""
    own = kernel(node=node, cpu_level=level, cpu_reason=reason)
    return audit_kernels([own], [report], load_spec(), Options(cpu=cpu), today=TODAY)


@pytest.mark.parametrize(
    ("enforced", "severity", "verdict"), [(True, "error", "fail"), (False, "warning", "pass")], ids=["stops", "marked"]
)
def test_beyond_what_is_named(enforced: bool, severity: str, verdict: str) -> None:
    report = with_cpu(needing("x86-64-v3", enforced=enforced), ("amd64", "x86-64-v2"))
    (found,) = report.findings
    assert (found.rule, found.severity, found.subject, found.image) == ("cpu-floor", severity, LIBC, 0)
    assert report.pairs[0].verdict == verdict
    assert report.kernels[0].cpu_level == "x86-64-v2"
    assert "x86-64-v2" in found.message


@pytest.mark.parametrize(
    ("paths", "subject"),
    [
        (("/usr/bin/ip", "/usr/lib/libc.so.6", "/usr/lib/ld-linux.so.2"), "/usr/lib/ld-linux.so.2"),
        (("/usr/bin/ip", "/usr/lib/libc.so.6", "/usr/lib/a.so"), "/usr/lib/libc.so.6"),
        (("/usr/lib/z.so", "/usr/lib/b.so"), "/usr/lib/b.so"),
    ],
)
def test_what_starts_all_programs_stands_for_the_others(paths: tuple[str, ...], subject: str) -> None:
    floors = tuple(CpuFloor("x86-64-v3", path, "marked", True, 0) for path in paths)
    report = with_cpu(image(sound(), floors=replace(sound().floors, cpu=floors)), ("amd64", "x86-64-v2"))
    (found,) = report.findings
    assert found.subject == subject
    assert sorted(found.evidence["paths"]) == sorted(paths)


def test_a_node_knows_its_own_processor_better_than_the_option() -> None:
    assert with_cpu(needing("x86-64-v3"), ("amd64", "x86-64-v2"), level="x86-64-v3").findings == ()
    assert with_cpu(needing("x86-64-v3"), ("amd64", "x86-64-v3"), level="x86-64-v2").verdict == "fail"


def test_without_a_processor_a_need_above_the_baseline_is_unknown() -> None:
    report = with_cpu(needing("x86-64-v2"))
    assert [(entry.rule, entry.subject) for entry in report.pairs[0].unknown] == [("cpu-floor", "x86-64-v2")]
    assert "--cpu" in report.pairs[0].unknown[0].reason
    assert with_cpu(needing("x86-64")).pairs[0].unknown == ()


def test_a_32_bit_image_on_a_64_bit_machine() -> None:
    assert with_cpu(needing("sse2", "386"), level="x86-64").findings == ()


def test_the_matrix_says_why() -> None:
    old, new = (kernel(node=name, cpu_level=level) for name, level in (("old", "x86-64"), ("new", "x86-64-v3")))
    report = audit_kernels([old, new], [needing("x86-64-v2")], load_spec(), Options(), today=TODAY)
    cells = [words.cell(report, index, 0) for index in (0, 1)]
    assert [(cell.kind, cell.text) for cell in cells] == [("fail", "fails: 1 error (cpu-floor)"), ("pass", "passes")]
    assert LIBC in cells[0].why
    for name in ("text", "markdown", "html"):
        page = write(report, name, Style())
        assert "fails: 1 error (cpu-floor)" in page
        assert "on old" in page
        assert "on new" in page
