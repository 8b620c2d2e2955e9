"""The Go programs of both images: the release that built each, its own module, what is built in, cgo and FIPS."""

from collections.abc import Iterator

from auditor.inventory.model import GoProgram
from auditor.report.diff.model import Change
from auditor.report.diff.pair import Pair

_SHOWN_SETTINGS = ("CGO_ENABLED", "GOEXPERIMENT", "GOFIPS140")


def changes(pair: Pair) -> Iterator[Change]:
    """What changed in the programs that both images have; one that is gone or new is told as a program."""
    before = {program.path: program for program in pair.old.inventory.go}
    for new in pair.new.inventory.go:
        old = before.get(new.path)
        if old is None:
            continue
        if old.version != new.version:
            yield _change("go-version", new.path, old.version, new.version)
        if _own(old) != _own(new):
            yield _change("go-module", new.path, _own(old), _own(new))
        yield from _modules(old, new)
        for name in _SHOWN_SETTINGS:
            if old.settings.get(name) != new.settings.get(name):
                yield _change("go-setting", f"{new.path} {name}", old.settings.get(name), new.settings.get(name))


def _modules(old: GoProgram, new: GoProgram) -> Iterator[Change]:
    olds = {module.path: module.version for module in old.modules}
    news = {module.path: module.version for module in new.modules}
    for path in sorted(olds.keys() | news.keys()):
        if olds.get(path) != news.get(path):
            yield _change("go-dependency", f"{new.path} {path}", olds.get(path), news.get(path))


def _own(program: GoProgram) -> str | None:
    return f"{program.module.path} {program.module.version}".strip() if program.module else None


def _change(kind: str, subject: str, old: str | None, new: str | None) -> Change:
    return Change(kind, subject, old, new, "neutral", "", ())
