"""A registry in this process that does as it is told, also wrong: faults are queued per kind of path."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.image.build import Layout


@dataclass
class Answer:
    """A status, headers and a body; `cut` closes the connection after so many bytes of the body."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    cut: int | None = None
    length: int | None = None  # the Content-Length that is claimed; -1 for none
    hang_up: bool = False  # before any answer


Fault = Callable[["Asked"], Answer | None]


@dataclass(frozen=True)
class Asked:
    """One request, as the server got it."""

    path: str
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def kind(self) -> str:
        """`manifests`, `blobs` or the path itself."""
        parts = self.path.split("/")
        return parts[-2] if len(parts) > 3 and parts[1] == "v2" else self.path.partition("?")[0]


class Server:
    """Serves a layout's blobs under `/v2/NAME/`, unless a fault says otherwise."""

    def __init__(self, layout: Layout, tags: Mapping[str, str]) -> None:
        self.files = layout.all_files()
        self.tags = dict(tags)
        self.asked: list[Asked] = []
        self.faults: dict[str, list[Fault]] = {}  # each is used once, in order
        self.always: dict[str, Fault] = {}
        self.ranges = True
        self.types: dict[str, str] = {}
        self.host = ""
        self.connections: set[object] = set()  # by the client's address

    def fail(self, kind: str, *faults: Answer | Fault) -> None:
        """Answer the next requests of a kind thus."""
        queue = self.faults.setdefault(kind, [])
        for fault in faults:
            queue.append(fault if callable(fault) else lambda _, answer=fault: answer)  # type: ignore[misc]

    def answer(self, asked: Asked) -> Answer:
        self.asked.append(asked)
        if queue := self.faults.get(asked.kind):
            changed = queue.pop(0)(asked)
            if changed is not None:
                return changed
        if (fault := self.always.get(asked.kind)) and (changed := fault(asked)) is not None:
            return changed
        return self.plain(asked)

    def plain(self, asked: Asked) -> Answer:
        """What a sound registry answers."""
        reference = asked.path.rpartition("/")[2]
        digest = self.tags.get(reference, reference)
        body = self.files.get(f"blobs/{digest.replace(':', '/')}")
        if body is None or asked.kind not in ("manifests", "blobs"):
            return Answer(404, body=b'{"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]}')
        headers = {"Docker-Content-Digest": digest}
        if asked.kind == "manifests":
            headers["Content-Type"] = self.types.get(digest, "application/vnd.oci.image.manifest.v1+json")
            return Answer(200, headers, body)
        wanted = asked.headers.get("Range", "")
        if wanted and self.ranges:
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            if start >= len(body):
                return Answer(416)
            headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
            return Answer(206, headers, body[start:])
        return Answer(200, headers, body)

    def count(self, kind: str) -> int:
        return sum(asked.kind == kind for asked in self.asked)


@contextmanager
def serving(server: Server) -> Iterator[Server]:
    """Serve on loopback while the block runs."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            server.connections.add(self.client_address)

        def do_GET(self) -> None:
            self._answer(b"")

        def do_POST(self) -> None:
            self._answer(self.rfile.read(int(self.headers.get("Content-Length", 0))))

        def _answer(self, body: bytes) -> None:
            answer = server.answer(Asked(self.path, dict(self.headers.items()), body))
            if answer.hang_up:
                self.close_connection = True
                return
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            length = len(answer.body) if answer.length is None else answer.length
            if length >= 0:
                self.send_header("Content-Length", str(length))
            else:
                self.close_connection = True
            self.end_headers()
            self.wfile.write(answer.body[: answer.cut])
            if answer.cut is not None:
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """A client may hang up."""

    with Quiet(("127.0.0.1", 0), Handler) as http:
        server.host = f"127.0.0.1:{http.server_address[1]}"
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            http.shutdown()
            thread.join()
