"""How a diff is written: for people, for scripts, for release notes, and safely whatever the image holds."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import jsonschema
import pytest
from markdown_it import MarkdownIt
from msgspec.structs import replace

from auditor.cli.main import run
from auditor.report.audit.document import to_document
from auditor.report.diff.compare import compare
from auditor.report.diff.document import document_schema as diff_schema
from auditor.report.diff.document import to_document as diff_document
from auditor.report.diff.kinds import KINDS, Area
from auditor.report.diff.model import Diff
from auditor.report.model import Report
from auditor.report.register import Kind, Style, formats, write
from auditor.report.release.compare import compare_releases
from auditor.report.schema import dump
from tests.diff.test_compare import CASES, IPSET_LOST, package, report, versioned, with_packages
from tests.inventories import sound
from tests.report.page import keeps_to_itself
from tests.report.test_formats import index, on_arm

EVIL = (
    "\x1b[2J\x9b1m</td><script>alert(1)</script>\n| # @everyone \u202e[x](http://a.b) <!-- "
    "`code` \x00 \udcff \\| **b** &amp;"
)


def hostile() -> Diff:
    packages = with_packages(package(EVIL, EVIL), package("kept", "1"))
    tool = packages.tools[0]
    strange = replace(
        packages,
        tools=(replace(tool, version=EVIL), *packages.tools[1:]),
        config=replace(packages.config, env=(f"X={EVIL}",), entrypoint=(EVIL,)),
        package_warnings=(EVIL,),
    )
    new = report(strange)
    image = replace(new.image, reference=EVIL, source=EVIL, layers=(replace(new.image.layers[0], created_by=EVIL),))
    return compare(report(with_packages(package("kept", "1"))), replace(new, image=image))


DIFFS = {
    "empty": compare(report(), report()),
    "lost": compare(report(), report(IPSET_LOST)),
    "gained": compare(report(IPSET_LOST), report(versioned("ipset", "7.22"))),
    "hostile": hostile(),
}


@pytest.mark.parametrize("diff", [*DIFFS.values(), *(compare(report(old), report(new)) for _, old, new, _ in CASES)])
def test_the_document_keeps_the_published_schema(diff: Diff) -> None:
    document = diff_document(diff)
    jsonschema.Draft202012Validator(diff_schema()).validate(document)
    json.dumps(document).encode()


def test_the_schema_names_every_kind_of_change() -> None:
    jsonschema.Draft202012Validator.check_schema(diff_schema())
    assert diff_schema()["$defs"]["Change"]["properties"]["kind"]["enum"] == list(KINDS)
    document = diff_document(DIFFS["lost"])
    document["changes"][0]["kind"] = "no-such-kind"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, diff_schema())


@pytest.mark.parametrize("name", formats(Kind.DIFF))
@pytest.mark.parametrize("diff", DIFFS.values(), ids=DIFFS)
def test_every_format_is_the_same_each_time_and_tells_the_verdict(name: str, diff: Diff) -> None:
    text = write(diff, name, Style())
    assert text == write(diff, name, Style())
    assert text.endswith("\n")
    assert name in ("csv", "gitlab") or diff.verdict in text.lower()
    text.encode()


@pytest.mark.parametrize("name", ["text", "markdown", "html"])
def test_people_read_regressions_first_and_every_reason(name: str) -> None:
    diff = compare(report(versioned("ipset", "7.22")), report(versioned("ipset", "7.9")))
    text = write(diff, name, Style())
    assert "An older upstream release" in text
    assert "7.22" in text
    assert "7.9" in text
    lost = write(DIFFS["lost"], name, Style())
    assert lost.lower().index("regressions") < lost.lower().index("tool-missing ipset")


def test_an_empty_diff_says_so() -> None:
    text = write(DIFFS["empty"], "text", Style())
    assert text.splitlines()[-1] == "PASS  nothing that the audit looks at has changed"


def test_text_shortens_long_lists_and_verbose_does_not() -> None:
    many = with_packages(*(package(f"p{number:02}", "1") for number in range(40)), package("q", "1"))
    diff = compare(report(with_packages(package("q", "1"))), report(many))
    short, full = (write(diff, "text", Style(verbose=verbose)) for verbose in (False, True))
    assert "package added: 40  (--verbose lists them)" in short
    assert "p39" not in short
    assert "p39" in full


def test_what_no_contract_names_is_counted_unless_it_decides() -> None:
    old, new = (report(with_packages(package("bash", version), package("q", "1"))) for version in ("2", "1"))
    short, full = (write(compare(old, new), "text", Style(verbose=verbose)) for verbose in (False, True))
    assert "no part of the contract (1)" in short
    assert "package downgraded: 1  (--verbose lists them)" in short
    assert "bash" not in short
    assert "bash  2 → 1" in full
    assert "bash  2 → 1" in write(compare(old, new, areas=(Area.PACKAGES,)), "text", Style())
    assert "Not shown here: Regressions: Packages (1)." in write(compare(old, new), "markdown", Style())


def test_what_every_platform_has_is_told_once() -> None:
    worse = report(versioned("ipset", "7.9"))
    release = compare_releases(index(report(), on_arm(report())), index(worse, on_arm(worse)))
    text = write(release, "text", Style())
    assert text.count("version of tool: ipset") == 1
    assert text.index("on all 2 platforms") < text.index("version of tool: ipset") < text.index("── linux/amd64")
    alone = write(compare_releases(index(report(), on_arm(report())), index(report(), on_arm(worse))), "text", Style())
    assert "on all" not in alone
    assert alone.index("── linux/arm64") < alone.index("version of tool: ipset")


def test_no_control_character_of_an_image_reaches_a_terminal() -> None:
    for style in (Style(), Style(verbose=True), Style(colour=True, verbose=True)):
        text = write(DIFFS["hostile"], "text", style)
        rest = re.sub(r"\x1b\[(?:31;1|32;1|1|2|0)m", "", text) if style.colour else text
        assert all(char.isprintable() or char == "\n" for char in rest)
        assert "\n| #" not in rest


class Reader(HTMLParser):
    """Which elements and attributes a page has, and what it says."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        assert not any(name.startswith("on") for name, _ in attrs)

    def handle_data(self, data: str) -> None:
        self.text += data


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    return reader


@pytest.mark.parametrize("diff", DIFFS.values(), ids=DIFFS)
def test_html_fetches_nothing_and_runs_nothing_of_the_image(diff: Diff) -> None:
    page = write(diff, "html", Style())
    keeps_to_itself(page)
    assert all(char.isprintable() or char == "\n" for char in page)


def test_html_shows_what_the_image_says_as_text() -> None:
    assert "</td><script>alert(1)</script>" in read(write(DIFFS["hostile"], "html", Style())).text


@pytest.mark.parametrize("diff", DIFFS.values(), ids=DIFFS)
def test_markdown_of_an_image_is_text_and_nothing_else(diff: Diff) -> None:
    notes = write(diff, "markdown", Style())
    html = MarkdownIt("gfm-like", {"linkify": False, "html": True}).render(notes)
    reader = read(html)
    assert reader.tags <= {"h2", "h3", "p", "strong", "table", "thead", "tbody", "tr", "th", "td", "ul", "li"}
    rows = re.findall(r"<tr>.*?</tr>", html, re.DOTALL)
    assert {row.count("</td>") + row.count("</th>") for row in rows} <= {3, 5}
    assert "@" not in notes
    assert "://" not in notes


def saved(folder: Path, name: str, value: Report) -> str:
    file = folder / name
    file.write_text(dump(to_document(value)))
    return str(file)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ([], 1),
        (["--fail-on", "never"], 0),
        (["--fail-on", "any"], 1),
        (["--spec", "felix", "--strict"], 1),
        (["-o", "json"], 1),
    ],
)
def test_the_exit_code_is_the_verdict(
    arguments: list[str], code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = saved(tmp_path, "old.json", report()), saved(tmp_path, "new.json", report(IPSET_LOST))
    assert run(["diff", old, f"report:{new}", *arguments]) == code
    assert "tool-missing ipset" in capsys.readouterr().out or "json" not in arguments
    assert run(["diff", old, old, *arguments]) == 0


def test_a_severity_that_is_set_for_check_does_not_stop_a_comparison(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = saved(tmp_path, "old.json", report()), saved(tmp_path, "new.json", report(IPSET_LOST))
    monkeypatch.setenv("AUDIT_IMAGE_FAIL_ON", "warning")
    assert run(["diff", old, new]) == 1
    assert run(["diff", old, new, "--fail-on", "never"]) == 0
    monkeypatch.setenv("AUDIT_IMAGE_DIFF_FAIL_ON", "never")
    assert run(["diff", old, new]) == 0
    monkeypatch.setenv("AUDIT_IMAGE_DIFF_FAIL_ON", "sometimes")
    assert run(["diff", old, new]) == 2
    assert "'sometimes' is not one of regression, any, never" in capsys.readouterr().err


def test_a_saved_report_is_known_by_its_bare_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    saved(tmp_path, "old.json", report())
    monkeypatch.chdir(tmp_path)
    assert run(["diff", "old.json", "old.json"]) == 0
    capsys.readouterr()
    assert run(["diff", "old.json", "gone.json"]) == 2
    assert capsys.readouterr().err.startswith("audit-image: gone.json: can't read the report: ")


def test_saved_reports_are_judged_by_the_spec_in_force(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = saved(tmp_path, "old.json", report())
    strict = saved(tmp_path, "strict.json", replace(report(), findings=(), requirements=()))
    assert run(["diff", old, strict, "--fail-on", "any"]) == 0, capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        ["diff"],
        ["diff", "report:/no/such.json"],
        ["diff", "report:/no/such.json", "report:/no/such.json"],
        ["diff", "/no/such.json", "/no/such.json"],
        ["diff", "dir:/", "dir:/", "--fail-on", "error"],
        ["diff", "dir:/", "dir:/", "-o", "cyclonedx-json"],
        ["diff", "dir:/", "dir:/", "--spec", "no-such"],
        ["sbom"],
        ["sbom", "report:/no/such.json"],
        ["sbom", "dir:/", "-o", "text"],
        ["sbom", "dir:/", "-o", "cyclonedx-json", "-o", "spdx-json"],
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(arguments: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 2
    captured = capfd.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    assert line.startswith("audit-image: ")


def test_a_bill_is_written_from_a_saved_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = saved(tmp_path, "report.json", report(sound()))
    spdx = tmp_path / "bill.spdx.json"
    assert run(["sbom", f"report:{file}", "-o", "cyclonedx-json", "-o", f"spdx-json={spdx}"]) == 0
    assert json.loads(capsys.readouterr().out)["bomFormat"] == "CycloneDX"
    assert json.loads(spdx.read_text())["spdxVersion"] == "SPDX-2.3"
