"""What can't be known is never met: it is counted, said in a warning, and fails where that is asked for."""

import pytest
from msgspec.structs import replace

from auditor.auditing import judge
from auditor.elf.model import NoticeKind
from auditor.image.model import Platform
from auditor.inventory.model import Inventory, Notice
from auditor.report.diff.compare import compare
from auditor.report.model import Report, ReportImage
from auditor.rules import Options
from auditor.severity import FailOn, Severity
from auditor.spec import load_spec
from tests.inventories import LAYERS, sound

LOADER = "/opt/ld-other.so"


def strange(*programs: str) -> Inventory:
    """An image of which some programs have a loader whose rules aren't known."""
    message = f"{LOADER} is neither glibc's loader nor musl's: what it would load is not known"
    notices = tuple(Notice(NoticeKind.UNKNOWN, path, LOADER, message, programs=(path,)) for path in programs)
    return replace(sound(), notices=notices)


def judged(inventory: Inventory, options: Options | None = None) -> Report:
    image = ReportImage("image", "dir", None, None, Platform("linux", "amd64"), LAYERS)
    return judge(image, inventory, load_spec(), options or Options())


def test_every_row_is_counted_once() -> None:
    summary = judged(sound()).summary
    assert (summary.met, summary.unknown, summary.not_met) == (len(load_spec().requirements) - 1, 0, 0)
    assert summary.not_applicable == 1  # the kernel's row for IPv4 only


def test_rows_of_a_program_whose_loader_is_not_known_are_unknown() -> None:
    result = judged(strange("/usr/sbin/ipset"))
    unknown = {row.id for row in result.requirements if row.status == "unknown"}
    assert unknown == {"image.loads", "tool.ipset", "feature.ip_set"}
    assert result.summary.unknown == 3 and result.verdict == "pass"
    told = [entry for entry in result.findings if entry.severity is Severity.WARNING]
    assert [(entry.rule, entry.subject) for entry in told] == [("interpreter-missing", LOADER)]


def test_no_extension_is_missed_where_no_program_can_be_asked() -> None:
    result = judged(strange("/usr/sbin/xtables-nft-multi", "/usr/sbin/xtables-legacy-multi"))
    status = {row.id: row.status for row in result.requirements}
    assert status["feature.xt_mark"] == status["tool.iptables"] == status["library.iptables.libnftnl"] == "unknown"
    assert [entry.rule for entry in result.findings if entry.severity is Severity.ERROR] == []


@pytest.mark.parametrize("fail_on", [FailOn.ERROR, FailOn.WARNING, FailOn.NEVER])
def test_an_unknown_row_fails_where_that_is_asked_for(fail_on: FailOn) -> None:
    inventory = strange("/usr/sbin/ipset")
    assert judged(inventory, Options(fail_on=fail_on, fail_on_unknown=True)).verdict == "fail"
    assert judged(sound(), Options(fail_on=fail_on, fail_on_unknown=True)).verdict == "pass"


def test_a_comparison_fails_for_unknown_rows_of_the_new_image_only() -> None:
    good, bad = judged(sound()), judged(strange("/usr/sbin/ipset"))
    assert compare(good, bad, "never", unknown_fails=True).verdict == "fail"
    assert compare(bad, good, "never", unknown_fails=True).verdict == "pass"
    assert compare(good, bad, "never").verdict == "pass"
