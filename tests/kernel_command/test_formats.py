"""How a report on kernels is written: for people, scripts and release notes, and safely whatever was read."""

import json
import re
import subprocess

import jsonschema
import pytest
from markdown_it import MarkdownIt
from msgspec.structs import replace

from auditor.kernel.model import SourceInfo
from auditor.report.audit.document import to_document
from auditor.report.kernel.document import document_schema as kernel_schema
from auditor.report.kernel.document import to_document as kernel_document
from auditor.report.kernel.model import KernelReport
from auditor.report.model import ReportNeeds
from auditor.report.register import Kind, Style, formats, write
from auditor.severity import FailOn
from tests.kernel_command.made import audited, image, kernel, kmod, loader
from tests.report.page import keeps_to_itself

EVIL = (
    "\x1b[2J\x9b1m</td><script>alert(1)</script>\n| # @everyone \u202e[x](http://a.b) <!-- "
    "`code` \x00 \udcff \\| **b** &amp; ' $(id) \" `id`"
)
OTHER = kernel(["ip_tables"], ["xt_set"], release="7.2.0", compression="xz", modprobe_path="/usr/bin/modprobe")
REPORTS = {
    "one": audited(kernel()),
    "matrix": audited(
        kernel(),
        OTHER,
        images=[image(), image(reference="calico/node:v0", types={"hash:ip": 5}, kmod=kmod(loader(xz=False)))],
    ),
    "architectures": audited(
        kernel(), kernel(architecture="arm64"), images=[image(), image(architecture="arm64")], fail_on=FailOn.NOTE
    ),
    "hostile": audited(
        kernel(release=EVIL, sources=(SourceInfo(EVIL, EVIL, (EVIL,)),), modprobe_path=EVIL, modprobe_reason=EVIL),
        kernel(set_types={EVIL: (0, 9)}, set_types_unknown=((EVIL, EVIL),)),
        images=[image(reference=EVIL, types={EVIL: 1}, kmod=kmod(replace(loader(xz=False), version=EVIL)))],
    ),
}
each_report = pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS)


@each_report
def test_the_document_keeps_the_published_schema(report: KernelReport) -> None:
    document = kernel_document(report)
    jsonschema.Draft202012Validator(kernel_schema()).validate(document)
    assert {"schema_version", "kernels", "images", "pairs", "requirements", "findings", "verdict"} <= set(document)
    json.dumps(document).encode()


@each_report
@pytest.mark.parametrize("name", formats(Kind.KERNEL))
def test_every_format_is_the_same_each_time_and_plain(report: KernelReport, name: str) -> None:
    text = write(report, name, Style())
    assert text == write(report, name, Style())
    assert text.endswith("\n")
    assert name == "json" or all(char.isprintable() or char == "\n" for char in text)
    text.encode()


def test_the_matrix_of_release_notes() -> None:
    text = write(REPORTS["matrix"], "markdown", Style())
    html = MarkdownIt("commonmark", {"html": False}).enable("table").render(text)
    first = html[: html.index("</table>")]
    cells = re.findall(r"<t[hd]>(.*?)</t[hd]>", first)
    assert cells[:3] == ["image", "Linux 6.1.0-9-amd64", "Linux 7.2.0"]
    assert cells[3].startswith("calico/node:v1 (ipset 7.17, iptables nf_tables, kmod 30)")
    assert cells[4] == "passes"
    assert cells[5].startswith("<strong>fails: 1 error, 1 warning (kernel-feature-missing, modprobe-unreachable)")
    assert cells[7] == "passes: 1 warning (ipset-revision-unsupported) (hash:ip)"
    assert "module-compression-unsupported" in cells[8]


@each_report
def test_tables_keep_their_shape(report: KernelReport) -> None:
    text = write(report, "markdown", Style(verbose=True))
    html = MarkdownIt("commonmark", {"html": True}).enable("table").render(text)
    for table in html.split("<table>")[1:]:
        rows = [row.count("<th>") + row.count("<td>") for row in table.split("</table>")[0].split("<tr>")[1:]]
        assert len(set(rows)) == 1
    assert not re.search(r"<(?!/?(?:h2|h3|p|strong|table|thead|tbody|tr|th|td|ul|li)\b)", html)


@each_report
def test_the_page_is_whole_and_fetches_nothing(report: KernelReport) -> None:
    keeps_to_itself(write(report, "html", Style()))


def test_the_text_says_what_is_unknown_and_ends_with_the_verdict() -> None:
    lines = write(REPORTS["matrix"], "text", Style()).splitlines()
    assert any(line.startswith("unknown  Linux 7.2.0, feature.xt_set") for line in lines)
    assert lines[-1].startswith("FAIL  2 kernels with 2 images")
    assert write(REPORTS["one"], "text", Style()).splitlines()[-1].startswith("PASS  1 kernel meets")


def test_kernels_of_one_release_are_told_apart() -> None:
    text = write(REPORTS["architectures"], "text", Style())
    assert "Linux 6.1.0-9-amd64 (amd64)" in text
    assert "calico/node:v1 (linux/arm64)" in text


class TestPreflight:
    """What an image asks of the nodes' kernels."""

    @pytest.mark.parametrize("reference", ["calico/node:v1", EVIL])
    def test_a_shell_reads_it_and_runs_nothing(self, reference: str) -> None:
        text = write(image(reference=reference), "needs-sh", Style())
        script = text + 'printf "%s\\n" "$AUDIT_IMAGE_NEEDS_IMAGE" "$AUDIT_IMAGE_NEEDS_KERNEL"\n'
        script += 'for each in $AUDIT_IMAGE_NEEDS_MODULES -- $AUDIT_IMAGE_NEEDS_CONFIG; do printf "%s\\n" "$each"; done'
        done = subprocess.run(["sh", "-eu", "-c", script], capture_output=True, text=True, check=True)
        name, version, *rest = done.stdout.splitlines()
        modules, config = rest[: rest.index("--")], rest[rest.index("--") + 1 :]
        assert done.stderr == ""
        assert name == reference or "script" in name
        assert version == "3.10"
        assert {"ip_tables", "nft_compat", "nfnetlink|netfilter", "ipt_set|xt_set"} <= set(modules)
        assert {"IP_NF_IPTABLES_LEGACY|IP_NF_IPTABLES", "NF_TABLES", "IP_SET"} <= set(config)

    def test_a_saved_version_of_any_length_is_no_kernel(self) -> None:
        sound = image()
        strange = ReportNeeds(min_version=f"{'9' * 5000}.1")
        rows = tuple(replace(row, needs=strange) if row.needs else row for row in sound.requirements)
        assert "AUDIT_IMAGE_NEEDS_KERNEL" in write(replace(sound, requirements=rows), "needs-sh", Style())

    def test_as_json_by_row(self) -> None:
        document = json.loads(write(image(), "needs-json", Style()))
        rows = {row["id"]: row for row in document["requirements"]}
        assert rows["feature.ip_set"]["modules"] == ["ip_set", "nfnetlink"]
        assert rows["feature.ip_set"]["alternatives"] == {"nfnetlink": ["netfilter"]}
        assert "kernel.ipv4" not in rows
        assert ["nfnetlink", "netfilter"] in document["modules"]
        assert document["min_version"] == "3.10"

    def test_a_report_has_the_newest_name_of_each_symbol(self) -> None:
        rows = {row["id"]: row for row in to_document(image())["requirements"]}
        assert "IP_NF_IPTABLES_LEGACY" in rows["feature.ip_tables"]["needs"]["config"]
        assert rows["tool.ipset"]["needs"] is None


@pytest.mark.parametrize(
    ("types", "verbose", "hint"), [({"hash:ip": 7}, False, True), ({"hash:ip": 7}, True, False), (None, False, False)]
)
def test_the_last_lines_say_how_to_see_notes_that_are_not_shown(
    types: dict[str, int] | None, verbose: bool, hint: bool
) -> None:
    text = write(audited(kernel(), images=[image(types=types)]), "text", Style(verbose=verbose))
    assert ("(--verbose shows the notes)" in text) is hint
    assert ("note[" in text) is (types is not None and verbose)
