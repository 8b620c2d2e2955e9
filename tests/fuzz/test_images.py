"""Whole images that are damaged: every one is audited, or refused in one line."""

import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.fuzz.images.batches import tried
from benchmarks.fuzz.images.mutate import KINDS, unpack
from benchmarks.fuzz.images.sample import Entry, Sample, samples
from benchmarks.fuzz.images.trial import Bench
from fixtures.workspace import Unavailable

IMAGES = 12


@pytest.fixture(scope="module")
def sound() -> Iterator[tuple[Sample, ...]]:
    try:
        yield tuple(samples())
    except Unavailable as error:
        pytest.skip(str(error))


def test_what_is_damaged_is_sound(sound: tuple[Sample, ...], tmp_path: Path) -> None:
    """A root file system alone says nothing of how it starts; the rest is met."""
    found = list(Bench(tmp_path, sound).sound())
    assert [each.code for each in found] == [0] * 3 * len(sound), [each.out for each in found]
    assert ["unknown" in each.out for each in found] == [False, False, True] * len(sound)


def test_a_folder_is_written_inside_itself(tmp_path: Path) -> None:
    """Damages make links of files and files of links; this machine's own files are none of the image's."""
    outside, root = tmp_path / "outside", tmp_path / "root"
    outside.write_text("kept")
    entries = (
        Entry("a", tarfile.SYMTYPE, target=str(outside)),
        Entry("a", data=b"written"),
        Entry("b", tarfile.SYMTYPE, target=str(outside)),
        Entry("c", tarfile.LNKTYPE, target="b"),
        Entry("c", data=b"written"),
        Entry("d", tarfile.SYMTYPE, target=str(tmp_path)),
        Entry("d/outside", data=b"written"),
    )
    unpack(Sample("links", (entries,)), root)
    assert outside.read_text() == "kept"
    assert (root / "a").read_bytes() == (root / "c").read_bytes() == b"written"


def test_nothing_but_a_report_or_one_line_comes_out(sound: tuple[Sample, ...]) -> None:
    found = list(tried(sound, range(IMAGES), seed=1))
    assert [fault for trial in found for fault in trial.faults] == []
    assert len(found) == IMAGES
    assert len({trial.kind for trial in found}) > len(KINDS) // 2
    assert {trial.outcome for trial in found} == {"pass", "fail", "not audited"}
