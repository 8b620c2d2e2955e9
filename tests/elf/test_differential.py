"""A short campaign of damages to real programs, each judged by its own loader and by the auditor.

What is known to be told otherwise stands in docs/truth.md: nothing that a loader refuses here may pass, and of what a
loader lets run at most one damage in a hundred may fail.
"""

from collections import Counter

import pytest

from benchmarks.differential.__main__ import campaign, image_of
from benchmarks.differential.judge import Agreement, Verdict
from fixtures.workspace import FixtureError


@pytest.mark.full
@pytest.mark.parametrize("scene", ["bullseye-amd64", "trixie-amd64", "bookworm-s390x", "alpine"])
def test_loader_and_auditor_agree_on_damages(scene: str) -> None:
    try:
        judged = list(campaign(scene, image_of(scene), "tests", 100))
    except FixtureError as error:
        pytest.skip(str(error))
    passed = [each for each in judged if each.agreement is Agreement.FALSE_PASS]
    failed = [each for each in judged if each.agreement is Agreement.FALSE_FAIL]
    assert passed == []
    assert len(failed) <= 1, failed
    assert Counter(each.verdict for each in judged)[Verdict.REFUSED] > 10
