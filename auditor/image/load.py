"""From a reference to an image: the source opened, one image and platform chosen, its layers read and merged."""

import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial

from auditor import events
from auditor.budget import DEFAULT, Budget, Limits
from auditor.errors import AuditError, ImageNotFound, UsageError
from auditor.image.config import ParsedConfig, parse_config
from auditor.image.layer import Expected, LayerContents, read_layer
from auditor.image.merge import Merge
from auditor.image.model import Config, Image, Layer, Platform
from auditor.image.platforms import fitness, host_platform
from auditor.image.reference import Name, Reference, parse, parse_name
from auditor.image.source import open_source
from auditor.image.source.interface import ANONYMOUS, Access, Candidate, Listing, Options, StoredImage, StoredLayer
from auditor.image.spool import Spool
from auditor.image.tree import MergedTree
from auditor.kept import Keep

_THREADS = min(4, os.cpu_count() or 1)  # layers that are read side by side


@contextmanager
def load(
    reference: Reference | str,
    *,
    keep: Keep,
    platform: Platform | None = None,
    limits: Limits = DEFAULT,
    listener: events.Listener = events.ignore,
    access: Access = ANONYMOUS,
) -> Iterator[Image]:
    """Read one image; what `keep` asks for can be read until the block ends. Raises AuditError only.

    `platform` chooses one of an index; without it this machine's is taken, else the only one. `access` is for
    registries.
    """
    if isinstance(reference, str):
        reference = parse(reference)
    options = Options(keep, Budget(limits), listener, platform, access)
    with closing(open_source(reference, options)) as source, Spool(options.budget.kept) as spool:
        listing = choose(source.images(), reference)
        candidates = listing.candidates()
        candidate = choose_platform(candidates, platform, reference)
        listener(events.SourceChosen(source.name, reference.text, candidate.digest or listing.digest))
        stored = candidate.read()
        image = LayerReader(spool, options, [stored]).image(reference, source.name, candidate, stored, platform)
        yield replace(image, offered=tuple(one.platform for one in candidates if one.platform is not None))


@dataclass(frozen=True, slots=True)
class Index:
    """All platforms of one image. `digest` is the index's own, None where there is no index.

    `platforms` are as the index names them (as the config does, where there is no index), in its order; `left_out` are
    those that it names and the source doesn't hold.
    """

    reference: str
    source: str
    digest: str | None
    platforms: tuple[Platform, ...]
    _read: Callable[[int], Image] = field(repr=False)
    left_out: tuple[Platform, ...] = ()

    def images(self) -> Iterator[Image]:
        """Each platform's image, read when it is asked for; a layer that several have is read once."""
        for number in range(len(self.platforms)):
            yield self._read(number)


@contextmanager
def load_index(
    reference: Reference | str,
    *,
    keep: Keep,
    limits: Limits = DEFAULT,
    listener: events.Listener = events.ignore,
    access: Access = ANONYMOUS,
    available: bool = False,
) -> Iterator[Index]:
    """All platforms of an image, of one where it is no index; what `keep` asks for can be read until the block ends.

    ImageNotFound where the index names a platform that the source doesn't hold, unless those `available` will do.
    """
    if isinstance(reference, str):
        reference = parse(reference)
    options = Options(keep, Budget(limits), listener, None, access, all_platforms=True)
    with closing(open_source(reference, options)) as source, Spool(options.budget.kept) as spool:
        listing = choose(source.images(), reference)
        candidates = listing.candidates()
        if reference.digest:
            candidates = tuple(one for one in candidates if one.digest == reference.digest) or candidates
        absent = () if reference.digest else listing.absent()
        if absent and not available:
            raise ImageNotFound(
                f"names {', '.join(map(str, absent))} in its index and does not hold it",
                reference.text,
                "copy all platforms, choose one with --platform, or take what is there with --available-platforms",
            )
        listener(events.SourceChosen(source.name, reference.text, listing.digest))
        images = [candidate.read() for candidate in candidates]
        reader = LayerReader(spool, options, images)

        def read(number: int) -> Image:
            return reader.image(reference, source.name, candidates[number], images[number], None)

        platforms = tuple(
            candidate.platform or _claimed(stored, limits) for candidate, stored in zip(candidates, images, strict=True)
        )
        digest = None if listing.digest == candidates[0].digest else listing.digest
        yield Index(reference.text, source.name, digest, platforms, read, absent)


def _claimed(stored: StoredImage, limits: Limits) -> Platform:
    """The platform that a config gives."""
    if stored.root is not None and not stored.config:
        return Platform("linux", "")
    return parse_config(stored.config, stored.config_where, len(stored.layers), limits).config.platform


def choose(listings: tuple[Listing, ...], reference: Reference) -> Listing:
    """The image that the reference means; with none named, the only one. ImageNotFound, UsageError with the list."""
    if reference.path is None:
        return listings[0]
    chosen = tuple(listing for listing in listings if _is_named(listing, reference))
    if len(chosen) == 1 or (chosen and len({listing.digest for listing in chosen}) == 1 and chosen[0].digest):
        return chosen[0]  # one image, perhaps under several names
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
    """Reads layers, several at a time, and merges them into trees; those that `images` share are read once."""

    def __init__(self, spool: Spool, options: Options, images: Sequence[StoredImage]) -> None:
        self._spool = spool
        self._budget = options.budget
        self._limits = options.limits
        self._listener = options.listener
        self._keep = options.keep
        self._uses = Counter(key for image in images for key in {layer.key for layer in image.layers})
        layers = {layer.key: layer for image in images for layer in image.layers}
        self._budget.stored(sum(layer.size or 0 for layer in layers.values() if not layer.counted))
        self._known: dict[tuple[str, str], LayerContents] = {}
        self._stopped = threading.Event()

    def image(
        self,
        reference: Reference,
        source: str,
        candidate: Candidate,
        stored: StoredImage,
        platform: Platform | None,
    ) -> Image:
        """The whole image of one candidate."""
        if stored.root is not None:
            config = Config(platform or Platform("linux", ""))  # a directory doesn't say what machine it is for
            if stored.config:
                found = parse_config(stored.config, stored.config_where, 0, self._limits).config
                config = found if found.platform.architecture else replace(found, platform=config.platform)
            return Image(reference.text, source, None, None, config, (), stored.root, budget=self._budget.fresh())
        parsed = parse_config(stored.config, stored.config_where, len(stored.layers), self._limits)
        claimed = parsed.config.platform
        if platform is not None and candidate.platform is None and fitness(platform, claimed) is None:
            raise ImageNotFound(f"is for {claimed}, not for {platform}", reference.text, "choose another --platform")
        self._listener(events.ImageStarted(str(claimed)))
        layers, merge = self._layers(stored, parsed)
        self._listener(events.ImageRead(str(claimed)))
        return Image(
            reference.text,
            source,
            stored.digest,
            stored.config_digest,
            parsed.config,
            layers,
            MergedTree(merge.root, merge.removed, self._budget),
            candidate.platform,
            remarks=stored.remarks,
            linked_whiteouts=tuple(merge.linked_whiteouts),
            budget=self._budget.fresh(),
        )

    def _layers(self, stored: StoredImage, parsed: ParsedConfig) -> tuple[tuple[Layer, ...], Merge]:
        read = self._read_all(stored.layers, parsed.diff_ids)
        merge = Merge(self._budget)
        layers = []
        for index, layer in enumerate(stored.layers):
            key = (layer.key, parsed.diff_ids[index])
            contents = read[key]
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
        for key, contents in read.items():
            self._uses[key[0]] -= 1
            if self._uses[key[0]] > 0:
                self._known[key] = contents
            else:
                self._known.pop(key, None)
        return tuple(layers), merge

    def _read_all(
        self, layers: tuple[StoredLayer, ...], diff_ids: tuple[str, ...]
    ) -> dict[tuple[str, str], LayerContents]:
        """Every layer's contents, each read once: decompressing and hashing leave the interpreter to others."""
        wanted: dict[tuple[str, str], Callable[[], LayerContents]] = {}
        for index, (layer, diff_id) in enumerate(zip(layers, diff_ids, strict=True)):
            key = (layer.key, diff_id)
            if key in self._known or key in wanted:
                self._listener(events.LayerFinished(index, 0, reused=True))
            else:
                wanted[key] = partial(self._contents, index, layer, diff_id, len(layers))
        if len(wanted) < 2:
            return {**self._known, **{key: read() for key, read in wanted.items()}}
        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - brings logging along

        with ThreadPoolExecutor(min(_THREADS, len(wanted)), "layer") as pool:
            futures = {key: pool.submit(read) for key, read in wanted.items()}
            try:
                return {**self._known, **{key: future.result() for key, future in futures.items()}}
            except BaseException:
                self._stopped.set()
                pool.shutdown(cancel_futures=True)
                raise

    def _contents(self, index: int, layer: StoredLayer, diff_id: str, count: int) -> LayerContents:
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
        return contents

    def _advance(self, index: int, read: int) -> None:
        if self._stopped.is_set():
            raise AuditError("was given up, since another layer can't be read")
        self._listener(events.LayerAdvanced(index, read))
