"""The order of the calls: inventory, rules, waivers, verdict."""

import datetime
from collections.abc import Iterable, Sequence
from dataclasses import replace

from auditor.image import Index
from auditor.image.model import Image
from auditor.inventory.model import Inventory
from auditor.report.model import (
    IndexReport,
    Report,
    ReportFinding,
    ReportImage,
    ReportIndex,
    ReportNeeds,
    ReportRequirement,
    ReportSpec,
    ReportWaiver,
    Verdict,
)
from auditor.rules import NEVER, Finding, ImageContext, IndexContext, Options, Severity, Subject, run_rules
from auditor.rules.kernel.needs import concerned_modules, other_names, running_flavours
from auditor.rules.model import sort_findings
from auditor.rules.rows import Row, judge_rows
from auditor.spec import Kind, Requirement, Spec
from auditor.waivers import Waiver, WaiverUse, apply_waivers


def audit(
    image: Image,
    spec: Spec,
    options: Options | None = None,
    waivers: Sequence[Waiver] = (),
    today: datetime.date | None = None,
) -> Report:
    """Audit one image. `today` (UTC) decides which waivers still count; default: the day it is."""
    from auditor.inventory.build import Wanted, take_inventory  # noqa: PLC0415 - a saved report is judged without it

    described = ReportImage(
        reference=image.reference,
        source=image.source,
        digest=image.digest,
        config_digest=image.config_digest,
        platform=image.config.platform,
        layers=image.layers,
    )
    wanted = Wanted(
        programs={row.tool: row.programs for row in spec.of_kind(Kind.TOOL)},
        link_types=_names(row.link_types for row in spec.of_kind(Kind.FEATURE)),
        extensions=_names(row.extensions.match + row.extensions.target for row in spec.of_kind(Kind.FEATURE)),
    )
    inventory = take_inventory(image, wanted)
    return judge(described, inventory, spec, options or Options(), waivers, today)


def audit_index(
    index: Index,
    spec: Spec,
    options: Options | None = None,
    waivers: Sequence[Waiver] = (),
    today: datetime.date | None = None,
) -> IndexReport:
    """Audit every platform of an index, and whether they are the ones asked for and agree."""
    options = options or Options()
    each = replace(options, chosen_platform=True)  # what the index lacks is said once, for all of them
    reports = tuple(audit(image, spec, each, waivers, today) for image in index.images())
    context = IndexContext(
        spec, options, index.reference, index.platforms, tuple(report.inventory for report in reports)
    )
    day = today or datetime.datetime.now(datetime.UTC).date()
    findings, _ = apply_waivers(run_rules(Subject.INDEX, context), waivers, index.reference, day)
    failed = verdict(findings, options.fail_on) == "fail" or any(report.verdict == "fail" for report in reports)
    return IndexReport(
        index=ReportIndex(index.reference, index.source, index.digest, index.platforms),
        verdict="fail" if failed else "pass",
        platforms=reports,
        findings=tuple(map(report_finding, findings)),
    )


def judge(
    image: ReportImage,
    inventory: Inventory,
    spec: Spec,
    options: Options,
    waivers: Sequence[Waiver] = (),
    today: datetime.date | None = None,
) -> Report:
    """Judge what was found in an image: a fresh inventory, or that of a saved report."""
    context = ImageContext(spec, options, inventory, image.layers)
    day = today or datetime.datetime.now(datetime.UTC).date()
    findings = run_rules(Subject.IMAGE, context)
    if not options.chosen_platform:
        offered = inventory.offered or (inventory.platform,)
        index = IndexContext(spec, options, image.reference, offered)
        findings = sort_findings([*findings, *run_rules(Subject.INDEX, index)])
    findings, uses = apply_waivers(findings, waivers, image.reference, day)
    return Report(
        image=image,
        spec=ReportSpec(spec.name, spec.version, spec.digest, _shown_options(options)),
        verdict=verdict(findings, options.fail_on),
        requirements=tuple(_report_row(row, context) for row in judge_rows(context, findings)),
        findings=tuple(map(report_finding, findings)),
        inventory=inventory,
        waivers=tuple(map(_report_waiver, uses)),
    )


def verdict(findings: Sequence[Finding], fail_on: str) -> Verdict:
    """`fail` where a finding at or above `fail_on` (a severity, or `never`) is not waived."""
    if fail_on == NEVER:
        return "pass"
    worst = Severity(fail_on).rank
    failing = any(entry.severity.rank <= worst and entry.waived_by is None for entry in findings)
    return "fail" if failing else "pass"


def _names(groups: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(sorted({name for group in groups for name in group}))


def _shown_options(options: Options) -> dict[str, object]:
    return {"strict": options.strict, "ip_family": options.ip_family.value, "fail_on": options.fail_on}


def _report_row(row: Row, context: ImageContext) -> ReportRequirement:
    return ReportRequirement(
        id=row.requirement.id,
        section=row.requirement.section,
        text=row.requirement.text,
        status=row.status,
        kernel=row.kernel,
        state=row.state,  # type: ignore[arg-type]  # library_state gives one of the four words
        reason=row.reason,
        needs=_needs(row.requirement, context),
        findings=row.findings,
    )


def _needs(row: Requirement, context: ImageContext) -> ReportNeeds | None:
    """What this very image asks of a kernel: of the modules that only a flavour of iptables needs, its own."""
    needs, spec = row.needs, context.spec
    if needs is None:
        return None
    flavours = running_flavours(context.inventory, row.tools)
    modules = concerned_modules(spec, needs, context.options.ip_family.stacks, flavours)
    return ReportNeeds(modules, spec.config_symbols(modules), needs.min_version, other_names(spec, modules))


def report_finding(finding: Finding) -> ReportFinding:
    """A finding as the report writes it."""
    return ReportFinding(
        rule=finding.rule,
        severity=finding.severity.value,
        requirement=finding.requirement,
        subject=finding.subject,
        message=finding.message,
        evidence=dict(finding.evidence),
        layer=finding.layer,
        fix=finding.fix,
        waived_by=finding.waived_by,
        affects=finding.affects,
    )


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
