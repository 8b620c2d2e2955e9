"""What is known of an image when rules look at it: found by reading it now, or in an earlier run."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Protocol

from auditor.auditing.wanted import wanted_by
from auditor.image import Opened
from auditor.image.model import Hashed, Image
from auditor.inventory.model import Inventory
from auditor.report.model import ReportImage
from auditor.spec import Spec


class Facts(Protocol):
    """One image of one platform, looked at for a spec."""

    def inventory(self, spec: Spec) -> Inventory:
        """What it is, of all that this spec asks for."""

    def image(self, inventory: Inventory) -> ReportImage:
        """Which image it is, and what is odd about it where the inventory has to do with that."""


class Looked:
    """An image that is read: each inventory is taken from it anew."""

    def __init__(self, image: Image) -> None:
        from auditor.inventory.build import Readers  # noqa: PLC0415 - a saved report is judged without these

        self._image = image
        self._readers = Readers.of(image)
        self._budget = image.budget

    def inventory(self, spec: Spec) -> Inventory:
        """Taken now. Each further one draws from a budget of its own, so that a hint never costs the verdict."""
        from auditor.inventory.build import take_inventory  # noqa: PLC0415 - as above

        image = replace(self._image, budget=self._budget)
        self._budget = self._budget.fresh()
        return take_inventory(image, wanted_by(spec), self._readers)

    @property
    def hashed(self) -> tuple[Hashed, ...]:
        """The stored bytes of each layer."""
        return self._image.hashed

    def remarks(self, inventory: Inventory) -> tuple[str, ...]:
        """What is odd about its tree."""
        return tuple(_doubtful_whiteouts(self._image, inventory))

    def image(self, inventory: Inventory) -> ReportImage:
        """As it was read."""
        image = self._image
        return ReportImage(
            reference=image.reference,
            source=image.source,
            digest=image.digest,
            config_digest=image.config_digest,
            platform=image.config.platform,
            layers=image.layers,
            remarks=(*image.remarks, *self.remarks(inventory)),
        )


def read_and_look(found: Opened) -> Looked:
    """An image that was found, read now. What comes over a network is looked into while the rest is still coming."""
    if not any(layer.fetched for layer in found.layers):
        return Looked(found.read())
    from auditor.auditing.ahead import LookAhead  # noqa: PLC0415 - what is on this machine is there at once

    with LookAhead() as ahead:
        image = found.read(ahead.seen)
    return Looked(image)


def _doubtful_whiteouts(image: Image, inventory: Inventory) -> Iterator[str]:
    """Whiteouts over which storage drivers differ, where they concern what the image is audited for."""
    used = {entry.resolved_path for entry in inventory.executables} | {entry.path for entry in inventory.objects}
    for whiteout in image.linked_whiteouts:
        hidden = sorted(path for path in used if path == whiteout.target or path.startswith(f"{whiteout.target}/"))
        if hidden:
            yield (
                f"layer {whiteout.layer + 1} of {len(image.layers)} deletes {whiteout.path}, where a lower layer has a "
                f"link: with overlay2 {hidden[0]} stays, as it is judged here; with vfs it is gone"
            )
