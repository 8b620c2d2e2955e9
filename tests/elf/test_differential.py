"""A short campaign of damages to real programs, each judged by its own loader and by the auditor.

Nothing that a loader refuses may pass, and nothing that it lets run may fail.
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
    assert failed == []
    assert Counter(each.verdict for each in judged)[Verdict.REFUSED] > 10
