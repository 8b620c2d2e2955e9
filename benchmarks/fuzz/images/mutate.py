"""Makes a damaged image of a sound one: by its number and a seed always the same."""

import gzip
import json
import os
import random
import tarfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from benchmarks.fuzz.damage import damaged
from benchmarks.fuzz.images.sample import Entry, Sample, digest, layer_bytes, whole_config, with_layers

_MANIFEST, _CONFIG = "application/vnd.oci.image.manifest.v1+json", "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar"
FORMS = ("docker-archive", "oci-dir", "dir")
_NAMES = (
    "", ".", "..", "../../etc/passwd", "/", "a\nb", "\x1b[31mred", "a" * 255, "b" * 256, "c/" * 300 + "c", "é",
    "\udcff",
    "\u202eevil", ".wh.", ".wh..wh..opq", ".wh..wh.x", "usr", "lib", "bin/sh", "x\r", "\x7f", "\x85", " ", "-o",
)  # fmt: skip
_TEXTS = (
    b"", b"\0", b"\n", b"\x1b]0;title\x07", b"\xff\xfe", b"x" * 70_000, b"$(", b"`", b"'", b"Package: \n",
    b"Status: \n",
    b"Version: 1:\n", b"include *\n", b"include /etc/ld.so.conf\n", b"exec /usr/bin/start\n", b". /usr/bin/start\n",
    b"/usr/bin/start &\n", "\u202e".encode(), b"#!/usr/bin/start\n", b"#!\n", b"9" * 5_000, b"\x9b31m",
    b"ID=\x1b[1m\n",
)  # fmt: skip
_NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 0x7FFFFFFFFFFFFFFF, 0xFFFFFFFFFFFFFFFF)


@dataclass(frozen=True)
class Damaged:
    """An image on disk: how a user names it, and what was done to it."""

    reference: str
    kind: str
    what: str


def make(sample: Sample, chance: random.Random, folder: Path) -> Damaged:
    """One damaged image, in a folder that is its own."""
    form = chance.choice(FORMS)
    kinds = [kind for kind in KINDS if form != "dir" or kind in _OF_FILES]
    kind = chance.choice(kinds)
    image = _Image(sample, form, chance)
    for _ in range(chance.choice((1, 1, 2, 5)) if kind in _OF_FILES else 1):
        KINDS[kind](image)
    return Damaged(f"{form}:{image.write(folder)}", kind, f"{sample.name} {form} {' + '.join(image.said)}"[:300])


def written(sample: Sample, form: str, folder: Path) -> Path:
    """The sample as it is."""
    return _Image(sample, form, random.Random(0)).write(folder)  # noqa: S311 - nothing is left to chance


class _Image:
    """What is being made: layers as entries until they are bytes, and documents as they will be stored."""

    def __init__(self, sample: Sample, form: str, chance: random.Random) -> None:
        self.sample = sample
        self.form = form
        self.chance = chance
        self.said: list[str] = []
        self.on_tar: Callable[[bytes], bytes] = lambda data: data
        self.on_stream: Callable[[bytes], bytes] = lambda data: data
        self.on_config: Callable[[bytes], bytes] = lambda data: data
        self.on_manifest: Callable[[bytes], bytes] = lambda data: data
        self.on_index: Callable[[bytes], bytes] = lambda data: data
        self.on_archive: Callable[[bytes], bytes] = lambda data: data

    def pick(self, wanted: Callable[[Entry], bool] = lambda _: True) -> tuple[int, int]:
        """The place of an entry; of any, where there is none that is wanted."""
        every = [(at, row) for at, layer in enumerate(self.sample.layers) for row in range(len(layer))]
        fit = [(at, row) for at, row in every if wanted(self.sample.layers[at][row])]
        return self.chance.choice(fit or every or [(-1, -1)])

    def change(self, place: tuple[int, int], *entries: Entry) -> None:
        """Put others where that entry is."""
        layers = [*self.sample.layers]
        if place[0] >= 0:
            layers[place[0]] = (*layers[place[0]][: place[1]], *entries, *layers[place[0]][place[1] + 1 :])
            self.sample = with_layers(self.sample, layers)

    def write(self, folder: Path) -> Path:
        """As its form asks."""
        place = folder / "image"
        if self.form == "dir":
            unpack(self.sample, place)
            return place
        plain = [_tar(layer) for layer in self.sample.layers]
        if plain:
            number = self.chance.randrange(len(plain))
            plain[number] = self.on_tar(plain[number])
        config = self.on_config(json.dumps(whole_config(self.sample, plain)).encode())
        if self.form == "docker-archive":
            stored = [self.on_stream(each) if number == 0 else each for number, each in enumerate(plain)]
            names = [f"{number}/layer.tar" for number in range(len(stored))]
            listing = [{"Config": "c.json", "RepoTags": ["a:b"], "Layers": names}]
            files = {"manifest.json": self.on_manifest(json.dumps(listing).encode()), "c.json": config}
            files |= dict(zip(names, stored, strict=True))
            packed = layer_bytes(tuple(Entry(name, data=data) for name, data in files.items()))
            place.write_bytes(self.on_archive(packed))
            return place
        packed_layers = [_gzip(each) for each in plain]
        if packed_layers:
            packed_layers[-1] = self.on_stream(packed_layers[-1])
        self._layout(place, packed_layers, config)
        return place

    def _layout(self, place: Path, layers: Sequence[bytes], config: bytes) -> None:
        blobs = {digest(each): each for each in (config, *layers)}

        def descriptor(data: bytes, media_type: str) -> dict[str, Any]:
            return {"mediaType": media_type, "digest": digest(data), "size": len(data)}

        document = {
            "schemaVersion": 2, "mediaType": _MANIFEST, "config": descriptor(config, _CONFIG),
            "layers": [descriptor(each, f"{_LAYER}+gzip") for each in layers],
        }  # fmt: skip
        manifest = self.on_manifest(json.dumps(document).encode())
        blobs[digest(manifest)] = manifest
        index = {"schemaVersion": 2, "manifests": [descriptor(manifest, _MANIFEST)]}
        (place / "blobs/sha256").mkdir(parents=True)
        (place / "oci-layout").write_bytes(b'{"imageLayoutVersion": "1.0.0"}')
        (place / "index.json").write_bytes(self.on_index(json.dumps(index).encode()))
        for name, data in blobs.items():
            (place / "blobs" / name.replace(":", "/")).write_bytes(data)


@lru_cache(maxsize=64)
def _tar(layer: tuple[Entry, ...]) -> bytes:
    return layer_bytes(layer)


@lru_cache(maxsize=64)
def _gzip(data: bytes) -> bytes:
    return gzip.compress(data, 1, mtime=0)


def unpack(sample: Sample, root: Path) -> None:
    """As far as this machine's own files can be like that."""
    root.mkdir()
    for entry in (entry for layer in sample.layers for entry in layer):
        name = os.path.normpath(f"/{entry.name}").lstrip("/")
        place = root / name
        try:
            if not name or not place.parent.resolve().is_relative_to(root.resolve()):
                continue
            place.parent.mkdir(parents=True, exist_ok=True)
            if place.is_symlink() or place.is_file():
                place.unlink()  # what is written through a link, or to a file that has another name, is elsewhere too
            if entry.kind == tarfile.REGTYPE:
                place.write_bytes(entry.data)
                place.chmod(entry.mode & 0o7777 | 0o400)
            elif entry.kind == tarfile.SYMTYPE:
                place.symlink_to(entry.target)
            elif entry.kind == tarfile.DIRTYPE:
                place.mkdir(exist_ok=True)
            elif entry.kind == tarfile.FIFOTYPE:
                os.mkfifo(place)
            elif entry.kind == tarfile.LNKTYPE:
                target = root / os.path.normpath(f"/{entry.target}").lstrip("/")
                if target.resolve().is_relative_to(root.resolve()):
                    place.hardlink_to(target)
        except (OSError, ValueError, RuntimeError):  # the last of a link in a circle
            continue


def _bytes_changed(chance: random.Random, data: bytes, *, within: int | None = None) -> bytes:
    """Somewhere a byte, a number, a piece less, twice or of another place."""
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 4, 16))):
        end = min(len(changed), within or len(changed))
        at = chance.randrange(end) if end else 0
        match chance.randrange(7):
            case 0:
                changed[at : at + 1] = bytes([chance.randrange(256)])
            case 1:
                changed[at : at + 1] = bytes([changed[at] ^ 1 << chance.randrange(8)]) if end else b""
            case 2:
                size, order = chance.choice((2, 4, 8)), chance.choice(("little", "big"))
                number = chance.choice(_NUMBERS) & (1 << 8 * size) - 1
                changed[at : at + size] = number.to_bytes(size, order)  # type: ignore[arg-type]
            case 3:
                del changed[at : at + chance.choice((1, 2, 8, 512))]
            case 4:
                changed[at:at] = changed[at : at + chance.choice((1, 8, 512))]
            case 5:
                other = chance.randrange(end) if end else 0
                changed[at : at + 16] = changed[other : other + 16]
            case _:
                changed[at:at] = chance.choice(_TEXTS)
    return bytes(changed)


def _lines_changed(chance: random.Random, data: bytes) -> bytes:
    lines = data.splitlines(keepends=True)
    for _ in range(chance.choice((1, 1, 2, 4))):
        at = chance.randrange(len(lines) + 1)
        other = chance.randrange(len(lines) + 1)
        match chance.randrange(5):
            case 0:
                lines[at : at + 1] = []
            case 1:
                lines[at:at] = lines[other : other + 3]
            case 2:
                lines[at : at + 1] = lines[other : other + 1]
            case 3:
                lines[at:at] = [chance.choice(_TEXTS)]
            case _:
                lines[at : at + 1] = [_bytes_changed(chance, b"".join(lines[at : at + 1]))]
    return b"".join(lines)


def _program(image: _Image) -> None:
    """Headers and tables of an ELF file lie at its start, and those that it loads with at its end."""
    place = image.pick(lambda entry: entry.data.startswith(b"\x7fELF"))
    entry = image.sample.layers[place[0]][place[1]]
    within = image.chance.choice((64, 1024, 8192, None))
    data = _bytes_changed(image.chance, entry.data, within=within)
    if image.chance.random() < 0.2:
        data = entry.data[: image.chance.randrange(len(entry.data) + 1)]
    image.said.append(f"program {entry.name}")
    image.change(place, replace(entry, data=data))


def _text(image: _Image) -> None:
    place = image.pick(lambda entry: bool(entry.data) and not entry.data.startswith(b"\x7fELF"))
    entry = image.sample.layers[place[0]][place[1]]
    change = _bytes_changed if b"\0" in entry.data or image.chance.random() < 0.3 else _lines_changed
    image.said.append(f"content of {entry.name}")
    image.change(place, replace(entry, data=change(image.chance, entry.data)))


def _name(image: _Image) -> None:
    place = image.pick()
    entry = image.sample.layers[place[0]][place[1]]
    made = image.chance.choice(_NAMES)
    folder = entry.name.rpartition("/")[0]
    name = image.chance.choice((made, f"{folder}/{made}", f"{entry.name}{made}", f"{entry.name}/{made}"))
    image.said.append(f"name {entry.name} -> {name[:40]!r}")
    changed = replace(entry, name=name)
    image.change(place, *((entry, changed) if image.chance.random() < 0.5 else (changed,)))


def _kind(image: _Image) -> None:
    """Another type, mode, target or attribute."""
    place = image.pick()
    entry = image.sample.layers[place[0]][place[1]]
    chance = image.chance
    other = image.sample.layers[(elsewhere := image.pick())[0]][elsewhere[1]].name
    match chance.randrange(5):
        case 0:
            kinds = (tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, b"9", b"S")
            made = replace(entry, kind=chance.choice(kinds), target=entry.target or other)
        case 1:
            made = replace(entry, mode=chance.choice((0, 0o111, 0o4755, 0o7777, 0o644, 0o200)))
        case 2:
            target = chance.choice((*_NAMES, other, f"/{other}", f"../{other}", entry.name))
            made = replace(entry, kind=chance.choice((tarfile.SYMTYPE, tarfile.LNKTYPE)), target=target)
        case 3:
            keys = ("path", "linkpath", "size", "mtime", "uid", "SCHILY.xattr.security.capability", "GNU.sparse.map")
            value = chance.choice(("", "0", "1", "-1", "9" * 30, "x", "\x1b", "0,1", "../x", other))
            made = replace(entry, attributes=((chance.choice(keys), value),))
        case _:
            made = replace(entry, kind=tarfile.SYMTYPE, target=chance.choice((f"/{entry.name}", other, ".", "..")))
    image.said.append(f"kind of {entry.name}: {made.kind!r} {made.mode:o} {made.target[:40]!r} {made.attributes!r:.60}")
    image.change(place, made)


def _whiteout(image: _Image) -> None:
    chance = image.chance
    hidden = image.sample.layers[(place := image.pick())[0]][place[1]].name
    for _ in range(chance.randrange(hidden.count("/") + 1)):
        hidden = hidden.rpartition("/")[0]
    folder, _, base = hidden.rpartition("/")
    name = chance.choice((f"{folder}/.wh.{base}", f"{hidden}/.wh..wh..opq", f"{folder}/.wh..wh.{base}"))
    kind = chance.choice((tarfile.REGTYPE, tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE))
    layers = [*image.sample.layers]
    at = chance.randrange(len(layers))
    layers[at] = (*layers[at], Entry(name, kind)) if chance.random() < 0.5 else (Entry(name, kind), *layers[at])
    image.said.append(f"whiteout {name} in {at}")
    image.sample = with_layers(image.sample, layers)


def _gone(image: _Image) -> None:
    place = image.pick()
    entry = image.sample.layers[place[0]][place[1]]
    image.said.append(f"without {entry.name}")
    image.change(place)


def _layers(image: _Image) -> None:
    chance, layers = image.chance, [*image.sample.layers]
    at, other = chance.randrange(len(layers)), chance.randrange(len(layers))
    match chance.randrange(5):
        case 0:
            layers[at], layers[other] = layers[other], layers[at]
        case 1:
            del layers[at]
        case 2:
            layers.insert(other, layers[at])
        case 3:
            layers[at:at] = [()] * chance.choice((1, 40, 600))
        case _:
            layers[at] = tuple(chance.sample(layers[at], len(layers[at])))
    image.said.append(f"layers {at} {other}, {len(layers)} of them")
    image.sample = with_layers(image.sample, layers)


def _header(image: _Image) -> None:
    """A block of a layer's tar, with a sum that is right as often as not; digests are made after it."""
    chance = image.chance

    def change(data: bytes) -> bytes:
        blocks = [at for at in range(0, len(data), 512) if data[at + 257 : at + 262] == b"ustar"]
        at = chance.choice(blocks) if blocks else 0
        header = bytearray(data[at : at + 512])
        for _ in range(chance.choice((1, 1, 3))):
            field = chance.choice(((0, 100), (100, 8), (108, 8), (124, 12), (156, 1), (157, 100), (257, 8), (345, 155)))
            start = field[0] + chance.randrange(field[1])
            piece = chance.choice((b"\xff", b"\x80", b"7", b"\0", b" ", b"x", b"L", b"\x1b", b"9" * 12))
            header[start : start + len(piece)] = piece
        header = bytearray(header[:512].ljust(512, b"\0"))
        if chance.random() < 0.7:
            header[148:156] = b" " * 8
            header[148:156] = b"%06o\0 " % sum(header)
        return data[:at] + bytes(header) + data[at + 512 :]

    image.said.append("a header of a layer")
    image.on_tar = change


def _stream(image: _Image) -> None:
    chance = image.chance
    image.said.append("the stream of a layer")
    cut = chance.random() < 0.3
    image.on_stream = lambda data: data[: chance.randrange(len(data))] if cut else _bytes_changed(chance, data)


def _document(which: str) -> Callable[[_Image], None]:
    def change(image: _Image) -> None:
        seed = image.chance.randrange(1 << 30)

        def changed(data: bytes) -> bytes:
            made = damaged(data, 1 << 16, seed) if seed % 4 else _bytes_changed(random.Random(seed), data)  # noqa: S311
            return data if made is None else made

        image.said.append(which)
        setattr(image, f"on_{which}", changed)

    return change


def _archive(image: _Image) -> None:
    chance = image.chance
    image.said.append("the archive")
    image.on_archive = lambda data: _bytes_changed(chance, data, within=chance.choice((1024, 4096, None)))
    if image.form == "oci-dir":
        image.on_index = image.on_archive


KINDS: dict[str, Callable[[_Image], None]] = {
    "program": _program, "content": _text, "name": _name, "kind of a file": _kind, "whiteout": _whiteout,
    "file gone": _gone, "layers": _layers, "tar header": _header, "stream": _stream, "config": _document("config"),
    "manifest": _document("manifest"), "index": _document("index"), "archive": _archive,
}  # fmt: skip
_OF_FILES = frozenset(("program", "content", "name", "kind of a file", "file gone"))
