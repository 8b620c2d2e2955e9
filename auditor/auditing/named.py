"""From a reference to a report: an image is found, read or remembered, and judged; a saved report is judged anew."""

from msgspec import Struct

from auditor import events
from auditor.auditing.image import audit_facts, judge_by
from auditor.auditing.index import audit_index_facts, judge_index
from auditor.auditing.load import load_index, open_image
from auditor.auditing.remembered import facts_of
from auditor.auditing.saved import of_index, of_platform, read_report
from auditor.auditing.terms import Terms
from auditor.budget import DEFAULT, Limits
from auditor.cache import Cache
from auditor.image import Access, Platform, Reference, Scheme, SharedLayers
from auditor.image.source.interface import ANONYMOUS
from auditor.report.model import IndexReport, Report
from auditor.spec import Spec


class Way(Struct, frozen=True):
    """How to get at an image: which platform of it, how registries are reached, what may be asked of the machine."""

    platform: Platform | None = None
    access: Access = ANONYMOUS
    limits: Limits = DEFAULT
    cache: Cache | None = None  # what earlier runs found out; None: every image is read
    available: bool = False  # of all platforms, those that the source doesn't hold are left out, and reported so
    shared: SharedLayers | None = None  # layers that other images have too; None: each is read alone


def audit_named(reference: Reference, terms: Terms, way: Way, listener: events.Listener = events.ignore) -> Report:
    """Audit one image of one platform, or judge a saved report by these terms."""
    return _one(reference, terms, way, listener, _saved(reference))


def _one(
    reference: Reference, terms: Terms, way: Way, listener: events.Listener, saved: Report | IndexReport | None
) -> Report:
    """One platform; `saved` is what was read of a saved report."""
    terms = terms.of_chosen_platform(way.platform is not None)
    if saved is not None:
        report = of_platform(saved, way.platform, reference.text)
        tell_spec(report, terms.spec, reference.text, listener)
        return judge_by(terms, report.image, report.inventory)
    with open_image(
        reference,
        terms.spec,
        platform=way.platform,
        listener=listener,
        access=way.access,
        limits=way.limits,
        shared=way.shared,
    ) as found:
        return audit_facts(facts_of(found, terms.spec, way.cache), terms)


def _every(
    reference: Reference, terms: Terms, way: Way, listener: events.Listener, saved: Report | IndexReport | None
) -> IndexReport:
    """Every platform of an image; layers that they share are read once."""
    if saved is not None:
        report = of_index(saved)
        tell_spec(report, terms.spec, reference.text, listener)
        return judge_index(report, terms)
    with load_index(
        reference,
        spec=terms.spec,
        listener=listener,
        access=way.access,
        limits=way.limits,
        available=way.available,
        shared=way.shared,
    ) as index:
        facts = (facts_of(found, terms.spec, way.cache) for found in index.found)
        return audit_index_facts(index, facts, terms)


def audit_any(
    reference: Reference,
    terms: Terms,
    way: Way,
    listener: events.Listener = events.ignore,
    *,
    all_platforms: bool = False,
) -> Report | IndexReport:
    """One platform or all of them; a saved report of an index is taken whole where no platform of it is asked for."""
    saved = _saved(reference)
    whole = all_platforms or (way.platform is None and isinstance(saved, IndexReport))
    return (_every if whole else _one)(reference, terms, way, listener, saved)


def audit_both(
    references: tuple[Reference, Reference],
    terms: Terms,
    ways: tuple[Way, Way],
    listener: events.Listener = events.ignore,
    *,
    all_platforms: bool = False,
) -> tuple[Report, Report] | tuple[IndexReport, IndexReport]:
    """Two that are compared: one platform of each, or all; two saved reports of an index are taken whole likewise."""
    old, new = (
        (reference, terms, way, listener, _saved(reference)) for reference, way in zip(references, ways, strict=True)
    )
    unnamed = all(way.platform is None for way in ways)
    if all_platforms or (unnamed and isinstance(old[-1], IndexReport) and isinstance(new[-1], IndexReport)):
        return _every(*old), _every(*new)
    return _one(*old), _one(*new)


def _saved(reference: Reference) -> Report | IndexReport | None:
    """What a saved report says, read once: it may come through a pipe. None for an image."""
    return read_report(reference) if reference.scheme is Scheme.REPORT else None


def tell_spec(saved: Report | IndexReport, spec: Spec, where: str, listener: events.Listener) -> None:
    """Say so where a report was saved under another spec than it is judged by now."""
    before = of_index(saved).platforms[0].spec
    if before.digest != spec.digest:
        now = f"{spec.name} {spec.version}".rstrip()
        listener(events.Remarked(where, f"saved under {before.label}, judged by {now}"))
