"""Saved reports, and whole images."""

import json
import zlib
from collections.abc import Iterator
from functools import cache

from auditor.auditing import audit, judge
from auditor.auditing.draft import draft_waivers, today
from auditor.auditing.index import judge_index
from auditor.auditing.saved import of_index, read_report
from auditor.auditing.terms import Terms
from auditor.image.model import Config, Image, Layer, Platform
from auditor.image.reference import parse
from auditor.report.diff.compare import compare
from auditor.report.model import Report
from auditor.report.register import Kind, Style, formats, write
from auditor.report.release.compare import compare_releases
from auditor.rules import Options
from auditor.severity import FailOn
from auditor.spec import Spec, load_spec
from benchmarks.fuzz.model import Reader
from benchmarks.fuzz.reader.packages import DPKG
from benchmarks.fuzz.world import joined, parts, tree, written
from benchmarks.hostile.elf import Shape, elf


@cache
def _spec() -> Spec:
    return load_spec("felix")


def _image(program: bytes, script: bytes, status: bytes, library: bytes) -> Image:
    """A small image of these files."""
    files = {
        "/usr/sbin/ipset": program, "/usr/bin/entry": script, "/var/lib/dpkg/status": status,
        "/lib/x86_64-linux-gnu/libipset.so.13": library, "/bin/sh": b"\x7fELF",
        "/etc/os-release": b'ID=debian\nVERSION_ID="12"\n',
    }  # fmt: skip
    config = Config(Platform("linux", "amd64"), ("PATH=/usr/sbin:/usr/bin:/bin",), ("entry",))
    layers = (Layer(0, f"sha256:{'0' * 64}", f"sha256:{'1' * 64}", "", 1, "COPY . /"),)
    return Image("image", "oci-dir", f"sha256:{'2' * 64}", None, config, layers, tree(files))


def _whole(data: bytes) -> None:
    """An image, audited and told in every way in turn."""
    report = audit(_image(*parts(data, 4)), _spec(), Options())
    _told(report, data)


def _told(report: Report, data: bytes) -> None:
    chosen = zlib.crc32(data)
    names = (*formats(Kind.REPORT), *formats(Kind.BILL))
    write(report, names[chosen % len(names)], Style(verbose=bool(chosen & 1), colour=bool(chosen & 2)))


def _whole_images() -> Iterator[bytes]:
    yield joined(
        elf(Shape(needs=("libipset.so.13", "libm.so.6"), program=True, symbols=2, relocations=1)),
        b'#!/bin/sh\nset -e\nipset list\nexec /usr/sbin/ipset "$@"\n',
        DPKG,
        elf(Shape(soname="libipset.so.13", symbols=2)),
    )


@cache
def sound() -> Report:
    """Of a small image."""
    (seed,) = _whole_images()
    return audit(_image(*parts(seed, 4)), _spec(), Options())


def _report(data: bytes) -> None:
    """A saved report, judged anew and told; the next waivers are drafted from it."""
    saved = read_report(parse(f"report:{written('report.json', data)}"))
    if isinstance(saved, Report):
        report = judge(saved.image, saved.inventory, _spec(), Options())
        _told(report, data)
        draft_waivers([report], FailOn.WARNING, today())
    else:
        judge_index(saved, Terms(_spec()))


def _diff(data: bytes) -> None:
    """The same, compared with a sound one in both directions."""
    saved = read_report(parse(f"report:{written('report.json', data)}"))
    chosen = zlib.crc32(data)
    if not isinstance(saved, Report):
        compare_releases(of_index(sound()), saved, "any")
        return
    names = formats(Kind.DIFF)
    for old, new in ((sound(), saved), (saved, sound()), (saved, saved)):
        found = compare(old, new, "any")
        write(found, names[chosen % len(names)], Style(verbose=bool(chosen & 1)))


def _reports() -> Iterator[bytes]:
    yield json.dumps(json.loads(write(sound(), "json"))).encode()
    yield json.dumps(json.loads(write(of_index(sound()), "json"))).encode()


READERS = {
    "report": Reader(_report, _reports, json=True, longest=1 << 16),
    "diff": Reader(_diff, _reports, json=True, longest=1 << 16),
    "image": Reader(_whole, _whole_images, longest=8192),
}
