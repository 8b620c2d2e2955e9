"""Pieces that a thread makes: the same ones, errors in their place, and nobody is left at work."""

import threading
from collections.abc import Iterator

import pytest

from auditor.archive.beside import Beside
from auditor.errors import Interrupted


def numbered(count: int, made: list[int], error: BaseException | None = None) -> Iterator[bytes]:
    for number in range(1, count + 1):
        made.append(number)
        yield bytes([number])
    if error is not None:
        raise error


@pytest.mark.parametrize("count", [0, 1, 2, 3, 200])
def test_all_come_in_order(count: int) -> None:
    with Beside(numbered(count, [])) as pieces:
        assert list(pieces) == [bytes([number]) for number in range(1, count + 1)]
    assert "beside" not in {thread.name for thread in threading.enumerate()}


@pytest.mark.parametrize("error", [ValueError("it"), Interrupted(2)])
def test_an_error_comes_after_what_was_made_before_it(error: BaseException) -> None:
    taken = []
    with pytest.raises(type(error)) as caught, Beside(numbered(5, [], error)) as pieces:
        for piece in pieces:
            taken.append(piece)
    assert caught.value is error
    assert len(taken) == 5


@pytest.mark.parametrize("takes", [0, 1, 7])
def test_few_are_made_ahead_and_the_rest_can_be_gone_on_with(takes: int) -> None:
    made: list[int] = []
    source = numbered(100, made)
    with pytest.raises(KeyError), Beside(source) as pieces:
        for _ in range(takes):
            next(pieces)
        raise KeyError
    assert takes <= len(made) <= takes + 4
    at = len(made)
    assert list(source) == [bytes([number]) for number in range(at + 1, 101)]


def test_an_interruption_waits_for_no_piece() -> None:
    held, waited = threading.Event(), []

    def slow() -> Iterator[bytes]:
        yield b"one"
        waited.append(held.wait(10))
        yield b"two"

    with pytest.raises(Interrupted), Beside(slow()) as pieces:
        assert next(pieces) == b"one"
        raise Interrupted(2)
    assert not waited
    held.set()


def test_where_no_thread_is_to_be_had_they_are_made_here(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_more(_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", no_more)
    with Beside(numbered(3, [])) as pieces:
        assert len(list(pieces)) == 3
