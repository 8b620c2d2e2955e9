"""Images that stand on one base: OCI layouts with the base's layers, and one of its own on top of each."""

import gzip
import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.growth import tar_of
from benchmarks.read_image import BUILD


def siblings(base: Path, count: int) -> tuple[Path, ...]:
    """So many of them, made of an OCI layout of one image; the base's layers are hard links to its own."""
    return tuple(_sibling(base, BUILD / f"{base.name}-siblings" / str(number), str(number)) for number in range(count))


def _sibling(base: Path, folder: Path, text: str) -> Path:
    if not folder.exists():
        made = folder.with_name(f"{folder.name}.made")
        shutil.rmtree(made, ignore_errors=True)
        shutil.copytree(base, made, copy_function=os.link)
        _add_layer(made, text.encode())
        made.rename(folder)
    return folder


def _add_layer(folder: Path, text: bytes) -> None:
    index = json.loads((folder / "index.json").read_bytes())
    manifest = _blob(folder, index["manifests"][0])
    config = _blob(folder, manifest["config"])
    layer = tar_of(iter([("etc/sibling", text)]))
    config["rootfs"]["diff_ids"].append(f"sha256:{hashlib.sha256(layer).hexdigest()}")
    config.pop("history", None)  # it would lack the layer
    manifest["config"] |= _written(folder, json.dumps(config).encode())
    kind = {"mediaType": manifest["layers"][0]["mediaType"]}
    manifest["layers"].append(kind | _written(folder, gzip.compress(layer, mtime=0)))
    index["manifests"][0] |= _written(folder, json.dumps(manifest).encode())
    (folder / "index.json").unlink()  # the base has this very file
    (folder / "index.json").write_text(json.dumps(index))


def _blob(folder: Path, descriptor: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "blobs" / descriptor["digest"].replace(":", "/")).read_bytes())
    return found


def _written(folder: Path, data: bytes) -> dict[str, object]:
    name = hashlib.sha256(data).hexdigest()
    (folder / "blobs/sha256" / name).write_bytes(data)
    return {"digest": f"sha256:{name}", "size": len(data)}
