"""What a container daemon answers: its version, what it knows of an image, and the image."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any
from unittest import mock

from docker.transport.unixconn import UnixHTTPConnection  # type: ignore[import-untyped]

from auditor.budget import Budget
from auditor.image.model import Platform
from auditor.image.reference import parse_name
from auditor.image.source.docker_daemon import OtherPlatform, open_daemon
from auditor.image.source.docker_endpoint import Endpoint
from auditor.image.source.interface import Options, Source
from benchmarks.fuzz.model import Reader
from benchmarks.fuzz.reader.images import PIECE, saved
from benchmarks.fuzz.wire import Wire, answer, read_all
from benchmarks.fuzz.world import SEPARATOR, joined

_NAME = parse_name("registry.example/a/b:1")
_NAMES, _ENDPOINT = [str(_NAME), "localhost/a/b:1"], Endpoint("unix:///fuzz")
_DIGEST = f"registry.example/a/b@sha256:{'0' * 64}"
#: What a sound daemon says of itself and of an image.
VERSION = {"Version": "28.1.1", "ApiVersion": "1.49", "MinAPIVersion": "1.24", "Os": "linux", "Arch": "amd64"}
INSPECTED = {
    "Id": f"sha256:{'1' * 64}", "RepoTags": ["registry.example/a/b:1"], "RepoDigests": [_DIGEST], "Os": "linux",
    "Architecture": "amd64", "Variant": "", "Descriptor": None,
}  # fmt: skip


def _answers(data: bytes) -> list[bytes]:
    """As they came over the wire; or a document that says what is in them, to be damaged by its values."""
    if not data.startswith(b"{"):
        return data.split(SEPARATOR)[:6]
    try:
        said = json.loads(data)
    except (ValueError, RecursionError):
        return [data]
    headers = {"Content-Type": "application/json"}
    made = [answer("200 OK", headers, json.dumps(said.get(part)).encode()) for part in ("version", "inspected")]
    manifest, config = (json.dumps(said.get(part)).encode() for part in ("manifest", "config"))
    return [*made, answer("200 OK", {"Content-Type": "application/x-tar"}, saved(manifest, config))]


@contextmanager
def opened(answers: list[bytes], platform: Platform | None = None) -> Iterator[Source]:
    """What a daemon has that gives these answers in turn."""

    def connect(connection: Any) -> None:
        connection.sock = Wire(answers)

    connected = property(lambda connection: connection.sock is not None)
    options = Options(lambda *_: False, Budget(), platform=platform)
    with (
        mock.patch.object(UnixHTTPConnection, "connect", connect),
        mock.patch.object(UnixHTTPConnection, "is_connected", connected),
        closing(open_daemon(_ENDPOINT, _NAMES, _NAME, options, scheme="docker", title="the daemon")) as source,
    ):
        yield source


def _daemon(data: bytes) -> None:
    """All of an image that a daemon hands out, for any platform and for one."""
    for platform in (None, Platform("linux", "arm64", "v8")):
        with suppress(OtherPlatform), opened(_answers(data), platform) as source:
            read_all(source)


def conversations() -> Iterator[bytes]:
    """Whole ones first."""
    listing = [{"Config": "c.json", "RepoTags": ["a:b"], "Layers": ["l.tar"]}]
    layer = f"sha256:{hashlib.sha256(PIECE).hexdigest()}"
    config = {"os": "linux", "architecture": "amd64", "rootfs": {"diff_ids": [layer]}}
    yield json.dumps({"version": VERSION, "inspected": INSPECTED, "manifest": listing, "config": config}).encode()
    headers = {"Content-Type": "application/json"}
    version, inspected = (answer("200 OK", headers, json.dumps(each).encode()) for each in (VERSION, INSPECTED))
    image = answer("200 OK", {}, saved(json.dumps(listing).encode(), json.dumps(config).encode()))
    missing = answer("404 Not Found", headers, b'{"message": "No such image: a"}')
    yield joined(version, inspected, image)
    yield joined(version, missing, inspected, image[:-700])
    yield joined(version, missing, missing)
    yield joined(answer("500 Internal Server Error", headers, b'{"message": "no"}'))
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    yield joined(version, inspected, chunked + b"200\r\n" + bytes(512) + b"\r\n0\r\n\r\n")


READERS = {"docker-daemon": Reader(_daemon, conversations, json=True, longest=16384)}
