"""Small images, made in memory: tars from tables of members, and the archives and layouts around them."""

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

Json = dict[str, object]


@dataclass(frozen=True)
class Member:
    """One tar member. `kind` is file, dir, link (symbolic), hard, char, block or fifo."""

    name: str
    kind: str = "file"
    data: bytes = b""
    target: str = ""
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    pax: Mapping[str, str] = field(default_factory=dict)


_TYPES = {
    "file": tarfile.REGTYPE,
    "dir": tarfile.DIRTYPE,
    "link": tarfile.SYMTYPE,
    "hard": tarfile.LNKTYPE,
    "char": tarfile.CHRTYPE,
    "block": tarfile.BLKTYPE,
    "fifo": tarfile.FIFOTYPE,
}


def file(name: str, data: bytes | str = b"", mode: int = 0o644, **more: object) -> Member:
    raw = data.encode() if isinstance(data, str) else data
    return Member(name, data=raw, mode=mode, **more)  # type: ignore[arg-type]


def program(name: str, data: bytes | str = b"\x7fELF") -> Member:
    return file(name, data, 0o755)


def folder(name: str, mode: int = 0o755) -> Member:
    return Member(name, "dir", mode=mode)


def link(name: str, target: str) -> Member:
    return Member(name, "link", target=target, mode=0o777)


def hard(name: str, target: str) -> Member:
    return Member(name, "hard", target=target)


def whiteout(name: str) -> Member:
    directory, slash, base = name.rpartition("/")
    return file(f"{directory}{slash}.wh.{base}")


def opaque(directory: str) -> Member:
    return file(f"{directory}/.wh..wh..opq")


def tar(members: Iterable[Member], tar_format: int = tarfile.PAX_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tar_format) as archive:
        for member in members:
            info = tarfile.TarInfo(member.name)
            info.type = _TYPES[member.kind]
            info.size = len(member.data)
            info.linkname = member.target
            info.mode, info.uid, info.gid = member.mode, member.uid, member.gid
            info.pax_headers = dict(member.pax)
            archive.addfile(info, io.BytesIO(member.data))
    return buffer.getvalue()


def sha256(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def config(layers: Sequence[bytes], **more: object) -> Json:
    """An image config for uncompressed `layers`."""
    base: Json = {
        "os": "linux",
        "architecture": "amd64",
        "config": {"Env": ["PATH=/usr/bin:/bin"], "Cmd": ["/bin/sh"]},
        "rootfs": {"type": "layers", "diff_ids": [sha256(layer) for layer in layers]},
        "history": [{"created_by": f"step {number}"} for number in range(len(layers))],
    }
    return {**base, **more}


def encode(value: object) -> bytes:
    return json.dumps(value).encode()


def docker_archive(
    layers: Sequence[bytes], *, tags: Sequence[str] = ("test:1",), settings: Json | None = None, reverse: bool = False
) -> bytes:
    """What `docker save` wrote before Docker 25."""
    raw = encode(settings or config(layers))
    config_name = sha256(raw).removeprefix("sha256:") + ".json"
    names = [f"{number:064x}/layer.tar" for number in range(len(layers))]
    members = [file(name, layer) for name, layer in zip(names, layers, strict=True)]
    members.append(file(config_name, raw))
    members.append(file("manifest.json", encode([{"Config": config_name, "RepoTags": list(tags), "Layers": names}])))
    return tar(reversed(members) if reverse else members)


LAYER = "application/vnd.oci.image.layer.v1.tar"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"


class Layout:
    """An OCI layout as a map of paths to bytes, to be written to a directory or an archive."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {"oci-layout": b'{"imageLayoutVersion": "1.0.0"}'}
        self.entries: list[Json] = []

    def blob(self, data: bytes, media_type: str, **more: object) -> Json:
        """Add a blob; its descriptor."""
        digest = sha256(data)
        self.files[f"blobs/{digest.replace(':', '/')}"] = data
        return {"mediaType": media_type, "digest": digest, "size": len(data), **more}

    def manifest(
        self, layers: Sequence[bytes], *, settings: Json | None = None, compress: bool = True, **more: object
    ) -> Json:
        """Add an image; its manifest's descriptor."""
        stored = [gzip.compress(layer, 1, mtime=0) if compress else layer for layer in layers]
        media_type = LAYER + ("+gzip" if compress else "")
        return self.manifest_of(stored, media_type, settings or config(layers), **more)

    def manifest_of(self, stored: Sequence[bytes], media_type: str, settings: Json, **more: object) -> Json:
        """Add an image whose layers are already as they shall be stored; its manifest's descriptor."""
        document = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": self.blob(encode(settings), CONFIG),
            "layers": [self.blob(layer, media_type) for layer in stored],
        }
        return self.blob(encode(document), MANIFEST, **more)

    def index(self, entries: Sequence[Json], **more: object) -> Json:
        """Add an index; its descriptor."""
        return self.blob(encode({"schemaVersion": 2, "mediaType": INDEX, "manifests": list(entries)}), INDEX, **more)

    def add(self, entry: Json, name: str = "") -> None:
        """List a descriptor in index.json, under a name."""
        self.entries.append({**entry, "annotations": {"org.opencontainers.image.ref.name": name}} if name else entry)

    def all_files(self) -> dict[str, bytes]:
        return {**self.files, "index.json": encode({"schemaVersion": 2, "manifests": self.entries})}

    def write(self, path: Path) -> Path:
        for name, data in self.all_files().items():
            target = path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        return path

    def archive(self, path: Path) -> Path:
        path.write_bytes(tar(file(name, data) for name, data in self.all_files().items()))
        return path


def write_docker_archive(path: Path, *layers: Sequence[Member]) -> Path:
    path.write_bytes(docker_archive([tar(layer) for layer in layers]))
    return path
