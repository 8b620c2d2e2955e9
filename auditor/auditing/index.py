"""The order of the calls for an index: each platform, then what only shows across them."""

import datetime
from collections.abc import Iterable, Sequence
from dataclasses import replace

from auditor.auditing.baseline import Baseline
from auditor.auditing.facts import Facts, Looked
from auditor.auditing.image import audit_facts, judge
from auditor.auditing.verdict import rule_texts, verdict
from auditor.auditing.waivers import Waiver, apply_waivers
from auditor.image import Index
from auditor.report.model import IndexReport, Report, ReportIndex
from auditor.rules import IndexContext, Options, Subject, run_rules
from auditor.spec import Spec


def audit_index(
    index: Index,
    spec: Spec,
    options: Options | None = None,
    waivers: Sequence[Waiver] = (),
    today: datetime.date | None = None,
    *,
    baseline: Baseline | None = None,
) -> IndexReport:
    """Audit every platform of an index, and whether they are the ones asked for and agree."""
    facts = (Looked(image) for image in index.images())
    return audit_index_facts(index, facts, spec, options, waivers, today, baseline=baseline)


def audit_index_facts(
    index: Index,
    facts: Iterable[Facts],
    spec: Spec,
    options: Options | None = None,
    waivers: Sequence[Waiver] = (),
    today: datetime.date | None = None,
    *,
    baseline: Baseline | None = None,
) -> IndexReport:
    """The same, of what is known of each platform's image, wherever from."""
    options = options or Options()
    each = replace(options, chosen_platform=True)  # what the index lacks is said once, for all of them
    reports = tuple(audit_facts(one, spec, each, waivers, today, baseline=baseline) for one in facts)
    described = ReportIndex(index.reference, index.source, index.digest, index.platforms, index.left_out)
    return _across(described, reports, spec, options, waivers, today, baseline)


def judge_index(
    saved: IndexReport,
    spec: Spec,
    options: Options | None = None,
    waivers: Sequence[Waiver] = (),
    today: datetime.date | None = None,
    *,
    baseline: Baseline | None = None,
) -> IndexReport:
    """Judge a saved report of an index anew."""
    options = options or Options()
    each = replace(options, chosen_platform=True)
    reports = tuple(
        judge(one.image, one.inventory, spec, each, waivers, today, baseline=baseline) for one in saved.platforms
    )
    return _across(saved.index, reports, spec, options, waivers, today, baseline)


def _across(
    index: ReportIndex,
    reports: tuple[Report, ...],
    spec: Spec,
    options: Options,
    waivers: Sequence[Waiver],
    today: datetime.date | None,
    baseline: Baseline | None,
) -> IndexReport:
    inventories = tuple(report.inventory for report in reports)
    context = IndexContext(spec, options, index.reference, index.platforms, inventories)
    day = today or datetime.datetime.now(datetime.UTC).date()
    findings, _ = apply_waivers(run_rules(Subject.INDEX, context), waivers, index.reference, day)
    if baseline:
        findings = baseline.accept(findings, None)
    failed = verdict(findings, options.fail_on) == "fail" or any(report.verdict == "fail" for report in reports)
    return IndexReport(
        index=index,
        verdict="fail" if failed else "pass",
        platforms=reports,
        findings=findings,
        rules=rule_texts(findings),
    )
