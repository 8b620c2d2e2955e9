"""Pieces that a thread makes: the same ones, errors in their place, and nobody is left at work."""

import threading
from collections.abc import Iterator

import pytest

from auditor.archive.beside import beside
from auditor.errors import Interrupted


def numbered(count: int, made: list[int], error: BaseException | None = None) -> Iterator[bytes]:
    for number in range(1, count + 1):
        made.append(number)
        yield bytes([number])
    if error is not None:
        raise error


@pytest.mark.parametrize("count", [0, 1, 2, 3, 200])
def test_all_come_in_order(count: int) -> None:
    with beside(numbered(count, [])) as pieces:
        assert list(pieces) == [bytes([number]) for number in range(1, count + 1)]
    assert "beside" not in {thread.name for thread in threading.enumerate()}


@pytest.mark.parametrize("error", [ValueError("it"), Interrupted(2)])
def test_an_error_comes_after_what_was_made_before_it(error: BaseException) -> None:
    taken = []
    with pytest.raises(type(error)) as caught, beside(numbered(5, [], error)) as pieces:
        for piece in pieces:
            taken.append(piece)
    assert caught.value is error
    assert len(taken) == 5


@pytest.mark.parametrize("takes", [0, 1, 7])
def test_few_are_made_ahead_and_the_rest_can_be_gone_on_with(takes: int) -> None:
    made: list[int] = []
    source = numbered(100, made)
    with pytest.raises(KeyError), beside(source) as pieces:
        for _ in range(takes):
            next(pieces)
        raise KeyError
    assert takes <= len(made) <= takes + 4
    at = len(made)
    assert list(source) == [bytes([number]) for number in range(at + 1, 101)]
