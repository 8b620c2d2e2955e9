"""Looking into the files of an image while its layers still come over a network.

What a program asks of its loader, and whose program it is, follows from its own bytes. It is found out as soon as they
are there and remembered with them (`auditor.filetree.Facts`): who takes the inventory finds it, and draws from the
image's limits as if it had read it. Nothing here has a say in a verdict: a file that is not looked into ahead is read
when it is asked for.
"""

import contextlib
import threading
import time
from queue import SimpleQueue
from types import TracebackType
from typing import Self

from auditor.filetree import Content

_BUSY = 0.5  # of one processor's time
_PAUSE = 0.02  # seconds


class LookAhead:
    """A thread that looks into what it is told of, until the last layer is there."""

    def __init__(self) -> None:
        self._waiting: SimpleQueue[tuple[str, Content] | None] = SimpleQueue()
        self._ends = threading.Event()
        self._begun, self._spent = time.monotonic(), time.process_time()
        self._thread = threading.Thread(target=self._look, name="ahead", daemon=True)

    def seen(self, path: str, content: Content) -> None:
        """A file whose bytes are there. Called by several threads."""
        self._waiting.put((path, content))

    def _look(self) -> None:
        import auditor.inventory.build  # noqa: F401, PLC0415 - takes its time, and who takes the inventory needs it
        from auditor.inventory.alone import AloneReader  # noqa: PLC0415 - as above

        reader = AloneReader()
        # What goes wrong here goes wrong once more where it counts, if anybody asks.
        with contextlib.suppress(Exception):
            while (one := self._waiting.get()) is not None and self._is_time() and reader.read(*one):
                pass

    def _is_time(self) -> bool:
        """Wait until the processor is idle; False where the last layer came before that. Of a line that is faster than
        layers are unpacked nothing is gained by doing this beside.
        """
        while not self._ends.is_set():
            if time.process_time() - self._spent < _BUSY * (time.monotonic() - self._begun):
                return True
            self._ends.wait(_PAUSE)
        return False

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ends.set()
        self._waiting.put(None)
        if kind is None:  # else nobody takes an inventory, and the file that it is at may take a while
            self._thread.join()
