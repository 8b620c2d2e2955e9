"""Pieces made by a thread of their own: reading, hashing and decompressing leave the interpreter to whoever parses."""

from collections.abc import Iterator
from queue import SimpleQueue
from threading import Thread
from types import TracebackType

_ROOM = 3  # pieces that wait to be taken


class Beside:
    """A block in which others' pieces come as they are made beside it: the same in the same order, none of them empty;
    an error comes after those that were made before it.

    When the block ends nothing is made any more, and `pieces` can be gone on with where that stopped.
    """

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._made: SimpleQueue[bytes | BaseException] = SimpleQueue()
        self._wanted: SimpleQueue[None] = SimpleQueue()
        for _ in range(_ROOM):
            self._wanted.put(None)
        self._ended = False
        self._thread = Thread(target=self._make, name="beside", daemon=True)

    def _make(self) -> None:
        try:
            while True:
                self._wanted.get()
                if self._ended:
                    return
                piece = next(self._pieces, b"")
                self._made.put(piece)
                if not piece:
                    return
        except BaseException as error:
            self._made.put(error)

    def _take(self) -> Iterator[bytes]:
        while piece := self._made.get():
            if isinstance(piece, BaseException):
                raise piece
            self._wanted.put(None)
            yield piece

    def __enter__(self) -> Iterator[bytes]:
        try:
            self._thread.start()
        except RuntimeError:  # there may be no more threads
            return self._pieces
        return self._take()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended = True
        self._wanted.put(None)
        # Where it was interrupted the process ends: nobody goes on with the pieces, or waits for what makes them.
        if self._thread.ident is not None and (kind is None or issubclass(kind, Exception)):
            self._thread.join()
