"""Limits: what is taken from them, how they grow, how they are raised, and what is said past them."""

import pytest

from auditor.budget import DEFAULT, GIB, MIB, Budget, Limits, check_json, parse_limits
from auditor.errors import LimitExceeded, UsageError


def test_past_a_limit_its_name_and_the_option_are_said() -> None:
    budget = Budget(Limits(package_files=10))
    budget.package_files.take(10, "here")
    assert (budget.package_files.used, budget.package_files.left) == (10, 0)
    with pytest.raises(LimitExceeded, match=r"here: asks for more package files than .* 10;.*--limit package-files="):
        budget.package_files.take(1, "here")


def test_a_large_image_may_be_large() -> None:
    budget = Budget()
    budget.stored(10 * MIB)
    assert budget.uncompressed.limit == DEFAULT.uncompressed
    budget.stored(4 * GIB)
    assert budget.uncompressed.limit == 30 * (4 * GIB + 10 * MIB)
    assert budget.entries.limit > 4_000_000
    assert budget.packages.limit == DEFAULT.packages


def test_a_limit_that_the_user_sets_is_exact() -> None:
    budget = Budget(parse_limits(["uncompressed=5000", "json-values=7"]))
    budget.stored(4 * GIB)
    assert budget.uncompressed.limit == 5000
    assert budget.limits.json_values == 7


@pytest.mark.parametrize(
    "text", ["entries", "entries=", "entries=-1", "entries=1e9", "entries=²", "entires=5", "json_values=5", "=5", ""]
)
def test_what_sets_no_limit(text: str) -> None:
    with pytest.raises(UsageError, match="--limit"):
        parse_limits([text])


def test_json_is_bounded_by_its_values() -> None:
    check_json(b"[" + b'"a",' * 100 + b"1]", "report", Limits(json_values=200))
    with pytest.raises(LimitExceeded, match="report: asks for more json values than the limit of 200"):
        check_json(b"[" + b"[]," * 100 + b"1]", "report", Limits(json_values=200))
