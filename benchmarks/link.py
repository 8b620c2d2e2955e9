"""A line of some length and width to a port of this machine: `python -m benchmarks.link PORT --trip 0.1 --rate 12.5e6`.

What goes through arrives half a round trip later, each way, and no faster than the line is wide; a connection begins
with the round trip of its handshake. Bytes are under way side by side: a long line is no narrower than a short one, as
with TCP once it has found the line's width (that it starts slower is left out, for everybody). It prints its own port,
and for each line on its standard input what went through since the one before, as JSON.
"""

import argparse
import asyncio
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

_PIECE = 16 << 10  # bytes
_BUFFER = 256 << 10  # bytes that a connection's end may leave unread, before the line is no more taken for it
_AHEAD = 0.03  # seconds for which the line may be taken: then others have their turn
_REQUEST = re.compile(rb"([A-Z]+) (\S+) HTTP/1")
_Due = asyncio.Queue[tuple[float, bytes]]


class Passed(NamedTuple):
    """What went through: connections, requests as `METHOD path`, bytes to the client.

    `first` and `last` say when the first byte left the client and the last came to it, by this machine's monotonic
    clock.
    """

    connections: int
    requests: tuple[str, ...]
    received: int
    first: float
    last: float


class Line:
    """One way to the port, shared by all connections, and what was seen on it."""

    def __init__(self, port: int, trip: float, rate: float) -> None:
        self._port = port
        self._trip = trip
        self._rate = rate
        self._free = 0.0
        self._under_way = int(trip * rate) // _PIECE + 8  # pieces
        self._forget()

    def _forget(self) -> None:
        self._connections = self._received = 0
        self._first = self._last = 0.0
        self._requests: list[str] = []

    def told(self) -> str:
        """What went through since it was told last."""
        passed = Passed(self._connections, tuple(self._requests), self._received, self._first, self._last)
        self._forget()
        return json.dumps(passed)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self._connections += 1
        born = time.monotonic() + self._trip
        there, back = await asyncio.open_connection("127.0.0.1", self._port, limit=_BUFFER)
        up: _Due = asyncio.Queue()
        down: _Due = asyncio.Queue(self._under_way)
        ways = [self._ask(reader, up, born), _arrive(up, back), self._answer(there, down), _arrive(down, writer)]
        tasks = [asyncio.create_task(way) for way in ways]
        await asyncio.wait((tasks[1], tasks[3]), return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)  # an end that broke off is the client's to tell
        for end in (writer, back):
            end.close()

    async def _ask(self, reader: asyncio.StreamReader, due: _Due, born: float) -> None:
        """From the client to the port; nothing is narrow there."""
        while data := await reader.read(_PIECE):
            now = time.monotonic()
            self._first = self._first or now
            if found := _REQUEST.match(data):
                self._requests.append(b" ".join(found.groups()).decode())
            due.put_nowait((max(born, now) + self._trip / 2, data))
        due.put_nowait((time.monotonic() + self._trip / 2, b""))

    async def _answer(self, reader: asyncio.StreamReader, due: _Due) -> None:
        """From the port to the client."""
        while data := await reader.read(_PIECE):
            now = time.monotonic()
            self._received += len(data)
            if self._rate:
                while self._free - now > _AHEAD:
                    await asyncio.sleep(self._free - now - _AHEAD / 2)
                    now = time.monotonic()
                now = self._free = max(self._free, now) + len(data) / self._rate
            self._last = now + self._trip / 2
            await due.put((self._last, data))
        await due.put((time.monotonic() + self._trip / 2, b""))


async def _arrive(due: _Due, writer: asyncio.StreamWriter) -> None:
    """Each piece in its time, until there are none."""
    writer.transport.set_write_buffer_limits(high=_BUFFER)
    while True:
        when, data = await due.get()
        if (left := when - time.monotonic()) > 0:
            await asyncio.sleep(left)
        if not data:
            return
        writer.write(data)
        await writer.drain()


async def _stand(line: Line) -> None:
    server = await asyncio.start_server(line.serve, "127.0.0.1", 0, limit=_BUFFER)
    asked = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(asked), sys.stdin)
    print(server.sockets[0].getsockname()[1], flush=True)
    while await asked.readline():
        print(line.told(), flush=True)


class Link:
    """A line that stands, in a process of its own: its port, and what goes through."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.port = int(self._line())

    def passed(self) -> Passed:
        """What went through since this was asked last."""
        assert self._process.stdin is not None
        print(file=self._process.stdin, flush=True)
        connections, requests, *rest = json.loads(self._line())
        return Passed(connections, tuple(requests), *rest)

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


@contextmanager
def standing(port: int, trip: float, rate: float) -> Iterator[Link]:
    """A line of `trip` seconds there and back to a port, `rate` bytes a second wide (0: as wide as may be)."""
    command = [sys.executable, "-m", "benchmarks.link", str(port), "--trip", str(trip), "--rate", str(rate)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Link(process)
        finally:
            process.terminate()


def main() -> int:
    """Stand until standard input ends."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.link", description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("--trip", type=float, default=0.0, help="seconds there and back")
    parser.add_argument("--rate", type=float, default=0.0, help="bytes a second; 0: no limit")
    options = parser.parse_args()
    asyncio.run(_stand(Line(options.port, options.trip, options.rate)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
