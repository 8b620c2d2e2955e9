"""nginx as Debian's packages make it, in ways that a test breaks."""

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import pytest

from auditor.auditing import audit
from auditor.auditing.load import load
from auditor.report.model import Report
from auditor.rules import Options
from auditor.spec import load_spec
from fixtures.entries import Draft, file
from fixtures.image import BuiltImage
from fixtures.products import NGINX, Product, changed, product
from fixtures.workspace import Unavailable
from tests.images import layout

PACKAGES = ("nginx", "libnginx-mod-http-geoip", "libnginx-mod-stream")
SUITES = ("bookworm", "trixie")
LIBRARIES = "usr/lib/x86_64-linux-gnu"


def nginx(suite: str = "bookworm") -> Product:
    """The image; the test is skipped, with the reason, where this machine can't build it."""
    try:
        return product("nginx", suite, PACKAGES, NGINX)
    except Unavailable as error:
        pytest.skip(str(error))


def alterable(image: BuiltImage) -> Product:
    """Any other fixture, as one that a test breaks."""
    return Product(**{one.name: getattr(image, one.name) for one in fields(image)})


@dataclass(frozen=True)
class Broken:
    """One thing that is changed in an image, and the rows that are not met for it."""

    name: str
    rows: frozenset[str]
    change: Callable[[Draft], None] = lambda _draft: None
    settings: Mapping[str, Any] = field(default_factory=dict)

    def of(self, image: Product, folder: Path) -> Product:
        """The image with that change."""
        return changed(image, folder, self.change, self.settings)


def broken(name: str, rows: str, change: Callable[[Draft], None] | None = None, **settings: Any) -> Broken:
    """One case; `rows` by blanks."""
    return Broken(name, frozenset(rows.split()), change or (lambda _draft: None), settings)


def delete(*paths: str) -> Callable[[Draft], None]:
    """A layer that deletes."""
    return lambda draft: draft.delete(*paths)


def write(path: str, content: str | bytes, mode: int = 0o644) -> Callable[[Draft], None]:
    """A layer that writes a file."""
    return lambda draft: _write(draft, path, content, mode)


def _write(draft: Draft, path: str, content: str | bytes, mode: int) -> None:
    draft.put(path, file(content, mode))


def attributes(path: str, **fields: Any) -> Callable[[Draft], None]:
    """A layer that changes mode or owner."""
    return lambda draft: draft.change(path, **fields)


def patched(path: str, old: bytes, new: bytes) -> Callable[[Draft], None]:
    """A layer in which the same bytes of a file are others: another version, as its program would print it."""

    def change(draft: Draft) -> None:
        content = draft.tree.read(path)
        assert old in content and len(old) == len(new), path
        draft.put(path, file(content.replace(old, new), 0o755))

    return change


def needs_processor(path: str, level: int) -> Callable[[Draft], None]:
    """A layer in which a file of x86-64's first level is marked with another (GNU_PROPERTY_X86_ISA_1_NEEDED)."""
    head = struct.pack("<II", 0xC0008002, 4)
    return patched(path, head + struct.pack("<II", 1, 0), head + struct.pack("<II", (1 << level) - 1, 0))


def needs_kernel(path: str, *numbers: int) -> Callable[[Draft], None]:
    """A layer in which a file that states Linux 3.2.0 (NT_GNU_ABI_TAG) states another."""
    head = struct.pack("<III4sI", 4, 16, 1, b"GNU", 0)
    return patched(path, head + struct.pack("<III", 3, 2, 0), head + struct.pack("<III", *numbers))


def audited(image: Product, spec: str) -> Report:
    """What the auditor says of the image as an OCI layout."""
    with load(f"oci-dir:{layout(image)}", spec=load_spec(spec)) as read:
        return audit(read, load_spec(spec), Options(chosen_platform=True))


def not_met(report: Report) -> set[str]:
    """The rows that are not met."""
    return {row.id for row in report.requirements if row.status == "not-met"}
