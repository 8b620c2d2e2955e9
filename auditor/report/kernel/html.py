"""One self-contained HTML page: no script, nothing fetched, everything that was read escaped."""

from collections.abc import Iterator
from html import escape

from auditor.report.audit.document import printable
from auditor.report.format import Style
from auditor.report.kernel import words
from auditor.report.kernel.model import KernelAnswer, KernelFinding, KernelReport

_CSS = """
:root { color-scheme: light dark; --line: #d0d7de; --soft: #57606a; --back: #fff; --text: #1f2328; --band: #f6f8fa;
  --bad: #b3261e; --warn: #8a5a00; --good: #1a7f37; --bad-back: #fdecea; --warn-back: #fff5dc; --good-back: #e9f7ec; }
@media (prefers-color-scheme: dark) { :root { --line: #3d444d; --soft: #9198a1; --back: #0d1117; --text: #f0f6fc;
  --band: #151b23; --bad: #ff7b72; --warn: #e3b341; --good: #56d364; --bad-back: #351618; --warn-back: #2e2613;
  --good-back: #12261a; } }
body { margin: 2rem auto; max-width: 80rem; padding: 0 1rem; background: var(--back); color: var(--text);
  font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.4rem; margin: 0 0 1rem; }
h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
.soft { color: var(--soft); }
.verdict { display: inline-block; border-radius: .4rem; padding: .1rem .6rem; color: var(--back); font-weight: 600; }
.verdict.pass { background: var(--good); } .verdict.fail { background: var(--bad); }
.table { overflow-x: auto; }
table { border-collapse: collapse; min-width: 40rem; width: 100%; }
th, td { border: 1px solid var(--line); padding: .35rem .6rem; text-align: left; vertical-align: top;
  overflow-wrap: anywhere; min-width: 8rem; }
th { background: var(--band); font-weight: 600; }
td.pass, td.met { background: var(--good-back); color: var(--good); }
td.fail, td.not-met { background: var(--bad-back); color: var(--bad); font-weight: 600; }
td.warning, td.unknown, td.waived { background: var(--warn-back); color: var(--warn); }
td.none, td.not-applicable { color: var(--soft); }
.error { color: var(--bad); } .note { color: var(--soft); } span.warning { color: var(--warn); }
li { margin: .6rem 0; overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; }
dt { font-weight: 600; } dd { margin: 0; overflow-wrap: anywhere; }
""".strip()
# Nothing may be fetched or run, whatever slips through.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def write(report: KernelReport, style: Style) -> str:  # noqa: ARG001 - every format is called alike
    """The report as one HTML page."""
    return "\n".join(_page(report)) + "\n"


def _page(report: KernelReport) -> Iterator[str]:
    title = "Kernels and images" if report.images else "Kernels"
    yield '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>{title}: {_text(words.conclusion(report))}</title>"
    yield f"<style>\n{_CSS}\n</style>\n</head>\n<body>\n<main>"
    yield f"<h1>{title}</h1>"
    verdict = f'<span class="verdict {report.verdict}">{report.verdict.upper()}</span>'
    yield f"<p>{verdict} {_text(words.conclusion(report))}</p>"
    if report.images:
        yield "<h2>Images by kernel</h2>"
        yield from _matrix(report)
    yield "<h2>Requirements by kernel</h2>"
    yield from _requirements(report)
    if report.findings:
        yield f"<h2>Findings ({len(report.findings)})</h2>\n<ul>"
        yield from (_finding(report, entry) for entry in report.findings)
        yield "</ul>"
    unknown = list(words.unknowns(report))
    if unknown:
        yield f"<h2>Unknown ({len(unknown)})</h2>\n<ul>"
        yield from (f"<li>{_text(where)}, {_text(what)}: {_text(why)}</li>" for where, what, why in unknown)
        yield "</ul>"
    yield "<h2>What was read</h2>\n<dl>"
    for index, kernel in enumerate(report.kernels):
        name = words.kernel_name(report, index)
        yield f"<dt>Linux {_text(name)}</dt><dd>{_text(words.kernel_facts(kernel))}</dd>"
    for index, image in enumerate(report.images):
        yield f"<dt>{_text(words.image_name(report, index))}</dt><dd>{_text(words.image_facts(image))}</dd>"
    yield f"<dt>spec</dt><dd>{_text(f'{report.spec.name} {report.spec.version}')}</dd>"
    yield "</dl>\n</main>\n</body>\n</html>"


def _head(report: KernelReport, first: str) -> str:
    names = (words.kernel_name(report, index) for index in range(len(report.kernels)))
    columns = "".join(f'<th scope="col">Linux {_text(name)}</th>' for name in names)
    return f'<div class="table"><table>\n<thead><tr><th scope="col">{first}</th>{columns}</tr></thead>\n<tbody>'


def _matrix(report: KernelReport) -> Iterator[str]:
    yield _head(report, "image")
    for index, image in enumerate(report.images):
        cells = (words.cell(report, kernel, index) for kernel in range(len(report.kernels)))
        shown = "".join(f'<td class="{cell.kind}">{_text(cell.text)}</td>' for cell in cells)
        name = f'{_text(words.image_name(report, index))}<br><small class="soft">{_text(words.tools(image))}</small>'
        yield f'<tr><th scope="row">{name}</th>{shown}</tr>'
    yield "</tbody>\n</table></div>"


def _requirements(report: KernelReport) -> Iterator[str]:
    yield _head(report, "requirement")
    for row in report.requirements:
        name = f'{_text(row.id)}<br><small class="soft">{_text(row.text)}</small>'
        yield f'<tr><th scope="row">{name}</th>{"".join(map(_answer, row.kernels))}</tr>'
    yield "</tbody>\n</table></div>"


def _answer(answer: KernelAnswer) -> str:
    how = words.how(answer.modules)
    detail = f'<br><small class="soft">{_text(how)}</small>' if how else ""
    title = f' title="{_text(answer.reason)}"' if answer.reason else ""
    return f'<td class="{answer.status}"{title}>{words.STATUS[answer.status]}{detail}</td>'


def _finding(report: KernelReport, finding: KernelFinding) -> str:
    label = f'<span class="{finding.severity}"><strong>{finding.severity}</strong></span> <code>{finding.rule}</code>'
    row = f' <span class="soft">({_text(finding.requirement)})</span>' if finding.requirement else ""
    waived = f" <em>Waived: {_text(finding.waived_by)}.</em>" if finding.waived_by else ""
    fix = f'<br><span class="soft">Fix: {_text(finding.fix)}</span>' if finding.severity != "note" else ""
    where = f'<span class="soft">{_text(words.about(report, finding))}</span>'
    return f"<li>{label} {_text(finding.subject)}{row}<br>{where}<br>{_text(finding.message)}{waived}{fix}</li>"


def _text(text: str) -> str:
    shown: str = printable(text)
    return escape("".join(char if char.isprintable() else repr(char)[1:-1] for char in shown))
