"""Answers of servers that nobody has to start."""

import io
from collections.abc import Mapping

from auditor.image.source.interface import Source


class Wire:
    """Stands for a socket: every request is answered by the next of the answers."""

    def __init__(self, answers: list[bytes]) -> None:
        self._answers = answers

    def makefile(self, *_: object, **__: object) -> io.BufferedReader:
        """What comes back."""
        return io.BufferedReader(io.BytesIO(self._answers.pop(0) if self._answers else b""))

    def sendall(self, data: bytes) -> None:
        """A request."""

    def settimeout(self, _: object) -> None:
        """Nobody waits."""

    def setsockopt(self, *_: object) -> None:
        """As a socket takes it."""

    def shutdown(self, _: object) -> None:
        """As a socket takes it."""

    def close(self) -> None:
        """As a socket takes it."""


def answer(status: str, headers: Mapping[str, str], body: bytes = b"") -> bytes:
    """One answer in HTTP."""
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers.items())]
    lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def read_all(source: Source) -> None:
    """Every layer of every image that a source offers."""
    for listing in source.images():
        for candidate in listing.candidates():
            for layer in candidate.read().layers:
                with layer.open() as stream:
                    while stream.read(1 << 16):
                        pass
