"""From a kernel's answers and the findings about it to the status of every row that has a kernel half."""

from collections.abc import Iterable, Iterator
from typing import Literal

from msgspec import Struct

from auditor.finding import Finding
from auditor.kernel.model import FeatureAnswer, ModuleAnswer
from auditor.rules.context import outcome
from auditor.rules.kernel.compression import look_at_compression
from auditor.rules.kernel.context import KernelContext, Outcome, PairContext, Unknown
from auditor.rules.kernel.cpu import look_at_processor
from auditor.rules.kernel.features import look_at_flavours, why_unknown
from auditor.rules.kernel.modprobe import look_at_modprobe
from auditor.rules.kernel.settypes import look_at_set_types
from auditor.spec import Requirement

KernelStatus = Literal["met", "not-met", "waived", "unknown", "not-applicable"]


class KernelRow(Struct, frozen=True):
    """One row judged for one kernel, with what was said of each module that it needs."""

    requirement: Requirement
    status: KernelStatus
    reason: str
    modules: tuple[ModuleAnswer, ...]


def judge_kernel_rows(context: KernelContext, findings: Iterable[Finding]) -> tuple[KernelRow, ...]:
    """Every row with a kernel half, in the document's order."""
    told = list(findings)
    holding = {row.id: answer for row, answer in context.rows()}
    return tuple(
        _judge(context, row, holding.get(row.id), told) for row in context.spec.requirements if row.needs is not None
    )


def _judge(
    context: KernelContext, row: Requirement, answer: FeatureAnswer | None, findings: list[Finding]
) -> KernelRow:
    if answer is None:
        return KernelRow(row, "not-applicable", context.options.why_not(context.spec, row), ())
    stacks = context.options.ip_family.stacks
    modules = tuple(each for each in answer.modules if each.need.family in ("", *stacks))
    met = answer.met(stacks)
    if met:
        return KernelRow(row, "met", "", modules)
    if met is None:
        # Where only what a flavour of iptables needs is unknown, all of the row's modules tell why.
        reason = why_unknown(context.answers(answer), new_enough=answer.new_enough)
        return KernelRow(row, "unknown", reason or why_unknown(modules, new_enough=answer.new_enough), modules)
    own = [entry for entry in findings if row.id in entry.rows]
    status, reason = outcome(own) if own else ("not-met", "")
    return KernelRow(row, status, reason, modules)


def pair_unknowns(context: PairContext) -> tuple[Unknown, ...]:
    """What could not be judged of a kernel with an image."""
    return tuple(outcome for outcome in _outcomes(context) if isinstance(outcome, Unknown))


def _outcomes(context: PairContext) -> Iterator[Outcome]:
    yield from look_at_flavours(context)
    yield from look_at_set_types(context)
    yield from look_at_compression(context)
    yield from look_at_modprobe(context)
    yield from look_at_processor(context)
