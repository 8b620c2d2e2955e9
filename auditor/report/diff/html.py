"""One self-contained HTML page: no script, nothing fetched, everything from the image escaped."""

from collections.abc import Iterator, Sequence
from html import escape

from auditor.report.audit.document import printable
from auditor.report.diff import words
from auditor.report.diff.model import Assessment, Change, Diff, DiffSide
from auditor.report.format import Style

_CSS = """
:root { color-scheme: light dark; --line: #d0d7de; --soft: #57606a; --back: #fff; --text: #1f2328; --band: #f6f8fa;
  --regression: #b3261e; --improvement: #1a7f37; --neutral: #57606a; }
@media (prefers-color-scheme: dark) { :root { --line: #3d444d; --soft: #9198a1; --back: #0d1117; --text: #f0f6fc;
  --band: #151b23; --regression: #ff7b72; --improvement: #56d364; --neutral: #9198a1; } }
body { margin: 2rem auto; max-width: 75rem; padding: 0 1rem; background: var(--back); color: var(--text);
  font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.4rem; margin: 0 0 1rem; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
h3 { font-size: 1rem; margin: 1.25rem 0 .4rem; }
.regression { color: var(--regression); } .improvement { color: var(--improvement); }
.neutral, .soft { color: var(--neutral); }
.verdict { display: inline-block; border-radius: .4rem; padding: .1rem .6rem; color: var(--back); font-weight: 600; }
.pass { background: var(--improvement); } .fail { background: var(--regression); }
.table { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; min-width: 45rem; table-layout: fixed; }
th, td { border-bottom: 1px solid var(--line); padding: .35rem .6rem; text-align: left; vertical-align: top; }
th { background: var(--band); font-weight: 600; }
th:first-child { width: 13%; } th:last-child { width: 28%; }
td { overflow-wrap: anywhere; }
td.kind { color: var(--soft); }
td.value { font-family: ui-monospace, monospace; font-size: .9em; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; margin: 1rem 0; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
""".strip()
# Nothing may be fetched or run, whatever slips through.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def write(diff: Diff, style: Style) -> str:  # noqa: ARG001 - every format is called alike
    """The diff as one HTML page."""
    return "\n".join(_page(diff)) + "\n"


def _page(diff: Diff) -> Iterator[str]:
    title = f"{_text(diff.old.reference)} → {_text(diff.new.reference)}"
    yield '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>Changes: {title}</title>\n<style>\n{_CSS}\n</style>\n</head>\n<body>\n<main>"
    yield f"<h1>Changes from {title.replace(' → ', ' to ', 1)}</h1>"
    verdict = f'<span class="verdict {diff.verdict}">{diff.verdict.upper()}</span>'
    yield f"<p>{verdict} {_text(words.conclusion(diff))}</p>"
    yield "<dl>"
    for term, text in _facts(diff):
        yield f"<dt>{term}</dt><dd>{_text(text)}</dd>"
    yield "</dl>"
    for assessment in ("regression", "improvement", "neutral"):
        yield from _section(diff, assessment)
    if diff.notes:
        yield "<h2>Not compared</h2>\n<ul>"
        yield from (f"<li>{_text(note)}</li>" for note in diff.notes)
        yield "</ul>"
    yield "</main>\n</body>\n</html>"


def _facts(diff: Diff) -> Iterator[tuple[str, str]]:
    yield "old", _side(diff.old)
    yield "new", _side(diff.new)
    yield "spec", f"{diff.spec.name} {diff.spec.version}"
    yield "findings", words.findings(diff)
    yield "layers", words.layers(diff.layers)


def _side(side: DiffSide) -> str:
    return f"{side.reference} ({words.side(side)})"


def _section(diff: Diff, assessment: Assessment) -> Iterator[str]:
    changes = words.assessed(diff, assessment)
    if not changes:
        return
    yield f'<h2 class="{assessment}">{words.TITLES[assessment]} ({len(changes)})</h2>'
    for area, found in words.by_area(changes):
        yield f"<h3>{area}</h3>"
        yield from _table(found)


def _table(changes: Sequence[Change]) -> Iterator[str]:
    yield '<div class="table"><table>'
    head = "".join(f'<th scope="col">{name}</th>' for name in ("change", "what", "old", "new", "why"))
    yield f"<thead><tr>{head}</tr></thead>\n<tbody>"
    for change in changes:
        tools = words.other_tools(change)
        concerned = f' <span class="soft">{_text(", ".join(tools))}</span>' if tools else ""
        yield (
            f'<tr><td class="kind">{words.heading(change)}</td><td>{_text(words.subject(change))}{concerned}</td>'
            f'<td class="value">{_text(change.old or "")}</td><td class="value">{_text(change.new or "")}</td>'
            f"<td>{_text(change.why)}</td></tr>"
        )
    yield "</tbody></table></div>"


def _text(text: str) -> str:
    """Plain text in any place; characters that HTML forbids, or that turn the writing direction, are spelled out."""
    shown: str = printable(text)
    return escape("".join(char if char.isprintable() else repr(char)[1:-1] for char in shown))
