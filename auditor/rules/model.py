"""The register of rules."""

import enum
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from auditor.finding import Finding, sort_findings
from auditor.severity import Severity
from auditor.spec import Spec


class Subject(enum.StrEnum):
    """What a rule looks at."""

    IMAGE = "image"
    INDEX = "index"
    KERNEL = "kernel"
    PAIR = "kernel with image"


Context = TypeVar("Context")
Check = Callable[[Context], Iterable[Finding]]
Tools = Callable[[Spec], Iterable[str]]


def _none(_: Spec) -> Iterable[str]:
    return ()


@dataclass(frozen=True, slots=True)
class Rule(Generic[Context]):
    """One rule: what it finds by default, and its explanation in the words of its docstring."""

    id: str
    severity: Severity
    subject: Subject
    summary: str
    explanation: str
    mend: str
    check: Check[Context]
    further_tools: Tools = _none  # that it looks at beside those of the spec


_REGISTER: dict[str, Rule[Any]] = {}
_FURTHER: list[tuple[Subject, Check[Any]]] = []


def rule(
    rule_id: str, severity: Severity, subject: Subject, *, mend: str, further_tools: Tools = _none
) -> Callable[[Check[Context]], Check[Context]]:
    """Register the decorated function as a rule. The first line of its docstring is the summary.

    `further_tools` says which tools the rule looks at beside those that a spec asks for.
    """

    def register(check: Check[Context]) -> Check[Context]:
        summary, _, explanation = (check.__doc__ or "").strip().partition("\n")
        text = " ".join(explanation.split())
        if rule_id in _REGISTER:
            raise ValueError(f"two rules are called {rule_id}")
        _REGISTER[rule_id] = Rule(rule_id, severity, subject, summary.strip(), text, mend, check, further_tools)
        return check

    return register


def also(rule_id: str, subject: Subject) -> Callable[[Check[Context]], Check[Context]]:
    """Let the decorated function look for a registered rule's findings in another kind of subject."""

    def register(check: Check[Context]) -> Check[Context]:
        if rule_id not in _REGISTER:
            raise ValueError(f"no rule is called {rule_id}")
        _FURTHER.append((subject, check))
        return check

    return register


def rules(subject: Subject | None = None) -> tuple[Rule[Any], ...]:
    """All rules, or those for one kind of subject, by id."""
    chosen = (entry for entry in _REGISTER.values() if subject is None or entry.subject is subject)
    return tuple(sorted(chosen, key=lambda entry: entry.id))


def further_tools(spec: Spec) -> frozenset[str]:
    """The tools that rules look at beside those that the spec asks for."""
    return frozenset(tool for entry in _REGISTER.values() for tool in entry.further_tools(spec))


def find_rule(rule_id: str) -> Rule[Any] | None:
    """The rule of this id."""
    return _REGISTER.get(rule_id)


def run_rules(subject: Subject, context: object) -> tuple[Finding, ...]:
    """Every finding of every rule for this kind of subject, worst first."""
    return sort_findings(_findings(subject, context))


def _findings(subject: Subject, context: object) -> Iterator[Finding]:
    for entry in rules(subject):
        yield from entry.check(context)
    for further, check in _FURTHER:
        if further is subject:
            yield from check(context)
