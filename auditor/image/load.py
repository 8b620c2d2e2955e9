"""From a reference to an image: the source opened, one image and platform chosen, its layers read and merged."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from auditor import events
from auditor.errors import ImageNotFound, UsageError
from auditor.facts.keep import keep as keep_policy
from auditor.image.config import ParsedConfig, parse_config
from auditor.image.layer import Budget, Expected, Keep, LayerContents, read_layer
from auditor.image.limits import DEFAULT, Limits
from auditor.image.merge import Merge
from auditor.image.model import Config, Image, Layer, Platform
from auditor.image.platforms import fitness, host_platform
from auditor.image.reference import Name, Reference, parse, parse_name
from auditor.image.source import open_source
from auditor.image.source.interface import Candidate, Listing, Options, StoredImage, StoredLayer
from auditor.image.spool import Spool
from auditor.image.tree import MergedTree


@contextmanager
def load(
    reference: Reference | str,
    *,
    platform: Platform | None = None,
    limits: Limits = DEFAULT,
    listener: events.Listener = events.ignore,
    keep: Keep = keep_policy,
) -> Iterator[Image]:
    """Read one image; its contents can be read until the block ends. Raises an AuditError of some kind, or nothing.

    `platform` chooses one of an index; without it this machine's is taken, else the only one.
    """
    if isinstance(reference, str):
        reference = parse(reference)
    source = open_source(reference, Options(limits, listener, platform))
    try:
        listing = choose(source.images(), reference)
        candidate = choose_platform(listing.candidates(), platform, reference)
        listener(events.SourceChosen(source.name, reference.text, candidate.digest or listing.digest))
        with Spool(limits.kept) as spool:
            reader = LayerReader(spool, limits, listener, keep)
            yield reader.image(reference, source.name, candidate, platform)
    finally:
        source.close()


def choose(listings: tuple[Listing, ...], reference: Reference) -> Listing:
    """The image that the reference means; with none named, the only one. ImageNotFound, UsageError with the list."""
    if reference.path is None:
        return listings[0]
    chosen = tuple(listing for listing in listings if _is_named(listing, reference))
    if len(chosen) == 1:
        return chosen[0]
    names = ", ".join(", ".join(listing.names) or listing.digest or "(unnamed)" for listing in listings)
    if not chosen:
        wanted = reference.tag or reference.digest
        raise ImageNotFound(f"has no image {wanted}, but {names}", str(reference.path), "name one of these")
    separator = "@" if not any(listing.names for listing in listings) else ":"
    raise UsageError(
        f"holds several images: {names}", str(reference.path), f"name one: {reference.text}{separator}NAME"
    )


def _is_named(listing: Listing, reference: Reference) -> bool:
    if reference.digest and reference.digest != listing.digest:
        return any(candidate.digest == reference.digest for candidate in listing.candidates())
    if not reference.tag:
        return True
    wanted = _name(reference.tag)
    for name in listing.names:
        if name == reference.tag or (wanted is not None and wanted == _name(name)):
            return True
        known = _name(name)
        if known is not None and known.tag == reference.tag and ("/" in name or ":" in name):
            return True
    return False


def _name(text: str) -> Name | None:
    try:
        return parse_name(text)
    except UsageError:
        return None


def choose_platform(candidates: tuple[Candidate, ...], platform: Platform | None, reference: Reference) -> Candidate:
    """The candidate for `platform`, or for this machine, or the only one. ImageNotFound with the list otherwise."""
    if reference.digest:
        exact = [candidate for candidate in candidates if candidate.digest == reference.digest]
        candidates = tuple(exact) or candidates
    if len(candidates) == 1 and (platform is None or candidates[0].platform is None):
        return candidates[0]
    wanted = platform or host_platform()
    ranked = []
    for number, candidate in enumerate(candidates):
        offered = candidate.platform
        if offered is not None and (distance := fitness(wanted, offered)) is not None:
            ranked.append((distance, number, candidate))
    if ranked:
        return min(ranked, key=lambda item: item[:2])[2]
    known = ", ".join(str(candidate.platform or "unknown") for candidate in candidates)
    raise ImageNotFound(f"has no image for {wanted}, but for {known}", reference.text, "choose one with --platform")


class LayerReader:
    """Reads layers once each, however many images have them, and merges them into trees."""

    def __init__(self, spool: Spool, limits: Limits, listener: events.Listener, keep: Keep) -> None:
        self._spool = spool
        self._budget = Budget(limits)
        self._limits = limits
        self._listener = listener
        self._keep = keep
        self._read: dict[tuple[str, str], LayerContents] = {}

    def image(self, reference: Reference, source: str, candidate: Candidate, platform: Platform | None) -> Image:
        """The whole image of one candidate."""
        stored = candidate.read()
        if stored.root is not None:
            config = Config(platform or Platform("linux", ""))  # a directory doesn't say what machine it is for
            if stored.config:
                config = parse_config(stored.config, stored.config_where, 0, self._limits).config
            return Image(reference.text, source, None, None, config, (), stored.root)
        parsed = parse_config(stored.config, stored.config_where, len(stored.layers), self._limits)
        claimed = parsed.config.platform
        if platform is not None and fitness(platform, claimed) is None:
            raise ImageNotFound(f"is for {claimed}, not for {platform}", reference.text, "choose another --platform")
        layers, tree = self._layers(stored, parsed)
        return Image(reference.text, source, stored.digest, stored.config_digest, parsed.config, layers, tree)

    def _layers(self, stored: StoredImage, parsed: ParsedConfig) -> tuple[tuple[Layer, ...], MergedTree]:
        merge = Merge()
        layers = []
        for index, layer in enumerate(stored.layers):
            contents = self._contents(index, layer, parsed.diff_ids[index], len(stored.layers))
            merge.apply(index, contents.entries, layer.where)
            layers.append(
                Layer(
                    index,
                    layer.digest,
                    contents.diff_id,
                    layer.media_type,
                    contents.size,
                    parsed.created_by[index],
                )
            )
        return tuple(layers), MergedTree(merge.root, merge.removed)

    def _contents(self, index: int, layer: StoredLayer, diff_id: str, count: int) -> LayerContents:
        known = self._read.get((layer.key, diff_id))
        if known is not None:
            self._listener(events.LayerFinished(index, 0, reused=True))
            return known
        self._listener(events.LayerStarted(index, count, layer.digest or diff_id, layer.size))
        expected = Expected(layer.where, layer.digest, layer.size, diff_id, layer.media_type)
        with layer.open() as file:
            contents = read_layer(
                file,
                expected,
                keep=self._keep,
                spool=self._spool,
                budget=self._budget,
                progress=partial(self._advance, index),
            )
        self._listener(events.LayerFinished(index, contents.size))
        self._read[layer.key, diff_id] = contents
        return contents

    def _advance(self, index: int, read: int) -> None:
        self._listener(events.LayerAdvanced(index, read))
