"""Where Go's build information is found and how its texts are stored, in memory made by hand; real programs are read in
`test_go_build.py`.
"""

from collections.abc import Callable
from typing import Literal

import pytest
from msgspec.structs import replace

from auditor.elf.read import go_build
from auditor.elf.read.go_build import GoBuild, read_go_build
from auditor.elf.read.memory import Segment
from fixtures.contents import Bytes
from tests.tools.elves import Elf, parsed

ELF = replace(parsed(Elf().content()), last_tags={}, tags=())
MAGIC = b"\xff Go buildinf:"
BASE = 0x10000
FRAME = b"x" * 16  # around the list of modules
Order = Literal["little", "big"]


def read(data: bytes, *, flags: int = 6, base: int = BASE) -> GoBuild | None:
    segment = Segment(0, base, len(data), len(data), flags)
    return read_go_build(Bytes(data), replace(ELF, segments=(segment,)))


def varint(number: int) -> bytes:
    found = b""
    while number >= 0x80:
        found += bytes([number & 0x7F | 0x80])
        number >>= 7
    return found + bytes([number])


def inline(release: bytes, modules: bytes = b"") -> bytes:
    """Since Go 1.18: both texts behind the header."""
    texts = b"".join(varint(len(text)) + text for text in (release, modules))
    return (MAGIC + bytes((8, 2))).ljust(32, b"\0") + texts


def pointed(word: int, order: Order, release: bytes, modules: bytes = b"") -> bytes:
    """Before it: pointers to Go's strings, each a pointer and a length."""
    size = word.to_bytes(1, "little") + (b"\1" if order == "big" else b"\0")
    strings, texts = BASE + 32, BASE + 32 + 4 * word
    numbers = [strings, strings + 2 * word]
    head = MAGIC + size + b"".join(number.to_bytes(word, order) for number in numbers)
    rows = [texts, len(release), texts + len(release), len(modules)]
    return head.ljust(32, b"\0") + b"".join(row.to_bytes(word, order) for row in rows) + release + modules


MODULES = FRAME + b"path\tmain\nmod\texample.org/x\tv1.0.0\n" + FRAME


@pytest.mark.parametrize("order", ["little", "big"])
@pytest.mark.parametrize("word", [4, 8])
def test_texts_behind_pointers(word: int, order: Order) -> None:
    build = read(pointed(word, order, b"go1.17.2", MODULES))
    assert build is not None
    assert (build.release, build.number, build.package) == ("go1.17.2", (1, 17), "main")
    assert build.module is not None
    assert (build.module.path, build.module.version) == ("example.org/x", "v1.0.0")
    assert read(pointed(word, order, b"")) is None


@pytest.mark.parametrize("length", [0, 1, 121, 122, 300, 20_000])
def test_texts_behind_the_header(length: int) -> None:
    release = b"go1.22" + b" " * length
    build = read(inline(release, MODULES))
    assert build is not None
    assert (build.release, build.package) == (release.decode(), "main")


@pytest.mark.parametrize("make", [inline, lambda text: pointed(8, "little", text)])
@pytest.mark.parametrize(("limit", "read_"), [(6, True), (5, False)])
def test_how_long_a_text_may_be(
    make: Callable[[bytes], bytes], limit: int, read_: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(go_build, "_TEXT_LIMIT", limit)
    assert (read(make(b"go1.22")) is not None) is read_


@pytest.mark.parametrize(
    ("before", "found"),
    [
        (0, True),
        (16, True),
        (8, False),  # headers begin at multiples of 16
        (go_build._CHUNK - 32, True),
        (go_build._CHUNK - 16, True),  # across the end of what is read at once
        (go_build._CHUNK, True),
        (3 * go_build._CHUNK + 16, True),
    ],
)
def test_where_a_header_is(before: int, found: bool) -> None:
    assert (read(bytes(before) + inline(b"go1.22")) is not None) is found


def test_what_only_looks_like_a_header() -> None:
    lookalike = MAGIC.ljust(24, b"\0") + MAGIC.ljust(24, b"\0")
    build = read(lookalike + inline(b"go1.22"))
    assert build is not None
    assert build.release == "go1.22"
    assert read(MAGIC.ljust(31, b"\2"), base=0x20000 - 31) is None
    assert read(inline(b"go1.22"), flags=4) is None  # what is never written to holds none
    assert read(b"") is None


@pytest.mark.parametrize(
    ("release", "number"),
    [("go1.22.1", (1, 22)), ("go1.9", (1, 9)), ("devel +1234abc", None), ("devel go1.23-abc", (1, 23))],
)
def test_the_number_of_a_release(release: str, number: tuple[int, int] | None) -> None:
    assert GoBuild(release).number == number
