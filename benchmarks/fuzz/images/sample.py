"""Small sound images: a few programs of real ones with all that they load, their databases, and a start."""

import hashlib
import io
import sqlite3
import stat
import tarfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from auditor.auditing.load import load
from auditor.elf.linker import Linker
from auditor.filetree import FileTree
from fixtures.alpine.build import build_alpine
from fixtures.build import build_image
from fixtures.redhat.build import build_redhat

_PROGRAMS = ("/usr/sbin/ipset", "/sbin/ipset", "/usr/sbin/iptables", "/sbin/iptables", "/bin/sh")
_FILES = (
    "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d/libc.conf", "/etc/os-release", "/lib/apk/db/installed",
    "/etc/ld-musl-x86_64.path", "/usr/lib/x86_64-linux-gnu/xtables/libxt_set.so", "/usr/lib64/xtables/libxt_set.so",
    "/usr/lib/x86_64-linux-gnu/xtables/libxt_comment.so", "/usr/lib64/xtables/libxt_comment.so",
)  # fmt: skip
_PACKAGES = ("ipset", "libipset13", "libmnl0", "libc6", "dash", "iptables", "libxtables12")
_STATUS, _INFO, _RPM = "var/lib/dpkg/status", "var/lib/dpkg/info", "var/lib/rpm/rpmdb.sqlite"
_SCRIPT = """#!/bin/sh -e
export TABLE=filter
[ -n "$1" ] || set -- list
case "$1" in list) ipset list;; *) . /etc/start.rc;; esac
exec iptables -t "$TABLE" -L
"""
_IPSET = """
[[requirement]]
id = "whole.ipset"
kind = "tool"
tool = "ipset"
programs = ["ipset"]
minimum = "6.0"
"""
_SPEC = """schema_version = "1"
name = "whole"
version = "1"
title = "What the samples have"
extends = "base"
[[requirement]]
id = "whole.iptables"
kind = "tool"
tool = "iptables"
programs = ["iptables"]
minimum = "1.6"
[[requirement]]
id = "whole.start"
kind = "file"
path = "/usr/bin/start"
mode = "0755"
"""


@dataclass(frozen=True)
class Entry:
    """One member of a layer. `kind` is a type of tar's; `target` is what a link says."""

    name: str
    kind: bytes = tarfile.REGTYPE
    data: bytes = b""
    target: str = ""
    mode: int = 0o644
    attributes: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Sample:
    """An image: its layers from the lowest up, and the config without what is said of them."""

    name: str
    layers: tuple[tuple[Entry, ...], ...]
    config: dict[str, Any] = field(default_factory=dict)

    @property
    def spec(self) -> str:
        """What it meets."""
        return _SPEC + (
            _IPSET if any(entry.name.endswith("/ipset") for layer in self.layers for entry in layer) else ""
        )


def samples() -> Iterator[Sample]:
    """Debian's shape, Red Hat's and Alpine's."""
    yield _sample("dpkg", build_image("bookworm", "amd64").tree)
    yield _sample("rpm", build_redhat().tree)
    yield _sample("musl", build_alpine().tree)


def _sample(name: str, root: Path) -> Sample:
    with load(f"dir:{root}") as image:
        entries = {entry.name: entry for entry in _entries(image.tree, root)}
    tools = [each for each in entries.values() if "ipset" in each.name or "xtables" in each.name]
    base = [each for each in entries.values() if each not in tools]
    base += _databases(root)
    base.append(Entry("etc/start.rc", data=b"TABLE=nat\n"))
    base.append(Entry("etc/gone.conf", data=b"gone\n"))
    top = (
        Entry("usr/bin/start", data=_SCRIPT.encode(), mode=0o755),
        Entry("usr/bin/again", tarfile.LNKTYPE, target="usr/bin/start"),
        Entry("etc/.wh.gone.conf"),
        Entry("opt", tarfile.DIRTYPE, mode=0o755),
        Entry("opt/.wh..wh..opq"),
        Entry("opt/data", data=b"\0\1", attributes=(("SCHILY.xattr.user.a", "b"),)),
    )
    config = {"Env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"], "Entrypoint": ["start"], "Cmd": ["list"], "User": ""}
    return Sample(name, (tuple(base), tuple(tools), top), {"architecture": "amd64", "os": "linux", "config": config})


def _entries(tree: FileTree, root: Path) -> Iterator[Entry]:
    linker = Linker(tree)
    paths = [*_FILES]
    for program in _PROGRAMS:
        if tree.find(program).node is not None:
            paths += [program, *(each.path for each in linker.closure(program).objects)]
    for path in dict.fromkeys(paths):
        found = tree.find(path)
        for place in (*found.links, found.path) if found.node else ():
            status = (root / place.lstrip("/")).lstat()
            if stat.S_ISLNK(status.st_mode):
                target = str((root / place.lstrip("/")).readlink())
                yield Entry(place.lstrip("/"), tarfile.SYMTYPE, target=target, mode=0o777)
            elif stat.S_ISREG(status.st_mode):
                mode = stat.S_IMODE(status.st_mode)
                yield Entry(place.lstrip("/"), data=(root / place.lstrip("/")).read_bytes(), mode=mode)


def _databases(root: Path) -> Iterator[Entry]:
    """Cut to a few packages, so that each is read often."""
    if (root / _STATUS).exists():
        records = (root / _STATUS).read_bytes().split(b"\n\n")
        kept = [each for each in records if each.split(b"\n")[0].removeprefix(b"Package: ").decode() in _PACKAGES]
        yield Entry(_STATUS, data=b"\n\n".join(kept) + b"\n")
        for package in _PACKAGES:
            for file in sorted((root / _INFO).glob(f"{package}[.:]*")):
                if file.suffix in (".list", ".md5sums"):
                    yield Entry(f"{_INFO}/{file.name}", data=file.read_bytes()[:20_000])
    if (root / _RPM).exists():
        with TemporaryDirectory() as folder:
            copy = Path(folder) / "rpmdb.sqlite"
            copy.write_bytes((root / _RPM).read_bytes())
            with closing(sqlite3.connect(copy, isolation_level=None)) as connection:
                for (table,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall():
                    if table not in ("Packages", "sqlite_sequence"):
                        connection.execute(f'DROP TABLE "{table}"')
                connection.execute("DELETE FROM Packages WHERE length(blob) > 6000 OR hnum % 3")
                connection.execute("VACUUM")
            yield Entry(_RPM, data=copy.read_bytes())


def layer_bytes(entries: tuple[Entry, ...]) -> bytes:
    """The layer as a tar."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT, errors="surrogateescape") as archive:
        for entry in entries:
            info = tarfile.TarInfo(entry.name)
            info.type, info.linkname, info.mode = entry.kind, entry.target, entry.mode
            info.size = len(entry.data) if entry.kind == tarfile.REGTYPE else 0
            info.pax_headers = dict(entry.attributes)
            archive.addfile(info, io.BytesIO(entry.data))
    return buffer.getvalue()


def digest(data: bytes) -> str:
    """As manifests name it."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def whole_config(sample: Sample, layers: list[bytes]) -> dict[str, Any]:
    """The config, with what it says of these uncompressed layers."""
    said = {
        "rootfs": {"type": "layers", "diff_ids": [digest(each) for each in layers]},
        "history": [{"created_by": f"RUN step {number}"} for number in range(len(layers))],
    }
    return {**sample.config, **said}


def with_layers(sample: Sample, layers: list[tuple[Entry, ...]]) -> Sample:
    """The same with others."""
    return replace(sample, layers=tuple(layers))
