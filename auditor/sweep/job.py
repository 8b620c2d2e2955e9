"""What is handed to a worker and what comes back: plain values that go from process to process."""

import hashlib
import json
from functools import cached_property

import msgspec
from msgspec import Struct, field
from msgspec.structs import replace

from auditor import events
from auditor.auditing.image import shown_options
from auditor.auditing.named import Way
from auditor.auditing.remembered import plain
from auditor.auditing.terms import Terms
from auditor.cache.code import code_version
from auditor.image import Reference
from auditor.report.model import ReportSpec
from auditor.report.producer import Producer


class Order(Struct, frozen=True, dict=True):
    """How every image of a sweep is audited. `remember`: a worker uses its machine's cache."""

    terms: Terms
    way: Way
    all_platforms: bool = False
    remember: bool = True

    @cached_property
    def judged_by(self) -> str:
        """A digest of all that decides beside the images; the day only where waivers may expire."""
        terms, way = self.terms, self.way
        parts = (
            code_version() or Producer.this().version,
            terms.spec.digest,
            terms.options,
            (way.platform, self.all_platforms, way.available, way.limits),
            msgspec.to_builtins(tuple(terms.waivers)),
            terms.day.isoformat() if terms.waivers else "",
        )
        return f"sha256:{hashlib.sha256(json.dumps(plain(parts)).encode()).hexdigest()}"

    @property
    def spec(self) -> ReportSpec:
        """The spec in force, as a report has it."""
        spec = self.terms.spec
        return ReportSpec(spec.name, spec.version, spec.digest, shown_options(spec, self.terms.options))

    @property
    def fixed(self) -> "Order":
        """The same with the day that it is, so that no worker takes another one at midnight."""
        return replace(self, terms=replace(self.terms, today=self.terms.day))


class Job(Struct, frozen=True):
    """One image, under every name that was asked for. It is read by the first name.

    `identity` is the digest of what the names stand for, where it is known before the image is read; `layers` tell
    which images have layers in common, the lowest first; `taken` are the digests of the manifests (else the configs)
    that are read of it.
    """

    references: tuple[Reference, ...]
    identity: str | None = None
    layers: tuple[str, ...] = ()
    taken: tuple[str, ...] = ()


class Done(Struct, frozen=True):
    """An image that is done: a line of JSON for each of its names, and what a person should know beside."""

    lines: tuple[str, ...]
    told: tuple[events.Event, ...] = field(default=())
