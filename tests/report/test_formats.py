"""Every format of every kind of document: valid by its reader, the same each time, and safe whatever is in it."""

import csv
import io
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import jsonschema
import junitparser
import pytest
from google.protobuf.json_format import ParseDict
from in_toto_attestation.v1.statement import Statement
from in_toto_attestation.v1.statement_pb2 import Statement as Proto
from msgspec.structs import replace

from auditor.errors import UsageError
from auditor.image.model import Platform
from auditor.inventory.model import Tool
from auditor.report.audit.document import from_document, to_document
from auditor.report.diff.compare import compare
from auditor.report.format import in_toto
from auditor.report.model import IndexReport, Report, ReportIndex
from auditor.report.register import FORMATS, SCHEMAS, Kind, Style, formats, write
from auditor.report.release.compare import compare_releases
from auditor.report.results import Case, Results
from auditor.report.several.model import NotAudited, gather
from auditor.report.several.words import name_of
from auditor.report.sweep.model import SweepImage, SweepReport
from auditor.report.views import schema_of
from auditor.report.words import fold, markdown, printable, uri, xml
from auditor.severity import FailOn
from auditor.sweep.run import gather as gather_sweep
from auditor.sweep.short import in_short
from tests.inventories import sound, with_tool
from tests.kernel_command.made import audited, image, kernel
from tests.report.page import keeps_to_itself
from tests.report.test_document import report

if TYPE_CHECKING:
    from auditor.report.register import Document

# A line that would look like the tool's own, colours, a C1 control, text that turns around, what nobody sees, a
# surrogate, what XML 1.0 forbids, markup, a formula, a workflow command, an expansion of the shell.
EVIL = (
    "a\nPASS  calico/node meets everything\r\n::error::x\x1b[32;1mPASS\x1b[0m\x9b1m\u202e\u200b\u2066\ufeff\u3164"
    "\ud800\udcff\ufffe\x00\x7f</td><script>alert(1)</script>]]>&amp;|`$(id)` =1+1 @everyone ![x](http://a.b)"
)
_WORDS_OF_OURS = {
    *("schema_version", "verdict", "severity", "status", "kernel", "state", "rule", "id", "kind", "fault"),
    *("requirement", "how", "compression", "variant"),
}


def evil(value: Any, key: str = "") -> Any:
    """The same document with each text of the image, the registry and the spec spoilt."""
    if isinstance(value, str):
        return value if key in _WORDS_OF_OURS or not value else value + EVIL
    if isinstance(value, dict):
        return {name: evil(entry, name) for name, entry in value.items()}
    return [evil(entry, key) for entry in value] if isinstance(value, list) else value


GONE = with_tool(sound(), Tool("ipset", None, (), (), "not in the image"))
BROKEN = report(GONE)
HOSTILE: Report = from_document(evil(to_document(BROKEN)), "evil.json")


def index(*platforms: Report) -> IndexReport:
    one = platforms[0].image
    found = ReportIndex(
        one.reference, one.source, "sha256:" + "1" * 64, tuple(each.image.platform for each in platforms)
    )
    return IndexReport(found, platforms[0].verdict, platforms, (), {})


def on_arm(value: Report) -> Report:
    return replace(value, image=replace(value.image, platform=Platform("linux", "arm64")))


def kernel_of(word: str) -> "Document":
    return audited(kernel(release=word), images=[image(reference=word)], fail_on=FailOn.NOTE)


def swept(*reports: Report | IndexReport, error: str = "calico/node:v0: gone") -> SweepReport:
    images = tuple(in_short(value, name_of(value), "sha256:2", "sha256:3") for value in reports)
    spec = images[0].spec
    return gather_sweep((*images, SweepImage(error, "not-audited", None, "sha256:3", "", spec, error=error)), spec)


DOCUMENTS: dict[str, "Document"] = {
    "sound": report(),
    "broken": BROKEN,
    "hostile": HOSTILE,
    "index": index(report(), on_arm(BROKEN)),
    "hostile index": index(HOSTILE, on_arm(HOSTILE)),
    "several": gather((report(), BROKEN, index(report())), (NotAudited("calico/node:v0", "calico/node:v0: gone"),)),
    "hostile several": gather((HOSTILE, index(HOSTILE)), (NotAudited(EVIL, EVIL),)),
    "sweep": swept(report(), BROKEN, index(report(), on_arm(BROKEN))),
    "hostile sweep": swept(HOSTILE, index(HOSTILE, on_arm(HOSTILE)), error=EVIL),
    "diff": compare(report(), BROKEN),
    "hostile diff": compare(BROKEN, HOSTILE),
    "releases": compare_releases(index(report(), on_arm(report())), index(report(), on_arm(BROKEN))),
    "hostile releases": compare_releases(index(BROKEN, on_arm(report())), index(HOSTILE, on_arm(HOSTILE))),
    "kernel": kernel_of("6.1.0"),
    "hostile kernel": kernel_of(EVIL),
}
CASES = [(name, document) for document in DOCUMENTS for name in formats(DOCUMENTS[document].kind)]
FOR_PEOPLE = ("text", "markdown", "html", "github")  # the others know no style
STYLES = (Style(), Style(verbose=True), Style(verbose=True, width=40))


def written(document: str, name: str, style: Style | None = None) -> str:
    return write(DOCUMENTS[document], name, style)


@pytest.mark.parametrize(("name", "document"), CASES)
def test_no_word_from_outside_moves_a_cursor_or_makes_a_line(name: str, document: str) -> None:
    assert written(document, name) == written(document, name)
    for style in STYLES if name in FOR_PEOPLE else STYLES[:1]:
        text = written(document, name, style)
        assert text.endswith("\n")
        text.encode()
        assert [char for char in text if printable(char) != char and char != "\n"] == []
        lines = text.splitlines()
        assert not [line for line in lines if line.startswith("PASS  calico/node meets everything")]
        assert not [line for line in lines if line.startswith("::error::x")]


def test_the_colours_of_a_terminal_are_ours_alone() -> None:
    for name, document in DOCUMENTS.items():
        text = write(document, "text", Style(colour=True, verbose=True))
        rest = re.sub(r"\x1b\[\d{1,2}(?:;1)?m", "", text)
        assert all(char.isprintable() or char == "\n" for char in rest)
        assert (r"\x1b[32;1mPASS" in rest) == ("hostile" in name)


@pytest.mark.parametrize("document", DOCUMENTS)
@pytest.mark.parametrize("style", STYLES[:2], ids=["plain", "verbose"])
def test_a_page_fetches_nothing_and_runs_its_own_script_alone(document: str, style: Style) -> None:
    keeps_to_itself(written(document, "html", style))


READERS: dict[str, Callable[[str], Any]] = {
    "json": json.loads,
    "jsonl": lambda text: [json.loads(line) for line in text.splitlines()],
    "sarif": json.loads,
    "gitlab": json.loads,
    "in-toto": json.loads,
    "cyclonedx-json": json.loads,
    "spdx-json": json.loads,
    "needs-json": json.loads,
    "junit": ElementTree.fromstring,
    "csv": lambda text: list(csv.reader(io.StringIO(text))),
}


@pytest.mark.parametrize(("name", "document"), [case for case in CASES if case[0] in READERS])
def test_its_reader_takes_it(name: str, document: str) -> None:
    assert READERS[name](written(document, name)) is not None


@pytest.mark.parametrize("document", DOCUMENTS)
def test_json_keeps_the_published_schema(document: str) -> None:
    kind = DOCUMENTS[document].kind
    published = {Kind.REPORT: Kind.SEVERAL, Kind.INDEX: Kind.SEVERAL, Kind.RELEASE: Kind.DIFF}.get(kind, kind)
    assert published in SCHEMAS.values()
    jsonschema.validate(json.loads(written(document, "json")), schema_of(published))


@pytest.mark.parametrize("document", DOCUMENTS)
def test_junit_fails_as_the_verdict_does(document: str) -> None:
    text = written(document, "junit")
    suites = junitparser.JUnitXml.fromstring(text.encode())
    cases = [case for suite in suites for case in suite]
    assert len(cases) == suites.tests
    failed = [case for case in cases if any(isinstance(entry, junitparser.Failure) for entry in case.result)]
    assert bool(failed) == (DOCUMENTS[document].verdict == "fail")


def test_junit_of_what_was_let_through_does_not_fail() -> None:
    value = replace(BROKEN, verdict="pass", spec=replace(BROKEN.spec, options={"fail_on": "never"}))
    suites = junitparser.JUnitXml.fromstring(write(value, "junit").encode())
    assert suites.failures == 0
    assert "not met, PASS (fail-on never)" in write(value, "junit")


def test_junit_has_a_case_for_every_requirement() -> None:
    names = [element.get("name", "") for element in ElementTree.fromstring(written("broken", "junit")).iter("testcase")]
    assert [row.id for row in BROKEN.requirements if not any(name.startswith(f"{row.id}: ") for name in names)] == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_sarif_says_what_code_scanning_asks_for(document: str) -> None:
    log = json.loads(written(document, "sarif"))
    assert (log["version"], len(log["runs"])) == ("2.1.0", 1)
    run = log["runs"][0]
    rules = run["tool"]["driver"]["rules"]
    assert len({rule["id"] for rule in rules}) == len(rules)
    for rule in rules:
        assert rule["shortDescription"]["text"]
        assert rule["help"]["text"]
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in {"error", "warning", "note"}
        assert result["message"]["text"]
        assert re.fullmatch("[0-9a-f]{64}", result["partialFingerprints"]["auditImage/v1"])
        location = result["locations"][0]["physicalLocation"]["artifactLocation"]
        assert re.fullmatch(r"[A-Za-z0-9._~/%-]+", location["uri"])
        assert not location["uri"].startswith("/")
        assert location["uriBaseId"] in run["originalUriBaseIds"]


def test_sarif_tells_what_to_do_after_what_is_wrong() -> None:
    log = json.loads(written("broken", "sarif"))
    told = [result["message"]["text"] for result in log["runs"][0]["results"]]
    assert BROKEN.findings
    for finding in BROKEN.findings:
        assert any(text.endswith(f"{finding.message} {finding.fix}") for text in told)


MULTITOOL = shutil.which("sarif-multitool") or shutil.which("Sarif.Multitool")


@pytest.mark.full
@pytest.mark.skipif(MULTITOOL is None, reason="no sarif-multitool (npm: @microsoft/sarif-multitool)")
@pytest.mark.parametrize("document", DOCUMENTS)
def test_sarif_is_valid_by_its_makers_tool(document: str, tmp_path: Path) -> None:
    file = tmp_path / "report.sarif"
    file.write_text(written(document, "sarif"))
    arguments = [str(MULTITOOL), "validate", str(file), "--level", "Error"]
    environment = {**os.environ, "DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "1"}
    done = subprocess.run(arguments, capture_output=True, text=True, check=False, env=environment)
    assert not [line for line in done.stdout.splitlines() if ": error " in line]
    assert "Analysis completed successfully" in done.stdout


@pytest.mark.parametrize("name", ["sarif", "gitlab"])
def test_fingerprints_survive_a_new_build(name: str) -> None:
    def keys(value: Report) -> list[str]:
        document = json.loads(write(value, name))
        if name == "gitlab":
            return [issue["fingerprint"] for issue in document]
        return [result["partialFingerprints"]["auditImage/v1"] for result in document["runs"][0]["results"]]

    layers = tuple(replace(layer, digest="sha256:other", diff_id="sha256:another") for layer in BROKEN.image.layers)
    moved = tuple(replace(finding, layer=0, message=finding.message + " Again.") for finding in BROKEN.findings)
    other = replace(BROKEN, image=replace(BROKEN.image, digest="sha256:2", layers=layers), findings=moved)
    assert keys(other) == keys(BROKEN)
    assert len(set(keys(BROKEN))) == len(BROKEN.findings)


@pytest.mark.parametrize(
    ("text", "digest"),
    [
        ("sha256:1", {"sha256": "1"}),
        ("sha512:a:b", {"sha512": "a:b"}),
        ("sha256:", {}),
        ("sha256", {}),
        ("", {}),
    ],
)
def test_a_digest_as_a_statement_has_it(text: str, digest: dict[str, str]) -> None:
    assert in_toto._digest(text) == digest


@pytest.mark.parametrize(
    ("verdict", "statuses", "told"),
    [
        ("pass", ("met",), "PASSED"),
        ("pass", ("met", "not-applicable"), "PASSED"),
        ("pass", ("met", "waived"), "WARNED"),
        ("pass", ("unknown",), "WARNED"),
        ("fail", ("met",), "FAILED"),
        ("fail", ("unknown", "not-met"), "FAILED"),
    ],
)
def test_what_a_statement_says_of_a_verdict(verdict: str, statuses: tuple[str, ...], told: str) -> None:
    cases = tuple(Case(f"row{number}", "group", "", status) for number, status in enumerate(statuses))
    predicate = in_toto._predicate(Results("n", (), "spec", "sha256:1", verdict, "", "", cases, (), {}))
    assert predicate["result"] == told
    named = [name for kind in ("passed", "warned", "failed") for name in predicate[f"{kind}Tests"]]
    assert sorted(named) == sorted(f"group/{case.id}" for case in cases if case.status != "not-applicable")


def test_a_statement_names_what_was_judged() -> None:
    statement = json.loads(written("broken", "in-toto"))
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["subject"] == [{"name": "calico/node:v1", "digest": {"sha256": "1"}}]
    assert statement["predicate"]["result"] == "FAILED"
    assert any(name.endswith("/tool.ipset") for name in statement["predicate"]["failedTests"])
    with pytest.raises(UsageError, match="by digest"):
        write(replace(BROKEN, image=replace(BROKEN.image, config_digest=None)), "in-toto")


@pytest.mark.parametrize("name", ["sound", "broken", "hostile"])
def test_a_statement_is_one_by_its_makers_library(name: str) -> None:
    statement = Statement.copy_from_pb(ParseDict(json.loads(written(name, "in-toto")), Proto()))
    statement.validate()
    assert statement.pb.predicate_type == "https://in-toto.io/attestation/test-result/v0.1"


def test_github_gets_annotations_and_a_summary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    summary = tmp_path / "summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    lines = written("broken", "github").splitlines()
    assert lines[0].startswith("::error title=tool-missing ipset::ipset is not in the image")
    assert lines[-1].startswith("::error title=audit-image FAIL::calico/node%3Av1".replace("%3A", ":"))
    assert summary.read_text() == written("broken", "markdown")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path))
    with pytest.raises(UsageError, match="summary"):
        written("broken", "github")


def test_csv_has_every_requirement_and_every_finding() -> None:
    rows = list(csv.DictReader(io.StringIO(written("broken", "csv"))))
    assert sum(row["record"] == "finding" for row in rows) == len(BROKEN.findings)
    assert {row["id"] for row in rows} >= {row.id for row in BROKEN.requirements}
    assert not [cell for row in rows for cell in row.values() if cell.startswith(("=", "+", "-", "@"))]


def test_a_format_says_which_documents_it_can_write() -> None:
    with pytest.raises(UsageError, match="no format 'needs-sh' of a diff"):
        write(DOCUMENTS["diff"], "needs-sh")
    for entry in FORMATS:
        assert entry.purpose
        assert entry.kinds


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain – text", "plain – text"),
        ("a\nb\x1b[1m\x9b", r"a\nb\x1b[1m\x9b"),
        ("\u202e\u200b\ufeff", r"\u202e\u200b\ufeff"),
        ("\u3164\ufe0f\U000e0100", r"\u3164\ufe0f\U000e0100"),
        ("\udcff\ud800", r"\xff\ud800"),
        ("\ufffe\x00", r"\ufffe\x00"),
    ],
)
def test_what_does_not_show_is_spelled_out(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_words_are_escaped_for_their_place() -> None:
    assert xml('<a b="c">&\x00') == "&lt;a b=&quot;c&quot;&gt;&amp;\\x00"
    assert markdown("[x](http://a|b) `c` @d <e>") == r"\[x\](http:&#47;/a\|b) \`c\` &#64;d &#60;e&#62;"
    assert uri("/usr/bin/a b\udcff?#") == "usr/bin/a%20b%FF%3F%23"


def test_text_folds_at_a_width_and_never_without_one() -> None:
    assert fold("one two three", None, "- ") == ["- one two three"]
    assert fold("one two three four five six seven", 22, "- ") == ["- one two three four", "  five six seven"]
    assert all(len(line) <= 100 for line in written("broken", "text", Style(width=100)).splitlines())
    longest = max(map(len, written("broken", "text").splitlines()))
    assert longest > 100
