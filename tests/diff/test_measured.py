"""Every true change between real images is told, and nothing else: counted against the images' own answers."""

from fnmatch import fnmatchcase
from functools import lru_cache

import pytest

from auditor.report.diff.compare import compare
from fixtures.build import recipe_named
from fixtures.recipes import RECIPES
from tests.diff.truth import Subject, claims, facts
from tests.images import built, report

Image = tuple[str, str, str]
BASE: Image = ("bookworm", "amd64", "base")
CPU_DECIDES = ("hwcaps-older", "hwcaps-only")  # the loader that is asked takes what this machine's CPU can run
PAIRS = [
    (("bullseye", "amd64", "base"), BASE),
    (BASE, ("trixie", "amd64", "base")),
    (BASE, ("bookworm", "arm64", "base")),
    *((BASE, ("bookworm", "amd64", name)) for name in RECIPES if not recipe_named(name).obstacle("bookworm", "amd64")),
]
NOT_RUN = ("package", "config", "layer", "platform", "distribution")
# What a script picks at run time is not known: that is a warning of a sound image, for the six names that run it one.
WARNED = {"iptables-wrapper": ["tool-unknown /usr/sbin/iptables"]}
_QUICK = (
    "conntrack-deleted",
    "multiport-missing",
    "ipset-newer-glibc",
    "path-too-narrow",
    "no-database",
    "iptables-wrapper",
)


@lru_cache(maxsize=2)  # the one that all others are compared with is asked once
def _subject(*image: str) -> Subject:
    return Subject(built(*image), report(*image))


def _id(image: Image) -> str:
    return "-".join(image)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param(old, new, id=f"{_id(old)}..{_id(new)}", marks=() if new[2] in _QUICK else pytest.mark.full)
        for old, new in PAIRS
    ],
)
def test_every_true_change_is_told_as_what_it_is_and_nothing_else(old: Image, new: Image) -> None:
    if new[2] not in CPU_DECIDES:
        _told_and_nothing_else(old, new)
    if new[:2] == old[:2]:
        _an_incident_is_a_regression(new[2])


def _told_and_nothing_else(old: Image, new: Image) -> None:
    before, after = _subject(*old), _subject(*new)
    diff = compare(before.report, after.report)
    told, true = claims(diff, before, after), facts(before, after)
    if after.image.run.architecture != after.image.architecture:
        # Its programs answer where its config says that they can't: only what nobody has to run is comparable.
        told, true = ({fact for fact in found if fact[0] in NOT_RUN} for found in (told, true))
    print(f"{_id(old)}..{_id(new)}: {len(true)} true, {len(told)} told, {len(true & told)} of them true")
    assert sorted(map(str, told - true)) == [], "told, but not true"
    assert sorted(map(str, true - told)) == [], "true, but not told"


def _an_incident_is_a_regression(name: str) -> None:
    """With its rule; a variant that is sound is none."""
    image = ("bookworm", "amd64", name)
    expected = recipe_named(name).expected
    for spec in sorted({entry.spec for entry in expected} or {"calico-system-requirements"}):
        diff = compare(report(*BASE, spec), report(*image, spec))
        regressions = [change.subject for change in diff.changes if change.assessment == "regression"]
        failing = [entry for entry in expected if entry.spec == spec and entry.fails]
        for wanted in failing:
            assert any(fnmatchcase(subject, f"{wanted.rule} {wanted.subject}") for subject in regressions), wanted
        back = compare(report(*image, spec), report(*BASE, spec))
        new = [change for change in back.changes if change.kind == "finding-new" and change.assessment == "regression"]
        assert new == [], "what was broken and is sound again is not worse"
        if not expected:
            findings = [change for change in diff.changes if change.kind.startswith(("finding", "requirement"))]
            worse = [change.subject for change in findings if change.assessment == "regression"]
            assert worse == WARNED.get(name, [])
