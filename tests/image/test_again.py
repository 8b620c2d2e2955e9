"""Whether stored layers are still the bytes that were read before: only all of them, to the last byte."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest

from auditor.auditing.load import open_image
from auditor.image.again import holds
from auditor.image.model import Hashed
from auditor.image.opened import Opened
from auditor.image.source.interface import StoredLayer
from auditor.spec import load_spec
from tests.image.build import Layout, file, sha256, tar

CHUNK = 256 << 10
BASE = tar([file("a", b"x" * (CHUNK - 10240))])
LAYER = BASE.ljust(-(-len(BASE) // CHUNK) * CHUNK, b"\0")  # as long as what is read at once


def changed(change: Callable[[Path], object], path: Path) -> bool:
    """Whether it still holds when the layer's blob was changed."""
    layout = Layout()
    layout.add(layout.manifest([LAYER], compress=False))
    layout.write(path)
    change(path / "blobs" / sha256(LAYER).replace(":", "/"))
    with open_image(f"oci-dir:{path}", load_spec()) as found:
        return holds(found, [Hashed(sha256(LAYER), len(LAYER))])


@pytest.mark.parametrize(
    ("change", "same"),
    [
        (Path.stat, True),
        (lambda blob: blob.write_bytes(LAYER + b"\0"), False),
        (lambda blob: blob.write_bytes(LAYER[:-1]), False),
        (lambda blob: blob.write_bytes(b"\1" + LAYER[1:]), False),
        (lambda blob: blob.unlink(), False),
    ],
    ids=["untouched", "longer", "shorter", "another byte", "gone"],
)
def test_a_blob_that_was_changed_is_not_the_same(change: Callable[[Path], object], same: bool, tmp_path: Path) -> None:
    assert changed(change, tmp_path) is same


@pytest.mark.parametrize(
    "before",
    [
        [],
        [Hashed(sha256(LAYER), len(LAYER))] * 2,
        [Hashed(sha256(LAYER), len(LAYER) + 1)],
        [Hashed(sha256(BASE), len(LAYER))],
    ],
    ids=["none", "more", "another size", "another digest"],
)
def test_other_layers_than_before_are_not_the_same(before: list[Hashed], tmp_path: Path) -> None:
    layout = Layout()
    layout.add(layout.manifest([LAYER], compress=False))
    with open_image(f"oci-dir:{layout.write(tmp_path)}", load_spec()) as found:
        assert not holds(found, before)


class Found:
    """An image with these layers."""

    def __init__(self, *layers: StoredLayer) -> None:
        self.layers = layers

    def listener(self, _: object) -> None:
        """Nobody listens."""


def stored(digest: str | None = None, size: int | None = None, *, fetched: bool = False) -> StoredLayer:
    """The layer as a source has it that makes these claims of it; what comes over a network isn't opened for this."""

    def opened() -> io.BytesIO:
        assert not fetched
        return io.BytesIO(LAYER)

    return StoredLayer("a", "a layer", "", digest, size, opened, fetched=fetched)


KNOWN = Hashed(sha256(LAYER), len(LAYER))
OTHER = Hashed(sha256(BASE), len(LAYER))


@pytest.mark.parametrize(
    ("layers", "before", "same"),
    [
        ([stored()], [KNOWN], True),
        ([stored(KNOWN.digest, KNOWN.size)], [KNOWN], True),
        ([stored()], [OTHER], False),
        ([stored()], [Hashed("md5:1", len(LAYER))], False),  # no algorithm that is trusted
        ([stored(), stored()], [KNOWN, KNOWN], True),
        ([stored(), stored()], [KNOWN, OTHER], False),
        ([stored(), stored()], [OTHER, KNOWN], False),
        # A registry gives a layer out by its digest.
        ([stored(KNOWN.digest, KNOWN.size, fetched=True)], [KNOWN], True),
        ([stored(KNOWN.digest, fetched=True)], [KNOWN], True),
        ([stored(None, KNOWN.size, fetched=True)], [KNOWN], False),
        ([stored(KNOWN.digest, KNOWN.size + 1, fetched=True)], [KNOWN], False),
        ([stored(OTHER.digest, KNOWN.size, fetched=True)], [KNOWN], False),
    ],
)
def test_a_claim_is_not_believed_where_the_bytes_are_at_hand(
    layers: list[StoredLayer], before: list[Hashed], same: bool
) -> None:
    assert holds(cast(Opened, Found(*layers)), before) is same
