"""An image that was found: its manifest and config are read and checked, of its layers nothing is read yet."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache, partial
from typing import TYPE_CHECKING

from msgspec.structs import replace

from auditor import events
from auditor.errors import ImageNotFound
from auditor.image.config import ParsedConfig, parse_config
from auditor.image.model import Config, Image, Platform
from auditor.image.platforms import fitness
from auditor.image.source.interface import Candidate, Options, StoredImage, StoredLayer

if TYPE_CHECKING:
    from auditor.image.layer import Seen
    from auditor.image.reader import LayerReader


@dataclass(frozen=True, slots=True)
class Opened:
    """One image of one platform. `config_bytes` are what was read of its config, `layers` are as they are stored.

    `unpacked`: it is a file system without layers. `allowed` is what may be asked of the machine for it: the limits,
    and what of them was used when it was found. `check` raises AuditError where files that were read have changed since
    they were hashed: to be called before anything that outlives the audit is made of them. At the audit's end it is.
    """

    reference: str
    source: str
    digest: str | None
    config_digest: str | None
    config_bytes: bytes = field(repr=False)
    layers: tuple[StoredLayer, ...]
    offered_as: Platform | None
    offered: tuple[Platform, ...]
    remarks: tuple[str, ...]
    unpacked: bool
    allowed: tuple[int, ...]
    listener: events.Listener = field(repr=False)
    check: Callable[[], None] = field(repr=False)
    _parse: Callable[[], ParsedConfig] = field(repr=False)
    _read: Callable[["Opened", ParsedConfig, "Seen | None"], Image] = field(repr=False)

    def parse(self) -> ParsedConfig:
        """Its config; CorruptImage, or ImageNotFound where it is for another platform than the one asked for."""
        return self._parse()

    def read(self, seen: "Seen | None" = None) -> Image:
        """All of it. Layers that other platforms of the same index have too are read once. `seen` is told of the files
        of layers that come over a network, by the threads that read them.
        """
        return self._read(self, self.parse(), seen)


@dataclass(frozen=True, slots=True)
class Index:
    """All platforms of one image. `digest` is the index's own, None where there is no index.

    `platforms` are as the index names them (as the config does, where there is no index), in its order; `left_out` are
    those that it names and the source doesn't hold. `found` are the images, not yet read.
    """

    reference: str
    source: str
    digest: str | None
    platforms: tuple[Platform, ...]
    found: tuple[Opened, ...] = field(repr=False)
    left_out: tuple[Platform, ...] = ()

    def images(self) -> Iterator[Image]:
        """Each platform's image, read when it is asked for; a layer that several have is read once."""
        return (one.read() for one in self.found)


class Opening:
    """What the images of one reference have in common: the budget, and a reader of layers once one is needed."""

    def __init__(
        self, stack: ExitStack, options: Options, images: tuple[StoredImage, ...], reference: str, source: str
    ) -> None:
        self._stack = stack
        self._options = options
        self._images = images
        self._reference = reference
        self._source = source
        self._layers: LayerReader | None = None
        layers = {layer.key: layer for image in images for layer in image.layers}
        options.budget.stored(sum(layer.size or 0 for layer in layers.values() if not layer.counted))
        self._allowed = options.budget.state()

    def found(self, candidate: Candidate, stored: StoredImage, offered: tuple[Platform, ...]) -> Opened:
        """One of them."""

        def read(found: Opened, parsed: ParsedConfig, seen: "Seen | None") -> Image:
            if stored.root is None:
                return self._reader().image(found, stored, parsed, seen)
            budget = self._options.budget.fresh()
            return Image(
                found.reference, found.source, None, None, parsed.config, (), stored.root, None, offered, budget=budget
            )

        return Opened(
            self._reference,
            self._source,
            stored.digest,
            stored.config_digest,
            stored.config,
            stored.layers,
            candidate.platform,
            offered,
            stored.remarks,
            stored.root is not None,
            self._allowed,
            self._options.listener,
            self._check,
            cache(partial(self._parse, candidate, stored)),
            read,
        )

    def _parse(self, candidate: Candidate, stored: StoredImage) -> ParsedConfig:
        asked, limits = self._options.platform, self._options.limits
        if stored.root is not None:
            config = Config(asked or Platform("linux", ""))  # a directory doesn't say what machine it is for
            if stored.config:
                found = parse_config(stored.config, stored.config_where, 0, limits).config
                config = found if found.platform.architecture else replace(found, platform=config.platform)
            return ParsedConfig(config, (), ())
        parsed = parse_config(stored.config, stored.config_where, len(stored.layers), limits)
        claimed = parsed.config.platform
        if asked is not None and candidate.platform is None and fitness(asked, claimed) is None:
            raise ImageNotFound(f"is for {claimed}, not for {asked}", self._reference, "choose another --platform")
        return parsed

    def _reader(self) -> "LayerReader":
        if self._layers is None:
            # An image that is remembered is not read.
            from auditor.image.reader import LayerReader  # noqa: PLC0415
            from auditor.image.spool import Spool  # noqa: PLC0415

            self._layers = LayerReader(Spool(self._options.budget.kept), self._options, self._images)
            self._stack.callback(self._layers.close)
            self._stack.push(self._at_end)
        return self._layers

    def _check(self) -> None:
        if self._layers is not None:
            self._layers.check()

    def _at_end(self, kind: type[BaseException] | None, *_: object) -> None:
        """Whatever came of an image whose bytes changed meanwhile counts for nothing; another error says more."""
        if kind is None:
            self._check()
