"""The order of the calls for one image: inventory, rules, waivers, verdict."""

import datetime
from collections.abc import Sequence

from msgspec.structs import replace

from auditor.auditing.baseline import Baseline
from auditor.auditing.facts import Facts, Looked
from auditor.auditing.terms import Terms
from auditor.auditing.verdict import rule_texts, summarise, verdict
from auditor.auditing.waivers import Waiver, WaiverUse, apply_waivers
from auditor.finding import Finding, sort_findings
from auditor.image.model import Image
from auditor.inventory.model import Inventory
from auditor.report.model import (
    Report,
    ReportImage,
    ReportNeeds,
    ReportRequirement,
    ReportSpec,
    ReportWaiver,
)
from auditor.rules import ImageContext, IndexContext, Options, Subject, run_rules
from auditor.rules.image.rows import Row, judge_rows
from auditor.rules.kernel.needs import concerned_modules, other_names, running_flavours
from auditor.rules.severity import weighed
from auditor.spec import Requirement, Spec


def audit(
    image: Image,
    spec: Spec,
    options: Options | None = None,
    waivers: Sequence[Waiver] = (),
    today: datetime.date | None = None,
    *,
    baseline: Baseline | None = None,
) -> Report:
    """Audit one image. `today` (UTC) decides which waivers still count; default: the day it is.

    With a `baseline` only what it doesn't have fails.
    """
    return audit_facts(Looked(image), Terms(spec, options or Options(), waivers, today, baseline))


def audit_facts(facts: Facts, terms: Terms) -> Report:
    """The same, of what is known of an image, wherever from."""
    inventory = facts.inventory(terms.spec)
    described = facts.image(inventory)
    report = judge_by(terms, described, inventory)
    if not terms.options.suggest or not report.summary.not_met:
        return report
    from auditor.auditing.fitting import fitting  # noqa: PLC0415 - most images meet their spec

    return replace(report, fits=tuple(fitting(facts, described, terms.spec, terms.options)))


def judge(
    image: ReportImage,
    inventory: Inventory,
    spec: Spec,
    options: Options,
    waivers: Sequence[Waiver] = (),
    today: datetime.date | None = None,
    *,
    baseline: Baseline | None = None,
) -> Report:
    """Judge what was found in an image: a fresh inventory, or that of a saved report."""
    return judge_by(Terms(spec, options, waivers, today, baseline), image, inventory)


def judge_by(terms: Terms, image: ReportImage, inventory: Inventory) -> Report:
    """The same, with all that it is judged by in one value."""
    spec, options, baseline = terms.spec, terms.options, terms.baseline
    context = ImageContext(spec, options, inventory, image.layers)
    findings = run_rules(Subject.IMAGE, context)
    if not options.chosen_platform:
        offered = inventory.offered or (inventory.platform,)
        index = IndexContext(spec, options, image.reference, offered)
        findings = sort_findings([*findings, *run_rules(Subject.INDEX, index)])
    findings, uses = apply_waivers(findings, terms.waivers, image.reference, terms.day)
    if baseline:
        findings = baseline.accept(findings, image.platform)
    rows = judge_rows(context, findings)
    findings, places = _by_weight(spec, findings)
    summary = summarise(row.status for row in rows)
    known = baseline.unknown_rows(image.platform) if baseline else ()
    unknown = sum(row.status == "unknown" and row.requirement.id not in known for row in rows)
    return Report(
        image=image,
        spec=ReportSpec(spec.name, spec.version, spec.digest, shown_options(spec, options)),
        verdict=verdict(findings, options.fail_on, unknown if options.fail_on_unknown else 0),
        summary=summary,
        requirements=tuple(_report_row(row, context, places) for row in rows),
        findings=findings,
        inventory=inventory,
        waivers=tuple(map(_report_waiver, uses)),
        rules=rule_texts(findings),
    )


def shown_options(spec: Spec, options: Options) -> dict[str, object]:
    """How the spec is read, as a report has it."""
    shown: dict[str, object] = {
        "strict": options.strict,
        "ip_family": options.ip_family.value,
        "fail_on": options.fail_on.value,
        "fail_on_unknown": options.fail_on_unknown,
        "modes": list(spec.default_modes if options.modes is None else options.modes),
        "cpu": dict(options.cpu),
    }
    return {**shown, "fail_on_from": options.fail_on_from} if options.fail_on_from else shown


def _by_weight(spec: Spec, findings: Sequence[Finding]) -> tuple[tuple[Finding, ...], list[int]]:
    """The findings as the spec weighs them, worst first; and where each of the old places went."""
    heavy = weighed(spec, findings)
    order = sorted(range(len(heavy)), key=lambda place: heavy[place].sort_key)
    places = [0] * len(order)
    for new, old in enumerate(order):
        places[old] = new
    return tuple(heavy[place] for place in order), places


def _report_row(row: Row, context: ImageContext, places: Sequence[int]) -> ReportRequirement:
    return ReportRequirement(
        id=row.requirement.id,
        section=row.requirement.section,
        text=row.requirement.text,
        status=row.status,
        kernel=row.kernel,
        state=row.state,  # type: ignore[arg-type]  # library_state gives one of the four words
        reason=row.reason,
        needs=_needs(row.requirement, context),
        findings=tuple(sorted(places[index] for index in row.findings)),
        severity=row.requirement.severity or "error",
        tool=row.requirement.tool,
    )


def _needs(row: Requirement, context: ImageContext) -> ReportNeeds | None:
    """What this very image asks of a kernel: of the modules that only a flavour of iptables needs, its own."""
    needs, spec = row.needs, context.spec
    if needs is None:
        return None
    flavours = running_flavours(context.inventory, row.tools)
    modules = concerned_modules(spec, needs, context.options.ip_family.stacks, flavours)
    return ReportNeeds(modules, spec.config_symbols(modules), needs.min_version, other_names(spec, modules))


def _report_waiver(use: WaiverUse) -> ReportWaiver:
    waiver = use.waiver
    return ReportWaiver(
        rule=waiver.rule,
        subject=waiver.subject,
        image=waiver.image,
        reason=waiver.reason,
        owner=waiver.owner,
        expires=waiver.expires.isoformat(),
        state=use.state,  # type: ignore[arg-type]  # one of the three words
        findings=use.findings,
    )
