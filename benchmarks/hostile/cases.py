"""Every known breaker: an image (or another input) that is made in a folder, and how it is audited."""

import gzip
import io
import itertools
import os
import sqlite3
import struct
import tarfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path

from benchmarks.hostile import tables
from benchmarks.hostile.elf import Shape, elf
from benchmarks.hostile.images import deep, hard_links, header, layout, long_names, many, sparse, through_links, zeros

_MOST = 3 << 30  # bytes of a layer that are made: an audit stops before
Files = Iterable[tuple[str, bytes]]
Make = Callable[[Path], list[str]]

LOADER = "/lib64/ld-linux-x86-64.so.2"
LIBC = "/lib/x86_64-linux-gnu/libc.so.6"


def members(files: Files) -> Iterator[bytes]:
    """Programs by path."""
    for path, data in files:
        member = tarfile.TarInfo(path.lstrip("/"))
        member.mode, member.size = 0o755, len(data)
        yield member.tobuf(tarfile.PAX_FORMAT) + data + bytes(-len(data) % 512)


def image(entries: Callable[[], Iterator[bytes]]) -> Make:
    """`audit-image check` of an image with these entries."""

    def make(folder: Path) -> list[str]:
        return ["check", f"oci-dir:{layout(folder, entries(), _MOST)}"]

    return make


def of_files(files: Callable[[], Files]) -> Make:
    """The same by files."""
    return image(lambda: members(files()))


def own_loader() -> Files:
    """This machine's own loader, and its C library."""
    for path in (LOADER, LIBC):
        yield path, Path(path).read_bytes()


def with_loader(program: Shape, *libraries: Shape) -> Make:
    """A tool of Calico's, this machine's own loader, and libraries."""

    def files() -> Iterator[tuple[str, bytes]]:
        yield from own_loader()
        yield "/usr/sbin/ipset", elf(program)
        for library in libraries:
            yield f"/lib/x86_64-linux-gnu/{library.soname}", elf(library)

    return of_files(files)


def mesh(count: int) -> Make:
    """Libraries that all need each other."""
    names = tuple(f"lib{number}.so" for number in range(count))
    libraries = (Shape(needs=names, soname=name, symbols=1) for name in names)
    return with_loader(Shape(needs=names, program=True), *libraries)


def strangers(count: int) -> Make:
    """Libraries that need nothing and ask for symbols that nobody has."""
    names = tuple(f"lib{number}.so" for number in range(count))
    libraries = (Shape(soname=name, symbols=20, relocations=20) for name in names)
    return with_loader(Shape(needs=names, program=True, symbols=20, relocations=20), *libraries)


def many_meshes(count: int) -> Make:
    """As many programs as libraries, each of which needs all."""
    names = tuple(f"lib{number}.so" for number in range(count))

    def files() -> Iterator[tuple[str, bytes]]:
        yield LOADER, Path(LOADER).read_bytes()
        for name in names:
            yield f"/lib/x86_64-linux-gnu/{name}", elf(Shape(needs=names, soname=name, symbols=1))
            yield f"/usr/bin/{name}", elf(Shape(needs=names, program=True, symbols=1, relocations=1))

    return of_files(files)


def program(data: Callable[[], bytes], count: int = 1) -> Make:
    """A tool of Calico's, or as many programs as are said, beside this machine's own loader."""

    def files() -> Files:
        yield from own_loader()
        made = data()
        yield "/usr/sbin/ipset", made
        for number in range(1, count):
            yield f"/usr/bin/p{number}", made

    return of_files(files)


def odd_loader() -> Files:
    """A program whose loader it is."""
    yield LOADER, tables.loader_of_segments()
    yield "/usr/sbin/ipset", elf(Shape(program=True))


def plugins(count: int) -> Make:
    """iptables with as many plug-ins."""

    def files() -> Files:
        yield from own_loader()
        yield f"/lib/x86_64-linux-gnu/{tables.LIBXTABLES}", tables.libxtables("/usr/lib/xtables")
        yield "/usr/sbin/iptables", tables.iptables()
        yield from tables.plugins("/usr/lib/xtables", count)

    return of_files(files)


def missed(count: int, files: int) -> Make:
    """A program that lacks as many libraries, among many files."""
    names = tuple(f"libm{number}.so" for number in range(count))

    def made() -> Files:
        yield from own_loader()
        yield "/usr/sbin/ipset", elf(Shape(needs=names, program=True))
        for number in range(files):
            yield f"/x/f{number}", b""

    return of_files(made)


def dpkg(count: int, name: str) -> Make:
    """dpkg's status."""
    text = "".join(
        f"Package: {name.format(number)}\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\n\n"
        for number in range(count)
    )
    return of_files(lambda: [("/var/lib/dpkg/status", text.encode())])


def rpm(count: int, name: str) -> Make:
    """RPM's sqlite database."""

    def blob(number: int) -> bytes:
        values = b"".join(b"%s\0" % each for each in (name.format(number).encode(), b"1", b"1"))
        offsets = (0, len(name.format(number)) + 1, len(name.format(number)) + 3)
        index = b"".join(struct.pack(">4I", tag, 6, at, 1) for tag, at in zip((1000, 1001, 1002), offsets, strict=True))
        return struct.pack(">2I", 3, len(values)) + index + values

    def make(folder: Path) -> list[str]:
        path = folder / "rpmdb.sqlite"
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("CREATE TABLE Packages (hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL)")
            rows = ((blob(number),) for number in range(count))
            connection.executemany("INSERT INTO Packages (blob) VALUES (?)", rows)
            connection.commit()
        data = path.read_bytes()
        path.unlink()
        return of_files(lambda: [("/var/lib/rpm/rpmdb.sqlite", data)])(folder)

    return make


def sparse_database() -> Iterator[bytes]:
    """A database that is nearly all zeros."""
    yield header("var/lib/rpm/rpmdb.sqlite", size=1 << 30)
    yield b"SQLite format 3\0".ljust(4096, b"\0")
    yield from itertools.repeat(bytes(1 << 20), 1024)


def script(text: bytes, *names: str) -> Make:
    """Tools that are this script, and this machine's shell."""

    def files() -> Files:
        for path in (LOADER, LIBC, "/bin/sh"):
            yield path, Path(path).read_bytes()
        for name in names or ("ipset",):
            yield f"/usr/sbin/{name}", b"#!/bin/sh\n" + text

    return of_files(files)


def file_of(name: str, text: bytes, *arguments: str) -> Make:
    """A file that a user names."""

    def make(folder: Path) -> list[str]:
        (folder / name).write_bytes(text)
        empty = layout(folder / "image", iter([header("f")]), 1 << 20)
        return [part.format(file=folder / name, image=f"oci-dir:{empty}") for part in arguments]

    return make


def pipe(*arguments: str) -> Make:
    """A named pipe that nobody writes to."""

    def make(folder: Path) -> list[str]:
        os.mkfifo(folder / "pipe")
        empty = layout(folder / "image", iter([header("f")]), 1 << 20)
        return [part.format(file=folder / "pipe", image=f"oci-dir:{empty}") for part in arguments]

    return make


def bomb(folder: Path) -> list[str]:
    """40 GB out of 42 MB: the same compressed piece again and again, as an archive that docker would load."""
    piece = gzip.compress(bytes(64 << 20), 9)
    start = io.BytesIO()
    member = tarfile.TarInfo("layer.tar")
    member.size = 40 << 30
    start.write(gzip.compress(member.tobuf(tarfile.GNU_FORMAT)))
    path = folder / "image.tar.gz"
    with path.open("wb") as file:
        file.write(start.getvalue())
        for _ in range(640):
            file.write(piece)
    return ["check", f"docker-archive:{path}"]


_LINE = b'a=b; export a; [ -n "$a" ] && echo ${a:-$b} | cat\n'
_NAMES = (
    *(f"{name}{kind}{end}" for name in ("iptables", "ip6tables") for kind in ("", "-nft", "-legacy")
      for end in ("", "-save", "-restore")),
    "ipset", "conntrack", "ip", "tc", "ping", "ping6", "arping", "tracepath", "bridge", "ss", "nft", "modprobe",
)  # fmt: skip
CASES: dict[str, Make] = {
    "5 million symbols": with_loader(
        Shape(needs=("libm.so",), program=True, symbols=1, relocations=1), Shape(soname="libm.so", symbols=5_000_000)
    ),
    "5 million relocations": with_loader(Shape(program=True, relocations=5_000_000)),
    "a million symbols that are looked up": with_loader(Shape(program=True, symbols=1_000_000, relocations=1_000_000)),
    "250,000 symbols that are looked up": with_loader(Shape(program=True, symbols=250_000, relocations=250_000)),
    "16 libraries that look up 200,000 symbols each": with_loader(
        Shape(needs=tuple(f"lib{number}.so" for number in range(16)), program=True),
        *(Shape(soname=f"lib{number}.so", symbols=200_000, relocations=200_000) for number in range(16)),
    ),
    "60,000 PT_NOTE": with_loader(Shape(program=True, headers=(4, 60_000))),
    "1,100 PT_NOTE": with_loader(Shape(program=True, headers=(4, 1_100))),
    "60,000 PT_LOAD": with_loader(Shape(program=True, headers=(1, 60_000))),
    "1,100 PT_LOAD": with_loader(Shape(program=True, symbols=99_999, relocations=99_999, headers=(1, 1_100))),
    "300 libraries that need each other": mesh(300),
    "320 libraries whose symbols nobody has": strangers(320),
    "300 programs and libraries that need each other": many_meshes(300),
    "65,000 headers of Go's build information": program(lambda: tables.go_headers(1 << 16, 100_000)),
    "32,000 versions in a string of 64 MiB": program(lambda: tables.endless_versions(32_000, 64 << 20)),
    "250,000 names in a string of 100 MiB": program(lambda: tables.endless_names(250_000, 100 << 20)),
    "8 programs with 200,000 long names each": program(lambda: tables.long_names(200_000), 8),
    "12,800 symbols that lie a page apart": program(lambda: tables.spread_symbols(200 << 20)),
    "a loader of 1,100 segments": of_files(odd_loader),
    "50 programs of 1,100 times the same notes": program(tables.overlapping_notes, 50),
    "a text of 2 MB without an end": program(lambda: tables.text_without_end(2_000_000)),
    "240,000 versions in one program": program(lambda: tables.many_versions(240_000)),
    "3,000 plug-ins with 260,000 relocations each": plugins(3_000),
    "2,000 libraries that are missed among 60,000 files": missed(2_000, 60_000),
    "2,000 paths of depth 1,990": image(deep),
    "100,000 names of 3,700 letters": image(lambda: long_names(100_000)),
    "names that go through a link of 2,000 parts": image(through_links),
    "a million files": image(many(0x30, count=1_000_000)),
    "a million directories": image(many(0x35, count=1_000_000)),
    "600,000 hard links": image(hard_links),
    "a million whiteouts": image(many(0x30, ".wh.", 1_000_000)),
    "40 GiB of zeros in a layer": image(zeros),
    "40 GiB out of 42 MB": bomb,
    "a sparse program of 8 GiB": image(sparse),
    "a sparse database of a gigabyte": image(sparse_database),
    "370,000 packages of dpkg": dpkg(370_000, "p{}"),
    "one package 300,000 times": dpkg(300_000, "p"),
    "45,000 packages of dpkg": dpkg(45_000, "p{}"),
    "a million packages of RPM": rpm(1_000_000, "p{}"),
    "one package of RPM 300,000 times": rpm(300_000, "p"),
    "45,000 packages of RPM": rpm(45_000, "p{}"),
    "nested $(( in a script": script(b"$((" * 200_000),
    "nested $( in a script": script(b"$(" * 200_000),
    "nested if in a script": script(b"if true; then\n" * 50_000),
    "24 scripts of 250 kB": script(_LINE * 4_900, *_NAMES),
    "a script of 8 MB": script(b'a=b; export a; [ -n "$a" ] && echo ${a:-$b} | cat\n' * 160_000),
    "a report of 250 MB of [],": file_of("r.json", b"[" + b"[]," * 83_000_000 + b"[]]", "check", "report:{file}"),
    "dotted keys in a spec": file_of("s.toml", b"a." * 200_000 + b"b = 1\n", "check", "{image}", "--spec", "{file}"),
    "many dotted keys in a spec": file_of(
        "s.toml", b"".join(b"a.b.c%d.d = 1\n" % n for n in range(50_000)), "check", "{image}", "--spec", "{file}"
    ),
    "a pipe as an archive": pipe("check", "docker-archive:{file}"),
    "a pipe as a spec": pipe("check", "{image}", "--spec", "{file}"),
    "a pipe as a report": pipe("check", "report:{file}"),
}
