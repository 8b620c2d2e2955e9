"""Writes the bill of materials of a wheel beside it: python ci/bill.py dist/audit_image-….whl requirements.lock.

CycloneDX 1.6 JSON: the wheel with its digest, each locked package with its purl and the digests that its files may
have, and what asks for it.
"""

import datetime
import hashlib
import json
import os
import re
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, XsUri
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.bom_ref import BomRef
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.dependency import Dependency
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

_LOCKED = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)(.*(?:\n    .*)*)", re.MULTILINE)
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
_VIA = re.compile(r"#(?: via)? +([A-Za-z0-9._-]+)")
_OURS = "audit-image"


@dataclass(frozen=True)
class Locked:
    """One package of a lock file."""

    name: str
    version: str
    digests: tuple[str, ...]
    needed_by: frozenset[str]

    @property
    def purl(self) -> PackageURL:
        """Its package URL."""
        return PackageURL("pypi", None, re.sub(r"[-_.]+", "-", self.name).lower(), self.version)


def locked(text: str) -> Iterator[Locked]:
    """The packages of a lock file that pip-compile wrote."""
    for name, version, rest in _LOCKED.findall(text):
        yield Locked(name, version, tuple(_HASH.findall(rest)), frozenset(_VIA.findall(rest)))


def bill(wheel: Path, lock: Path) -> str:
    """The document."""
    name, version = wheel.name.split("-")[:2]
    packages = list(locked(lock.read_text(encoding="utf-8")))
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    root = Component(
        type=ComponentType.APPLICATION,
        name=name.replace("_", "-"),
        version=version,
        bom_ref=_OURS,
        purl=PackageURL("pypi", None, _OURS, version),
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest)],
    )
    needs = {each.name: {other.name for other in packages if each.name in other.needed_by} for each in packages}
    needs[_OURS] = {each.name for each in packages if _OURS in each.needed_by}
    bom = Bom(
        serial_number=uuid.uuid5(uuid.NAMESPACE_OID, f"{digest} {lock.read_text(encoding='utf-8')}"),
        metadata=BomMetaData(component=root, timestamp=_time()),
        components=[_component(each) for each in packages],
        dependencies=[Dependency(BomRef(own), [Dependency(BomRef(to)) for to in sorted(needs[own])]) for own in needs],
    )
    document: dict[str, Any] = json.loads(JsonV1Dot6(bom).output_as_string())
    return json.dumps(document, indent=2, sort_keys=True) + "\n"


def _component(package: Locked) -> Component:
    files = ExternalReference(
        type=ExternalReferenceType.DISTRIBUTION,
        url=XsUri(str(package.purl)),
        comment="any of its files",
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest) for digest in package.digests],
    )
    return Component(
        type=ComponentType.LIBRARY,
        name=package.name,
        version=package.version,
        bom_ref=package.name,
        purl=package.purl,
        external_references=[files],
    )


def _time() -> datetime.datetime:
    """SOURCE_DATE_EPOCH (reproducible-builds.org), without it what hatch has in its place."""
    return datetime.datetime.fromtimestamp(int(os.environ.get("SOURCE_DATE_EPOCH", "1580601600")), datetime.UTC)


def main() -> None:
    """Write it."""
    wheel, lock = map(Path, sys.argv[1:])
    written = wheel.with_suffix(".cdx.json")
    written.write_text(bill(wheel, lock), encoding="utf-8")
    print(written)


if __name__ == "__main__":
    main()
