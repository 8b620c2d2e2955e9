"""Every fault that reached users is reported by its rule, at that rule's severity; its sound neighbours pass."""

from fnmatch import fnmatchcase

import pytest

from auditor.report.model import Report
from fixtures.build import recipe_named
from fixtures.recipe import BASE
from fixtures.recipes import RECIPES
from tests.images import EVERY_IMAGE, built, report, reports

SPECS = ("calico-system-requirements", "felix")
_QUICK = ("bookworm", "amd64")
# Names, links, modes and scripts are the same on every suite and machine: these show them. Other recipes are tried on
# two more each, in turn.
_SOME = (_QUICK, ("sid", "amd64"), ("bookworm", "s390x"))
_OTHERS = (("bullseye", "amd64"), ("trixie", "amd64"), ("bookworm", "arm64"), ("bookworm", "ppc64el"))
_OF_NAMES = ("tool-missing", "tool-not-executable", "tool-is-applet", "variant-missing", "entrypoint-broken")


def _images(number: int, recipe: str) -> tuple[tuple[str, str], ...]:
    expected = recipe_named(recipe).expected
    if expected and all(entry.rule in _OF_NAMES for entry in expected):
        return _SOME
    return (*_SOME, *(_OTHERS[each % len(_OTHERS)] for each in (number, number + 1)))


CASES = [
    pytest.param(
        suite,
        architecture,
        name,
        marks=() if (suite, architecture) == _QUICK else pytest.mark.full,
        id=f"{name}-{suite}-{architecture}",
    )
    for number, name in enumerate(RECIPES)
    for suite, architecture in _images(number, name)
    if not recipe_named(name).obstacle(suite, architecture)
]


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize(("suite", "architecture"), EVERY_IMAGE)
def test_a_sound_image_passes(suite: str, architecture: str, spec: str) -> None:
    result = report(suite, architecture, BASE.name, spec)
    assert [entry for entry in result.findings if entry.severity == "error"] == []
    assert result.verdict == "pass"


@pytest.mark.parametrize(("suite", "architecture", "recipe"), CASES)
def test_an_incident_is_reported_with_its_rule_and_nothing_else(suite: str, architecture: str, recipe: str) -> None:
    image = built(suite, architecture, recipe)
    expected = recipe_named(recipe).expected
    specs = sorted({entry.spec for entry in expected} or SPECS)
    told = reports(suite, architecture, recipe, (SPECS[0], *specs))
    for spec in specs:
        result = told[spec]
        for wanted in (entry for entry in expected if entry.spec == spec):
            found = [
                entry
                for entry in result.findings
                if entry.rule == wanted.rule and fnmatchcase(entry.subject, wanted.subject)
            ]
            assert found, f"{wanted.rule} {wanted.subject} is not among {_shown(result.findings)}"
            if wanted.fails:
                assert any(entry.severity == "error" for entry in found)
            last = len(image.layers) - 1
            if wanted.layer:
                assert any(entry.layer == last or f"layer {last + 1} of " in entry.message for entry in found), found
        should_fail = any(entry.fails for entry in expected if entry.spec == spec)
        assert (result.verdict == "fail") is should_fail, _shown(result.findings)
    if len(image.layers) > len(built(suite, architecture).layers):  # else its consequences are the config's
        _nothing_else(told[SPECS[0]], recipe, len(image.layers) - 1)


def _nothing_else(result: Report, recipe: str, last: int) -> None:
    """Every error of the default spec is about the fault: its subject is expected, or the recipe's layer is named."""
    others = [
        entry
        for entry in result.findings
        if entry.severity == "error"
        and not any(fnmatchcase(entry.subject, wanted.subject) for wanted in recipe_named(recipe).expected)
        and entry.layer != last
        and f"layer {last + 1} of " not in entry.message
        and not (entry.rule == "extension-missing" and "undefined symbol" in entry.message)
    ]
    assert others == [], _shown(tuple(others))


def _shown(findings: tuple[object, ...]) -> str:
    errors = (entry for entry in findings if getattr(entry, "severity", "") != "note")
    return "; ".join(f"{getattr(entry, 'rule', '')} {getattr(entry, 'subject', '')}" for entry in errors)
