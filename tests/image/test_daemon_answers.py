"""A container daemon that answers otherwise than its interface says is told so, in one line."""

import json
from itertools import pairwise
from typing import Any
from unittest.mock import Mock

import pytest

from auditor.errors import SourceUnavailable
from auditor.image.platforms import parse_platform
from auditor.image.source.docker_daemon import OtherPlatform, _check_platform, _is_caused_by, _reason
from benchmarks.fuzz.reader.daemons import INSPECTED, VERSION, conversations, opened
from benchmarks.fuzz.wire import answer
from benchmarks.fuzz.world import SEPARATOR


def said(status: str, value: Any) -> bytes:
    return answer(status, {"Content-Type": "application/json"}, json.dumps(value).encode())


OF_VERSION, OF_IMAGE = said("200 OK", VERSION), said("200 OK", INSPECTED)
UNREADABLE = {
    "an error without its message": [OF_VERSION, said("404 Not Found", {})],
    "an error that is a list": [OF_VERSION, said("500 Internal Server Error", [])],
    "an error whose message is a number": [OF_VERSION, said("404 Not Found", {"message": 1})],
    "an image that is a list": [OF_VERSION, said("200 OK", [])],
    "an image without an id": [OF_VERSION, said("200 OK", {})],
    "an image that can't be saved, and no reason": [OF_VERSION, OF_IMAGE, said("500 Internal Server Error", {})],
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_an_answer_of_another_form(case: str) -> None:
    with pytest.raises(SourceUnavailable, match="gives an answer that can't be read"), opened([*UNREADABLE[case]]):
        pass


@pytest.mark.parametrize("digests", [1, "x", [1], [["x"]], [None], {"a": 1}])
def test_digests_of_another_form_are_none(digests: Any) -> None:
    image = next(each for each in conversations() if SEPARATOR in each).split(SEPARATOR)[2]
    inspected = said("200 OK", {**INSPECTED, "RepoDigests": digests})
    with opened([OF_VERSION, inspected, image]) as source:
        (listing,) = source.images()
        assert listing.digest is None and len(listing.candidates()) == 1


def chained(*errors: BaseException) -> BaseException:
    """The first of them, each caused by the next."""
    for error, cause in pairwise(errors):
        error.__cause__ = cause
    return errors[0]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(2, "no such file"), "no such file"),
        (chained(ValueError("outer"), OSError(2, "no such file")), "no such file"),
        (chained(ValueError("outer"), ValueError("inner")), "inner"),
        (chained(ValueError("outer"), ValueError()), "outer"),
        (ValueError("two\n lines"), "two lines"),
        (ValueError("x" * 300), "x" * 200),
        (ValueError(), "ValueError"),
        (ValueError(("aborted", OSError(13, "permission denied"))), "permission denied"),
        (ValueError(("aborted", OSError())), "('aborted', OSError())"),
    ],
)
def test_why_a_daemon_does_not_answer(error: BaseException, words: str) -> None:
    assert _reason(error) == words


@pytest.mark.parametrize(
    ("error", "caused"),
    [
        (PermissionError(), True),
        (ValueError("x"), False),
        (chained(ValueError("x"), PermissionError()), True),
        (ValueError("x", PermissionError()), True),
        (ValueError(("x", PermissionError())), True),
        (ValueError(["x", PermissionError()]), False),
    ],
)
def test_libraries_hide_the_cause_in_many_places(error: BaseException, caused: bool) -> None:
    assert _is_caused_by(error, PermissionError) is caused


@pytest.mark.parametrize(
    ("wanted", "has", "other"),
    [
        ("", {"Os": "linux", "Architecture": "arm64"}, ""),
        ("linux/amd64", {"Os": "linux", "Architecture": "amd64"}, ""),
        ("linux/amd64", {"Os": "linux", "Architecture": "arm64"}, "linux/arm64"),
        ("linux/arm/v6", {"Os": "linux", "Architecture": "arm", "Variant": "v7"}, "linux/arm/v7"),
        ("linux/amd64", {"Os": "linux", "Architecture": "arm64", "Descriptor": {"size": 1}}, ""),
        ("linux/amd64", {"Os": "linux", "Architecture": None}, "linux"),
    ],
)
def test_a_daemon_that_keeps_one_platform(wanted: str, has: dict[str, Any], other: str) -> None:
    options = Mock(platform=parse_platform(wanted) if wanted else None)
    if not other:
        _check_platform(has, options, "here", "it")
        return
    with pytest.raises(OtherPlatform, match=f"it has it for {other} only, not for {wanted}"):
        _check_platform(has, options, "here", "it")
