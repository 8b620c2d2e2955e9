"""What the image config tells a runtime: what is started, as whom, and in which environment."""

from collections.abc import Iterator, Mapping

from auditor.report.diff.model import Change
from auditor.report.diff.pair import Pair, Side

_PATH = "PATH"


def changes(pair: Pair) -> Iterator[Change]:
    """Each entry of the config that the audit looks at; none where an image has no config."""
    if not (pair.old.has_config and pair.new.has_config):
        return
    before, after = pair.old.inventory.config, pair.new.inventory.config
    values = (
        ("entrypoint", _words(before.entrypoint), _words(after.entrypoint), "Another program starts the container."),
        ("command", _words(before.cmd), _words(after.cmd), "The container starts with other arguments."),
        ("user", before.user or None, after.user or None, "Its programs run as somebody else."),
        (
            "working-directory",
            before.working_dir or None,
            after.working_dir or None,
            "Relative paths start elsewhere.",
        ),
    )
    for kind, old, new, why in values:
        if old != new:
            yield Change(kind, kind, old, new, "neutral", f"{why} Findings say whether it starts.")
    yield from _path(pair)
    olds, news = _environment(pair.old), _environment(pair.new)
    for name in sorted(olds.keys() | news.keys()):
        if olds.get(name) != news.get(name):
            why = "Every program that the container starts sees it."
            yield Change("environment", name, olds.get(name), news.get(name), "neutral", why)


def _path(pair: Pair) -> Iterator[Change]:
    before, after = pair.old.inventory.path, pair.new.inventory.path
    if before == after:
        return
    gone = [directory for directory in before if directory not in after]
    came = [directory for directory in after if directory not in before]
    told = [
        f"no longer searched: {', '.join(gone)}" if gone else "",
        f"searched now: {', '.join(came)}" if came else "",
        "the order differs" if not gone and not came else "",
    ]
    why = f"{'; '.join(part for part in told if part)}. Changes of the tools say what that hides or shows."
    yield Change("path", _PATH, ":".join(before), ":".join(after), "neutral", why[0].upper() + why[1:])


def _environment(side: Side) -> Mapping[str, str]:
    entries = (entry.partition("=") for entry in side.inventory.config.env)
    return {name: value for name, _, value in entries if name != _PATH}


def _words(words: tuple[str, ...]) -> str | None:
    """A command as one would type it in a Dockerfile's exec form, which shows where a word ends."""
    if not words:
        return None
    return "[" + ", ".join('"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"' for word in words) + "]"
