"""The order of the calls for an index: each platform, then what only shows across them."""

import datetime
from collections.abc import Iterable, Sequence

from auditor.auditing.baseline import Baseline
from auditor.auditing.facts import Facts, Looked
from auditor.auditing.image import audit_facts, judge_by
from auditor.auditing.terms import Terms
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
    return audit_index_facts(index, facts, Terms(spec, options or Options(), waivers, today, baseline))


def audit_index_facts(index: Index, facts: Iterable[Facts], terms: Terms) -> IndexReport:
    """The same, of what is known of each platform's image, wherever from."""
    each = terms.of_chosen_platform()  # what the index lacks is said once, for all of them
    reports = tuple(audit_facts(one, each) for one in facts)
    described = ReportIndex(index.reference, index.source, index.digest, index.platforms, index.left_out)
    return _across(described, reports, terms)


def judge_index(saved: IndexReport, terms: Terms) -> IndexReport:
    """Judge a saved report of an index anew."""
    each = terms.of_chosen_platform()
    return _across(saved.index, tuple(judge_by(each, one.image, one.inventory) for one in saved.platforms), terms)


def _across(index: ReportIndex, reports: tuple[Report, ...], terms: Terms) -> IndexReport:
    inventories = tuple(report.inventory for report in reports)
    context = IndexContext(terms.spec, terms.options, index.reference, index.platforms, inventories)
    findings, _ = apply_waivers(run_rules(Subject.INDEX, context), terms.waivers, index.reference, terms.day)
    if terms.baseline:
        findings = terms.baseline.accept(findings, None)
    failed = verdict(findings, terms.options.fail_on) == "fail" or any(report.verdict == "fail" for report in reports)
    return IndexReport(
        index=index,
        verdict="fail" if failed else "pass",
        platforms=reports,
        findings=findings,
        rules=rule_texts(findings),
    )
