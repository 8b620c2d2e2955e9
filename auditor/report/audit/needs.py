"""What an image asks of the nodes' kernels, for a preflight: one list over all rows that hold."""

from collections.abc import Iterator

from msgspec import Struct

from auditor.report.model import IndexReport, Report, ReportNeeds, ReportRequirement

NOTHING = ReportNeeds()


class Needs(Struct, frozen=True):
    """Everything at once. Modules and CONFIG symbols (without `CONFIG_`) come with others that will do."""

    min_version: str
    modules: tuple[tuple[str, ...], ...]
    config: tuple[tuple[str, ...], ...]


_DIGITS = 10  # of a number of a kernel's version; a saved report may have any


def rows(report: Report | IndexReport) -> Iterator[ReportRequirement]:
    """The rows that need something of a kernel; of every platform, where there are several."""
    for one in report.platforms if isinstance(report, IndexReport) else (report,):
        yield from (row for row in one.requirements if row.needs is not None and row.kernel is not None)


def needs(report: Report | IndexReport) -> Needs:
    """What a kernel must have so that all rows hold."""
    found = [row.needs or NOTHING for row in rows(report)]
    return Needs(
        min_version=max((each.min_version for each in found), key=_numbers, default=""),
        modules=tuple(
            dict.fromkeys((name, *each.alternatives.get(name, ())) for each in found for name in each.modules)
        ),
        config=tuple(dict.fromkeys((name, *each.alternatives.get(name, ())) for each in found for name in each.config)),
    )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdecimal() and len(part) < _DIGITS)
