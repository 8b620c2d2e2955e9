"""What a spec asks of the image config."""

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase

from auditor.finding import Finding
from auditor.inventory.model import RuntimeConfig
from auditor.rules.context import finding
from auditor.rules.image.context import ImageContext
from auditor.rules.model import Subject, rule
from auditor.severity import Severity
from auditor.spec import Kind, Requirement

_ROOT = ("root", "0")


@rule("config-differs", Severity.ERROR, Subject.IMAGE, mend="Correct the instruction of the Dockerfile that sets it.")
def config_differs(context: ImageContext) -> Iterator[Finding]:
    """The image config says something else than the spec asks for: User, Entrypoint, Cmd, ports, labels, environment.

    User, Entrypoint and Cmd are compared word for word; no User at all is root, and so is the number 0. Ports must be
    exposed, with others beside them or not. Values of labels and variables are glob patterns, `*` being any.
    """
    config = context.inventory.config
    for row in context.rows(Kind.CONFIG) if config.stated else ():
        for subject, message in _differences(row, config):
            yield finding("config-differs", row.id, subject, message, evidence={"field": subject})


def unknown_config(context: ImageContext, _: Requirement) -> str:
    """Why nothing is known of the config; "" where it is."""
    return "" if context.inventory.config.stated else "no image config is known: a tree of files has none"


def _differences(row: Requirement, config: RuntimeConfig) -> Iterator[tuple[str, str]]:
    """(the config's field, what is wrong with it)."""
    user = config.user or "root"
    if row.user and _canonical(row.user) != _canonical(user):
        yield "User", f"The image runs as {user}, not {row.user}."
    if row.non_root and _canonical(user).partition(":")[0] in _ROOT:
        yield "User", "The image runs as root."
    for name, asked, said in (("Entrypoint", row.entrypoint, config.entrypoint), ("Cmd", row.cmd, config.cmd)):
        if asked and asked != said:
            yield name, f"{name} is {_words(said)}, not {_words(asked)}."
    for port in row.ports:
        if port not in config.ports:
            yield "ExposedPorts", f"The port {port} is not exposed."
    yield from _values("Labels", "label", row.labels, config.labels)
    yield from _values("Env", "variable", row.env, _variables(config))


def _values(field: str, what: str, asked: Mapping[str, str], said: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name, pattern in asked.items():
        if name not in said:
            yield field, f"The {what} {name} is not set."
        elif not fnmatchcase(said[name], pattern):
            yield field, f"The {what} {name} is {said[name]!r}, not {pattern!r}."


def _variables(config: RuntimeConfig) -> dict[str, str]:
    return {name: value for name, equals, value in (entry.partition("=") for entry in config.env) if equals}


def _canonical(user: str) -> str:
    """A user as runtimes see it: the number 0 is root; a group of root's own changes nothing."""
    name, _, group = user.partition(":")
    name, group = (("root" if part in _ROOT else part) for part in (name, group))
    return name if not group or (name, group) == ("root", "root") else f"{name}:{group}"


def _words(words: tuple[str, ...]) -> str:
    return " ".join(words) or "not set"
