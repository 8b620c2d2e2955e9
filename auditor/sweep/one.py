"""One image of a sweep: audited once, judged under each of its names, and told in as many lines."""

from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from auditor import events
from auditor.auditing.image import judge_by
from auditor.auditing.index import judge_index
from auditor.auditing.named import audit_any
from auditor.cache import Cache, cache_folder
from auditor.errors import AuditError
from auditor.image import Reference, SharedLayers
from auditor.report.model import IndexReport, Report
from auditor.report.sweep.document import to_line
from auditor.report.sweep.model import SweepImage
from auditor.sweep.job import Done, Job, Order
from auditor.sweep.short import in_short

_TOLD = (events.SourcePassedOver, events.Remarked, events.Waiting, events.SourceTried, events.Retried)


def with_cache(order: Order) -> Order:
    """The order as a worker carries it out: with what its own machine remembers, and the layers that it read before."""
    folder = cache_folder() if order.remember else None
    cache = Cache(folder, lambda _: None) if folder else None
    return replace(order, way=replace(order.way, cache=cache, shared=SharedLayers(cache)))


def audit_job(job: Job, order: Order) -> Done:
    """Audit an image. What is wrong with it, or with us, is a line of its own and stops nothing else."""
    told: list[events.Event] = []

    def listener(event: events.Event) -> None:
        if isinstance(event, _TOLD):
            told.append(event)

    try:
        images = tuple(_audit(job, order, listener))
    except AuditError as error:
        return missed(job, order, str(error), told)
    except MemoryError:
        return missed(job, order, "out of memory", told)
    except Exception as error:
        return missed(job, order, f"a fault in audit-image: {type(error).__name__}: {error}", told)
    return Done(tuple(map(to_line, images)), tuple(told))


def missed(job: Job, order: Order, why: str, told: Sequence[events.Event] = ()) -> Done:
    """The lines of an image that was not audited."""
    images = (not_audited(reference.text, order, why, job.identity) for reference in job.references)
    return Done(tuple(map(to_line, images)), tuple(told))


def not_audited(name: str, order: Order, why: str, identity: str | None = None) -> SweepImage:
    """A name whose image was not audited."""
    return SweepImage(name, "not-audited", identity, order.judged_by, "", order.spec, error=why)


def _audit(job: Job, order: Order, listener: events.Listener) -> Iterator[SweepImage]:
    first, *others = job.references
    found = audit_any(first, order.terms, order.way, listener, all_platforms=order.all_platforms)
    yield in_short(found, first.text, job.identity, order.judged_by)
    for other in others:
        yield in_short(_renamed(found, other, order), other.text, job.identity, order.judged_by)


def _renamed(found: Report | IndexReport, reference: Reference, order: Order) -> Report | IndexReport:
    """The same image judged under another of its names, which waivers may be about."""
    terms = order.terms.of_chosen_platform(order.way.platform is not None)
    if isinstance(found, Report):
        return judge_by(terms, replace(found.image, reference=reference.text), found.inventory)
    platforms = tuple(replace(one, image=replace(one.image, reference=reference.text)) for one in found.platforms)
    index = replace(found.index, reference=reference.text)
    return judge_index(replace(found, index=index, platforms=platforms), order.terms)
