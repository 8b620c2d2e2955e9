"""Words that all formats share, said of single values: counts, sizes, digests, lists, and what a verdict rests on."""

from contextlib import nullcontext
from pathlib import Path
from typing import Any, Literal

import pytest
from msgspec.structs import replace

from auditor.errors import UsageError
from auditor.finding import Finding
from auditor.image.model import Layer
from auditor.report.audit.words import layer_number, layer_of
from auditor.report.conclusion import findings_told, gate, images_told, not_met_told, outcome, rows_told
from auditor.report.diff.model import Change, Diff, LayerSummary, Summary
from auditor.report.diff.words import conclusion as diff_conclusion
from auditor.report.diff.words import counts, layers, other_tools, sign
from auditor.report.dockerfile import read_dockerfile
from auditor.report.model import ReportSummary
from auditor.report.release.compare import compare_releases
from auditor.report.release.results import results as release_results
from auditor.report.release.words import conclusion as release_conclusion
from auditor.report.results import Result
from auditor.report.several.model import NotAudited, gather
from auditor.report.words import few, fold, listed, paint, plural, short_digest, size, valid
from auditor.severity import FailOn, Severity
from tests.report.test_shown import ARM64, good, index, releases, report

DIGEST = f"sha256:{'0123456789abcdef' * 4}"


@pytest.mark.parametrize(
    ("count", "many", "words"),
    [(0, "", "0 rows"), (1, "", "1 row"), (2, "", "2 rows"), (1, "rowes", "1 row"), (2, "rowes", "2 rowes")],
)
def test_one_and_many(count: int, many: str, words: str) -> None:
    assert plural(count, "row", many) == words


@pytest.mark.parametrize(
    ("names", "words"),
    [("", ""), ("a", "a"), ("abc", "a, b, c"), ("abcd", "a, b, c and 1 more"), ("abcde", "a, b, c and 2 more")],
)
def test_the_first_names(names: str, words: str) -> None:
    assert few(names) == words


def test_what_says_nothing_is_not_listed() -> None:
    assert listed(["a", "", "b"]) == "a, b"
    assert listed([]) == ""


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (None, "size unknown"),
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (999_949, "999.9 kB"),
        (999_950, "1.0 MB"),
        (1_000_000, "1.0 MB"),
        (999_950_000_000, "1.0 TB"),
        (10**15, "1000.0 TB"),
    ],
)
def test_sizes_in_powers_of_a_thousand(count: int | None, words: str) -> None:
    assert size(count) == words


@pytest.mark.parametrize(
    ("digest", "config", "words"),
    [
        (DIGEST, None, "sha256:0123456789ab"),
        (DIGEST, f"sha256:{'f' * 64}", "sha256:0123456789ab"),
        (None, DIGEST, "config sha256:0123456789ab"),
        ("", "", ""),
        (None, None, ""),
    ],
)
def test_the_digest_that_is_known(digest: str | None, config: str | None, words: str) -> None:
    assert short_digest(digest, config) == words


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("abc", "abc"),
        ("ä", "ä"),
        ("a\udcff", "a\\xff"),
        ("\udc80", "\\x80"),
        ("\ud800", "\\ud800"),
        ("\udc7f", "\\udc7f"),
    ],
)
def test_a_byte_that_was_no_text_is_spelled_out(text: str, told: str) -> None:
    assert valid(text) == told


@pytest.mark.parametrize(
    ("text", "colour", "painted"),
    [("a", True, "\x1b[31;1ma\x1b[0m"), ("a", False, "a"), ("", True, ""), ("", False, "")],
)
def test_nothing_is_painted_without_colours(text: str, colour: bool, painted: str) -> None:
    assert paint(text, "error", colour=colour) == painted


@pytest.mark.parametrize("width", [None, 24, 16, 0])  # never below twenty columns beside the start
def test_a_text_that_has_room_is_one_line(width: int | None) -> None:
    assert fold("aaaa bbbb cccc", width, "- ") == ["- aaaa bbbb cccc"]


def test_lines_after_the_first_begin_below_it() -> None:
    assert fold("aaaa bbbb cccc dddd eeee", 24, "- ") == ["- aaaa bbbb cccc dddd", "  eeee"]
    assert fold("aaaa bbbb cccc dddd eeee", 24, "- ", "") == ["- aaaa bbbb cccc dddd", "eeee"]
    assert fold("", 24, "- ") == ["-"]


LAYERS = (Layer(0, None, None, "", 1, "ADD  a\n /"), Layer(1, None, None, "", 1, ""))


@pytest.mark.parametrize(
    ("index", "number", "told"),
    [
        (None, "", ""),
        (0, "layer 1 of 2", "layer 1 of 2: ADD a /"),
        (1, "layer 2 of 2", "layer 2 of 2"),
        (2, "", ""),
    ],
)
def test_a_layer_and_what_made_it(index: int | None, number: str, told: str) -> None:
    assert (layer_number(index, LAYERS), layer_of(index, LAYERS)) == (number, told)


# What a verdict rests on


def found(severity: str, *, waived: bool = False) -> Finding:
    return Finding("r", Severity(severity), None, "s", "m", {}, None, "", waived_by="me" if waived else None)


ERROR, WARNING, NOTE = found("error"), found("warning"), found("note")
WAIVED = found("error", waived=True)


@pytest.mark.parametrize(
    ("findings", "words"),
    [
        ([], ""),
        ([ERROR], "1 error"),
        ([NOTE, ERROR, ERROR, WARNING], "2 errors, 1 warning, 1 note"),
        ([WAIVED], "1 waived"),
        ([WAIVED, found("note", waived=True), NOTE], "1 note, 2 waived"),
    ],
)
def test_findings_are_counted_by_severity_and_waived_ones_apart(findings: list[Finding], words: str) -> None:
    assert findings_told(findings) == words


@pytest.mark.parametrize(
    ("verdict", "findings", "options", "words"),
    [
        ("fail", [ERROR], {}, "FAIL"),
        ("fail", [], {"fail_on_unknown": True}, "FAIL (fail-on-unknown)"),
        ("fail", [WARNING], {"fail_on_unknown": True}, "FAIL (fail-on-unknown)"),
        ("fail", [WARNING], {"fail_on_unknown": True, "fail_on": "warning"}, "FAIL"),
        ("fail", [ERROR], {"fail_on_unknown": True}, "FAIL"),
        ("fail", [WAIVED], {"fail_on_unknown": True}, "FAIL (fail-on-unknown)"),
        ("fail", [], {}, "FAIL"),
        ("pass", [], {}, "PASS"),
        ("pass", [WARNING, NOTE], {}, "PASS"),
        ("pass", [WAIVED], {}, "PASS (1 error waived)"),
        ("pass", [WAIVED, WAIVED], {}, "PASS (2 errors waived)"),
        ("pass", [found("warning", waived=True)], {}, "PASS"),
        ("pass", [ERROR], {"fail_on": "never"}, "PASS (fail-on never)"),
        ("pass", [ERROR], {"fail_on": "never", "fail_on_from": "f"}, "PASS (fail-on never, from f)"),
        ("pass", [], {"fail_on": "never"}, "PASS"),
        ("pass", [WAIVED], {"fail_on": "never"}, "PASS (1 error waived)"),
        ("pass", [WAIVED, ERROR], {"fail_on": "never"}, "PASS (1 error waived; fail-on never)"),
    ],
)
def test_what_was_let_through_is_told_beside_the_verdict(
    verdict: Literal["pass", "fail"], findings: list[Finding], options: dict[str, Any], words: str
) -> None:
    assert outcome(verdict, findings, options) == words


@pytest.mark.parametrize(
    ("options", "told"),
    [({}, FailOn.ERROR), ({"fail_on": "warning"}, FailOn.WARNING), ({"fail_on": "sometimes"}, FailOn.ERROR)],
)
def test_from_which_severity_on_a_report_fails(options: dict[str, Any], told: FailOn) -> None:
    assert gate(options) is told


@pytest.mark.parametrize(
    ("audited", "failed", "missed", "words"),
    [
        (3, 0, 0, "3 images pass by x"),
        (1, 0, 0, "1 image passes by x"),
        (3, 1, 0, "1 of 3 images does not meet x"),
        (3, 2, 1, "2 of 3 images do not meet x, 1 image not audited"),
        (0, 0, 2, "2 images not audited"),
        (2, 0, 1, "2 images pass by x, 1 image not audited"),
    ],
)
def test_several_images_in_one_line(audited: int, failed: int, missed: int, words: str) -> None:
    assert images_told(audited, failed, missed, "x") == words


def test_only_statuses_that_rows_have_are_counted() -> None:
    summary = ReportSummary(met=3, not_met=1, waived=0, unknown=2, not_applicable=0)
    assert rows_told(summary) == "3 met, 1 not met, 2 unknown"
    assert not_met_told(summary, "x") == "1 row of x not met"
    assert not_met_told(replace(summary, not_met=2), "x") == "2 rows of x not met"


# Comparisons


def change(kind: str = "tool-lost", assessment: str = "regression", **fields: Any) -> Change:
    values: dict[str, Any] = {"subject": "s", "old": "1", "new": "2", "why": ""} | fields
    return Change(kind=kind, assessment=assessment, **values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("old", "new", "shown"), [("1", "2", "→"), (None, "2", "+"), ("1", None, "−"), (None, None, "+")]
)
def test_a_gain_a_loss_and_a_change(old: str | None, new: str | None, shown: str) -> None:
    assert sign(change(old=old, new=new)) == shown


def test_other_tools_that_a_change_concerns() -> None:
    assert other_tools(change(subject="ipset", tools=("ipset", "iptables"))) == ("iptables",)


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ((0, 0, 0), ""),
        ((1, 0, 0), "1 regression"),
        ((2, 1, 30), "2 regressions, 1 improvement, 30 other changes"),
        ((0, 0, 1), "1 other change"),
    ],
)
def test_changes_are_counted(numbers: tuple[int, int, int], words: str) -> None:
    assert counts(Summary(*numbers, 0, 0, 0)) == words


def test_layers_that_are_shared_gone_and_new() -> None:
    assert layers(LayerSummary(2, 0, 1, 2000, 0, None)) == "2 shared (2.0 kB), 0 gone, 1 new (size unknown)"


def diff(**fields: object) -> Diff:
    (made, *_) = releases().platforms
    return replace(made, **fields)


INSIDE, OUTSIDE, BETTER = change(), change("package-removed"), change(assessment="improvement")
ONE = Summary(1, 0, 0, 0, 0, 0)


@pytest.mark.parametrize(
    ("changes", "verdict", "words"),
    [
        ((), "pass", "nothing that the audit looks at has changed"),
        ((INSIDE,), "pass", "1 regression"),
        ((INSIDE,), "fail", "1 regression (fail-on regression)"),
        ((OUTSIDE,), "pass", "1 regression; what is worse is no part of the contract (packages)"),
        ((INSIDE, OUTSIDE), "pass", "1 regression; 1 regression no part of the contract (packages)"),
        ((BETTER,), "pass", "1 regression"),
    ],
)
def test_what_a_comparison_comes_to(changes: tuple[Change, ...], verdict: str, words: str) -> None:
    assert diff_conclusion(diff(changes=changes, verdict=verdict, summary=ONE, areas=("tools",))) == words


@pytest.mark.parametrize(
    ("changes", "own", "verdict", "failed", "words"),
    [
        ((), (), "pass", False, "nothing that the audit looks at has changed on 1 platform"),
        ((INSIDE,), (), "pass", False, "1 regression"),
        ((), (INSIDE,), "pass", False, "1 regression"),
        ((INSIDE,), (), "fail", False, "1 regression on all platforms together (fail-on regression)"),
        ((), (INSIDE,), "fail", True, "1 regression on linux/amd64 (fail-on regression)"),
    ],
)
def test_what_a_comparison_of_releases_comes_to(
    changes: tuple[Change, ...], own: tuple[Change, ...], verdict: str, failed: bool, words: str
) -> None:
    platform = diff(changes=own, verdict="fail" if failed else "pass")
    made = replace(releases(), changes=changes, verdict=verdict, platforms=(platform,), summary=ONE)
    assert release_conclusion(made) == words


@pytest.mark.parametrize(
    ("index", "digest", "config", "subjects"),
    [
        ("sha256:1", "sha256:2", "sha256:3", ["sha256:1", "sha256:2"]),
        (None, "sha256:2", "sha256:3", ["sha256:2"]),
        ("sha256:1", None, "sha256:3", ["sha256:1", "sha256:3"]),
        (None, None, None, [""]),
    ],
)
def test_what_a_comparison_of_releases_judges_is_named_by_digest(
    index: str | None, digest: str | None, config: str | None, subjects: list[str]
) -> None:
    platform = diff()
    platform = replace(platform, new=replace(platform.new, digest=digest, config_digest=config))
    made = replace(releases(), platforms=(platform,), new=replace(releases().new, digest=index))
    assert [one.digest for one in release_results(made).subjects] == subjects


def test_releases_without_a_platform_in_common_are_not_compared() -> None:
    one = index(report(good()))
    none = replace(one, platforms=())
    with pytest.raises(UsageError, match=r"no platform in common: .* has linux/amd64; .* has none"):
        compare_releases(one, none)
    with pytest.raises(UsageError, match=r"no platform in common: .* has linux/arm64/v8; .* has linux/amd64"):
        compare_releases(index(report(good(), ARM64)), one)


def test_a_fingerprint_is_of_what_stays() -> None:
    result = Result("r", Severity.ERROR, "s", "m", "p", requirement="row")
    same = replace(result, message="other words", layer="layer 1 of 2", fix="other", severity=Severity.NOTE)
    assert same.key == result.key
    others = [replace(result, **{name: "x"}) for name in ("rule", "subject", "place", "requirement")]
    assert len({result.key, *(other.key for other in others)}) == 5
    assert (result.told, same.told) == ("m", "other words (layer 1 of 2)")


@pytest.mark.parametrize(
    ("verdicts", "missed", "verdict"),
    [("", 0, "pass"), ("p", 0, "pass"), ("pp", 0, "pass"), ("pf", 0, "fail"), ("f", 0, "fail"), ("p", 1, "fail")],
)
def test_several_images_pass_where_each_does(verdicts: str, missed: int, verdict: str) -> None:
    made = tuple(replace(report(good()), verdict="pass" if one == "p" else "fail") for one in verdicts)
    assert gather(made, (NotAudited("x", "x: no such image"),) * missed).verdict == verdict


@pytest.mark.parametrize(("size", "read"), [(7, True), (8, True), (9, False)])
def test_a_dockerfile_may_be_so_long(size: int, read: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auditor.report.dockerfile._MAX_BYTES", 8)
    (tmp_path / "Dockerfile").write_bytes(b"#" * size)
    with nullcontext() if read else pytest.raises(UsageError, match="a Dockerfile is at most 8 bytes"):
        assert read_dockerfile(str(tmp_path / "Dockerfile")).steps == ()
