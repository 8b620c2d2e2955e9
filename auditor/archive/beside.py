"""Pieces made by a thread of their own: reading, hashing and decompressing leave the interpreter to whoever parses."""

from collections.abc import Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from threading import Thread

_ROOM = 3  # pieces that wait to be taken


@contextmanager
def beside(pieces: Iterator[bytes]) -> Iterator[Iterator[bytes]]:
    """The same pieces in the same order, none of which is empty; an error comes after those that were made before it.

    When the block ends nothing is made any more, and `pieces` can be gone on with where that stopped.
    """
    made: SimpleQueue[bytes | BaseException] = SimpleQueue()
    wanted: SimpleQueue[None] = SimpleQueue()
    for _ in range(_ROOM):
        wanted.put(None)
    stopped = False

    def make() -> None:
        try:
            while True:
                wanted.get()
                if stopped:
                    return
                piece = next(pieces, b"")
                made.put(piece)
                if not piece:
                    return
        except BaseException as error:
            made.put(error)

    def take() -> Iterator[bytes]:
        while piece := made.get():
            if isinstance(piece, BaseException):
                raise piece
            wanted.put(None)
            yield piece

    # An interruption before the block begins leaves it waiting: nobody waits for it.
    thread = Thread(target=make, name="beside", daemon=True)
    thread.start()
    try:
        yield take()
    finally:
        stopped = True
        wanted.put(None)
        thread.join()
