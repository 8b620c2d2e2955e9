"""JSON of manifests and configs: what each getter takes, and the one line where it is something else."""

from collections.abc import Callable

import pytest

from auditor.errors import CorruptImage
from auditor.image.document import Document

TOO_LARGE = 1 << 63
CASES: list[tuple[object, Callable[[Document], object], object, str]] = [
    ("word", lambda one: one.text("key"), "word", ""),
    (None, lambda one: one.text("key"), "", ""),
    (None, lambda one: one.text("key", "other"), "other", ""),
    (None, lambda one: one.text("key", None), None, "'key' is missing"),
    (3, lambda one: one.text("key", None), None, "'key' is not a string"),
    (3, lambda one: one.text("key"), None, "'key' is not a string"),
    (0, lambda one: one.integer("key"), 0, ""),
    (TOO_LARGE - 1, lambda one: one.integer("key"), TOO_LARGE - 1, ""),
    (None, lambda one: one.integer("key"), None, ""),
    (True, lambda one: one.integer("key"), None, "'key' is not a whole number"),
    ("1", lambda one: one.integer("key"), None, "'key' is not a whole number"),
    (-1, lambda one: one.integer("key"), None, "'key' is out of range: -1"),
    (TOO_LARGE, lambda one: one.integer("key"), None, "'key' is out of range: 9223372036854775808"),
    (True, lambda one: one.flag("key"), True, ""),
    (None, lambda one: one.flag("key"), False, ""),
    (1, lambda one: one.flag("key"), None, "'key' is neither true nor false"),
    ("", lambda one: one.has("key"), True, ""),
    (None, lambda one: one.has("key"), False, ""),
]


@pytest.mark.parametrize(("value", "read", "expected", "fault"), CASES)
def test_each_key_is_checked_before_it_is_used(
    value: object, read: Callable[[Document], object], expected: object, fault: str
) -> None:
    document = Document({"key": value}, "manifest")
    if not fault:
        assert read(document) == expected
        return
    with pytest.raises(CorruptImage) as caught:
        read(document)
    assert fault in str(caught.value)
    assert "manifest" in str(caught.value)


def test_an_absent_key_is_as_good_as_null() -> None:
    empty = Document({}, "manifest")
    assert (empty.text("key"), empty.integer("key"), empty.flag("key"), empty.has("key")) == ("", None, False, False)
