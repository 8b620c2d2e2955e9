"""Which other spec an image meets that doesn't meet the one it was judged by."""

from collections.abc import Iterator

from msgspec.structs import replace

from auditor.auditing.facts import Facts
from auditor.auditing.image import judge
from auditor.report.model import ReportFit, ReportImage
from auditor.rules import Options
from auditor.spec import Spec, load_spec


def fitting(facts: Facts, described: ReportImage, spec: Spec, options: Options) -> Iterator[ReportFit]:
    """Of the specs that this one names instead, those of which the image, looked at for them, breaks no row.

    Modes are the other spec's own default: it may not know those that were asked for.
    """
    for name in spec.instead:
        other = load_spec(name)
        inventory = facts.inventory(other)
        for alone in sorted({options.chosen_platform, True}):
            own = replace(options, modes=None, chosen_platform=alone)
            summary = judge(described, inventory, other, own).summary
            if not summary.not_met:
                yield ReportFit(name, summary.unknown, alone and not options.chosen_platform)
                break
