"""`/etc/ld.so.cache` in all its forms says what `ldconfig -p` lists."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Literal

import pytest

from auditor.elf.search.ld_so_cache import CacheEntry, read_cache
from fixtures.build import build_image
from fixtures.workspace import Unavailable
from tests.elf.caches import Row, compat_cache, new_cache, old_cache

ROWS = (
    Row("b.so.10", "/lib/hw/b.so.10", hwcap="x86-64-v3"),
    Row("b.so.10", "/lib/b.so.10"),
    Row("b.so.9", "/lib/tls/b.so.9", hwcap=1 << 63),
    Row("a.so", "/lib/a.so", flags=3, os_version=0x050A00),
)
BOTH: tuple[tuple[Literal["little", "big"], str], ...] = (("little", "<"), ("big", ">"))


@pytest.mark.parametrize(("order", "sign"), BOTH)
def test_the_new_form(order: Literal["little", "big"], sign: str) -> None:
    cache = read_cache(new_cache(ROWS, order=sign), order)
    assert cache is not None
    assert cache.entries == (
        CacheEntry("b.so.10", "/lib/hw/b.so.10", 0x0303, "x86-64-v3", 0),
        CacheEntry("b.so.10", "/lib/b.so.10", 0x0303, "", 0),
        CacheEntry("b.so.9", "/lib/tls/b.so.9", 0x0303, None, 1 << 63),
        CacheEntry("a.so", "/lib/a.so", 3, "", 0),
    )
    assert [entry.path for entry in cache.lookup("b.so.10")] == ["/lib/hw/b.so.10", "/lib/b.so.10"]
    assert cache.lookup("c.so") == ()


@pytest.mark.parametrize(("order", "sign"), BOTH)
def test_the_old_form_knows_no_capabilities(order: Literal["little", "big"], sign: str) -> None:
    cache = read_cache(old_cache(ROWS, order=sign), order)
    assert cache is not None
    assert [(entry.name, entry.path, entry.hwcaps) for entry in cache.entries] == [(r.name, r.path, "") for r in ROWS]


@pytest.mark.parametrize(("order", "sign"), BOTH)
def test_behind_the_old_form_named_capabilities_are_not_found(order: Literal["little", "big"], sign: str) -> None:
    cache = read_cache(compat_cache(ROWS, order=sign), order)
    assert cache is not None
    assert [entry.path for entry in cache.entries] == [row.path for row in ROWS]
    assert cache.entries[0].hwcaps not in ("x86-64-v3", "")


@pytest.mark.parametrize("data", [b"", b"ld.so-1.7.0\0", new_cache(ROWS, order=">"), new_cache(ROWS, flags=1)])
def test_what_the_loader_would_not_use_is_none(data: bytes) -> None:
    assert read_cache(data, "little") is None


def listed(cache: Path) -> list[tuple[str, str]]:
    ldconfig = shutil.which("ldconfig") or "/sbin/ldconfig"
    output = subprocess.run([ldconfig, "-C", str(cache), "-p"], capture_output=True, text=True, check=True).stdout
    return [(match[1], match[2]) for match in re.finditer(r"^\t(\S+) \(.*\) => (\S+)$", output, re.MULTILINE)]


def test_this_machines_cache() -> None:
    path = Path("/etc/ld.so.cache")
    if not path.exists():
        pytest.skip("this machine has no /etc/ld.so.cache")
    cache = read_cache(path.read_bytes(), "little")
    assert cache is not None
    assert [(entry.name, entry.path) for entry in cache.entries] == listed(path)
    # Each is found by the binary search.
    assert all(entry in cache.lookup(entry.name) for entry in cache.entries)


@pytest.mark.full
@pytest.mark.parametrize(
    ("suite", "arch", "order"),
    [
        (suite, arch, "big" if arch == "s390x" else "little")
        for suite in ("bullseye", "bookworm", "trixie")
        for arch in ("amd64", "arm64", "ppc64el", "s390x")
    ],
)
def test_an_images_cache(suite: str, arch: str, order: Literal["little", "big"]) -> None:
    try:
        path = build_image(suite, arch).tree / "etc/ld.so.cache"
    except Unavailable as error:
        pytest.skip(str(error))
    cache = read_cache(path.read_bytes(), order)
    assert cache is not None and len(cache.entries) > 30
    assert all(entry in cache.lookup(entry.name) for entry in cache.entries)
    if arch == "amd64":
        assert [(entry.name, entry.path) for entry in cache.entries] == listed(path)
