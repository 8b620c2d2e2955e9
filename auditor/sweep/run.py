"""The order of the calls of a sweep: look at each image, leave out what is done, audit the rest, put all together."""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace

from auditor import events
from auditor.auditing.verdict import rule_texts
from auditor.errors import AuditError
from auditor.image import parse
from auditor.report.model import ReportSpec
from auditor.report.sweep.document import from_line, to_line
from auditor.report.sweep.model import SweepImage, SweepReport, SweepSummary
from auditor.report.words import valid
from auditor.sweep.job import Done, Job, Order
from auditor.sweep.journal import Journal
from auditor.sweep.look import look, place_of
from auditor.sweep.one import not_audited

_LOOKING = 8  # names that registries are asked about at a time


class Engine(Protocol):
    """Who audits: the workers of this machine, or those of a cluster."""

    def audit(self, jobs: Sequence[Job], order: Order) -> Generator[Done, None, None]:
        """Each image as it is done, in any order; closed, it audits no more."""


class Progress(Struct, frozen=True):
    """One more name is done: the `number`th of `count`. `again`: it was done in an earlier run."""

    number: int
    count: int
    image: SweepImage
    line: str
    again: bool = False
    told: tuple[events.Event, ...] = ()


def sweep(
    names: Iterable[str],
    order: Order,
    engine: Engine,
    *,
    journal: Journal | None = None,
    listener: Callable[[Progress], None] = lambda _: None,
) -> SweepReport:
    """Audit the images of these names, each once. `journal` has what is done already and gets what is done now."""
    order = order.fixed
    texts = tuple(dict.fromkeys(names))
    found: dict[str, SweepImage] = {}

    def take(done: Done, *, again: bool = False) -> None:
        if journal and not again:
            journal.add(done.lines)
        for at, line in enumerate(done.lines):
            image = from_line(line.encode())
            assert image is not None
            found[image.name] = image
            listener(Progress(len(found), len(texts), image, line, again, () if at else done.told))

    jobs: list[Job] = []
    for job in _looked_at(texts, order):
        if isinstance(job, Done):
            take(job)
        else:
            jobs.append(job)
    known = _known(journal)
    left = []
    for job in _merged(jobs):
        old = [
            known.get(_key(reference.text, job.identity, job.taken, order.judged_by)) for reference in job.references
        ]
        take(Done(tuple(to_line(image) for image in old if image)), again=True)
        rest = tuple(reference for reference, image in zip(job.references, old, strict=True) if image is None)
        if rest:
            left.append(replace(job, references=rest))
    with closing(engine.audit(left, order)) as results:  # whatever goes wrong here, nobody goes on auditing
        for done in results:
            take(done)
    images = tuple(found[valid(text)] for text in texts)
    if journal:
        journal.finish(map(to_line, images))
    return gather(images, order.spec)


def _known(journal: Journal | None) -> dict[object, SweepImage]:
    """What needs no second look: images that were audited, and that can be told to be the same."""
    known = (image for image in (journal.known if journal else ()) if image.identity)
    return {
        _key(
            image.name,
            image.identity,
            (one.digest or one.config_digest for one in image.platforms),
            image.judged_by,
        ): image
        for image in known
        if image.verdict != "not-audited"
    }


def _key(name: str, identity: str | None, taken: Iterable[str | None], judged_by: str) -> object:
    """What must be the same for a name's line to hold: an index may offer, or a file hold, other platforms today."""
    return valid(name), identity, frozenset(taken), judged_by


def gather(images: tuple[SweepImage, ...], spec: ReportSpec) -> SweepReport:
    """All that a sweep found: it passes where each image was audited and passes."""
    counts = {verdict: sum(image.verdict == verdict for image in images) for verdict in ("pass", "fail", "not-audited")}
    return SweepReport(
        verdict="pass" if counts["pass"] == len(images) else "fail",
        spec=spec,
        summary=SweepSummary(len(images), counts["pass"], counts["fail"], counts["not-audited"]),
        images=images,
        rules=rule_texts(finding for image in images for finding in image.every_finding),
    )


def _looked_at(texts: Sequence[str], order: Order) -> Iterator[Job | Done]:
    """Each name as a job, or as what is wrong with it, in the order of the names."""

    def one(text: str) -> Job | Done:
        try:
            return look(parse(text), order)
        except AuditError as error:
            return Done((to_line(not_audited(text, order, str(error))),))

    threads = ThreadPoolExecutor(_LOOKING)
    try:
        yield from threads.map(one, texts)
    finally:
        threads.shutdown(wait=False, cancel_futures=True)


def _merged(jobs: Sequence[Job]) -> tuple[Job, ...]:
    """The names of one image become one job."""
    alike: dict[object, Job] = {}
    for job in jobs:
        key = (place_of(job.references[0]), job.identity, job.taken) if job.identity else job.references
        first = alike.get(key)
        alike[key] = replace(first, references=(*first.references, *job.references)) if first else job
    return tuple(alike.values())
