"""One answer of a server, heard within bounds: of time, silence, and what may come before its body.

urllib3's own timeouts are for one read each: a server that sends a byte now and then would never be left. Here the
time that is spent waiting for a whole answer counts, from its status line to its last byte: it may take `total`
seconds, and one more for each `slowest` bytes that came. What we do with the bytes in between is not counted.
"""

import http.client
import io
import socket
import time
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from msgspec import Struct
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_HEAD = 8 << 20  # bytes: a hundred header lines of the longest kind are less


class Pace(Struct, frozen=True):
    """How long a server may take: seconds, and bytes per second."""

    connect: float = 15.0
    silence: float = 60.0  # before the first byte and between any two
    total: float = 60.0
    slowest: int = 16 << 10


STEADY = Pace()


class TooSlow(Exception):
    """An answer that takes longer than it may."""


class _Paced(io.RawIOBase):
    """A socket's bytes."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, pace: Pace) -> None:
        super().__init__()
        self._raw = raw
        self._socket = sock
        self._pace = pace
        self._received = 0
        self._waited = 0.0
        self.in_head = True

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: "WriteableBuffer", /) -> int | None:
        """As a socket does; TooSlow."""
        pace = self._pace
        left = pace.total + self._received / pace.slowest - self._waited
        if left <= 0:
            raise self._too_slow()
        self._socket.settimeout(min(left, pace.silence))
        start = time.monotonic()
        try:
            count = self._raw.readinto(buffer)
        except TimeoutError:
            if left > pace.silence:
                raise
            raise self._too_slow() from None
        finally:
            self._waited += time.monotonic() - start
        self._received += count or 0
        if self.in_head and self._received > _HEAD:
            raise TooSlow(f"its answer has no end of headers ({self._received} bytes)")
        return cast("int | None", count)

    def _too_slow(self) -> TooSlow:
        return TooSlow(f"its answer takes too long ({self._received} bytes in {self._pace.total:.0f} s or more)")

    def close(self) -> None:
        """Close the socket's file."""
        self._raw.close()
        super().close()


class _Answer(http.client.HTTPResponse):
    """An answer that is read at a pace."""

    def __init__(self, sock: socket.socket, *arguments: Any, pace: Pace, **options: Any) -> None:
        super().__init__(sock, *arguments, **options)
        self._paced = _Paced(self.fp.detach(), sock, pace)
        self.fp = io.BufferedReader(self._paced)

    def begin(self) -> None:
        """Read the status line and the headers."""
        super().begin()
        self._paced.in_head = False


def pools(pace: Pace) -> Mapping[str, type[HTTPConnectionPool]]:
    """urllib3's pools by scheme, whose connections hear answers at a pace."""
    answer = staticmethod(partial(_Answer, pace=pace))
    plain = type("Plain", (HTTPConnection,), {"response_class": answer})
    secure = type("Secure", (HTTPSConnection,), {"response_class": answer})
    return {
        "http": type("PlainPool", (HTTPConnectionPool,), {"ConnectionCls": plain}),
        "https": type("SecurePool", (HTTPSConnectionPool,), {"ConnectionCls": secure}),
    }
