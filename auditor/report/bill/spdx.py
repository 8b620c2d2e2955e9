"""SPDX 2.3 JSON, by spdx-tools.

What SPDX 2.3 has no field for is an annotation `NAME: VALUE`, by the names that the CycloneDX properties have.
"""

import hashlib
import re
from collections.abc import Iterator
from typing import Any

from spdx_tools.spdx.jsonschema.document_converter import DocumentConverter
from spdx_tools.spdx.model import (
    Actor,
    ActorType,
    Annotation,
    AnnotationType,
    Checksum,
    ChecksumAlgorithm,
    CreationInfo,
    Document,
    ExternalPackageRef,
    ExternalPackageRefCategory,
    ExtractedLicensingInfo,
    File,
    FileType,
    Package,
    PackagePurpose,
    Relationship,
    RelationshipType,
    SpdxNoAssertion,
)

from auditor.report.bill.build import build
from auditor.report.bill.identity import serial_number
from auditor.report.bill.licence import licensing, spdx_expression
from auditor.report.bill.model import Bill, Facts, FileEntry, ImageEntry, ModuleEntry, PackageEntry, ToolEntry
from auditor.report.bill.supplier import supplier
from auditor.report.model import IndexReport, Report
from auditor.report.producer import Producer
from auditor.report.register import Style
from auditor.report.schema import dump
from auditor.report.time import NO_TIME, VARIABLE, build_time

_DOCUMENT = "SPDXRef-DOCUMENT"
_NOT_IN_AN_ID = re.compile(r"[^A-Za-z0-9.-]+")
_WEB_ADDRESS = re.compile(r"https?://[a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z]{2,5}(?:/[!-~]*)?", re.IGNORECASE)
_READABLE = 80  # characters of an id that stay readable; its digest makes it unique


def write(report: Report | IndexReport, style: Style) -> str:
    """The report's bill as a SPDX document."""
    bill = build(report)
    producer = Producer.this()
    tool = Actor(ActorType.TOOL, f"{producer.name}-{producer.version}")
    created = (build_time() or NO_TIME).replace(tzinfo=None)
    licences = sorted({entry.package.licence for image in bill.images for entry in image.packages} - {""})
    document = Document(
        creation_info=CreationInfo(
            "SPDX-2.3",
            _DOCUMENT,
            bill.root.name,
            "urn:uuid:00000000-0000-0000-0000-000000000000",
            [tool],
            created,
            document_comment=_comment(bill),
            creator_comment=None if build_time() else f"No time of creation was told: {VARIABLE} tells it.",
        ),
        packages=list(_packages(bill, style.supplier)),
        files=[_file(entry) for image in bill.images for entry in image.files],
        annotations=[
            Annotation(owner, AnnotationType.OTHER, tool, created, f"{name}: {value}")
            for owner, facts in _facts(bill)
            for name, value in facts
        ],
        relationships=list(_relationships(bill)),
        extracted_licensing_info=[
            ExtractedLicensingInfo(_licence_id(text), text) for text in licences if not spdx_expression(text)
        ],
    )
    converted: dict[str, Any] = DocumentConverter().convert(document)
    converted["documentNamespace"] = serial_number(bill, {**converted, "documentNamespace": None})
    return dump(converted)


def _comment(bill: Bill) -> str | None:
    """Which images' packages may not all be listed, and why."""
    lines = [f"{image.name}: packages may be lacking: {image.doubt}" for image in bill.images if image.doubt]
    return "\n".join(lines) or None


def _packages(bill: Bill, handed_out_by: str) -> Iterator[Package]:
    for image in (bill.root, *bill.platforms):
        yield _image(image, handed_out_by)
        yield from map(_package, image.packages)
        yield from map(_tool, image.tools)
        yield from map(_module, image.modules)


def _image(image: ImageEntry, handed_out_by: str) -> Package:
    digest = image.version.removeprefix("sha256:")
    return Package(
        _id("Image", image.id),
        image.name,
        SpdxNoAssertion(),
        version=image.version or None,
        supplier=_supplier(handed_out_by),
        files_analyzed=False,
        checksums=[Checksum(ChecksumAlgorithm.SHA256, digest)] if re.fullmatch("[0-9a-f]{64}", digest) else [],
        external_references=_purl(image.purl),
        primary_package_purpose=PackagePurpose.CONTAINER,
    )


def _package(entry: PackageEntry) -> Package:
    package = entry.package
    source = " ".join(part for part in (package.source, package.source_version) if part)
    return Package(
        _id("Package", entry.id),
        package.name,
        SpdxNoAssertion(),
        version=package.version or None,
        supplier=_supplier(package.vendor),
        files_analyzed=False,
        homepage=package.homepage if _WEB_ADDRESS.fullmatch(package.homepage) else None,
        source_info=f"built from {source}" if source else None,
        license_concluded=SpdxNoAssertion(),
        license_declared=_licence(package.licence),
        external_references=_purl(entry.purl),
        primary_package_purpose=PackagePurpose.LIBRARY,
    )


def _module(entry: ModuleEntry) -> Package:
    return Package(
        _id("Package", entry.id),
        entry.path or "unnamed",
        SpdxNoAssertion(),
        version=entry.version or None,
        files_analyzed=False,
        source_info=f"built into {', '.join(entry.programs)}",
        license_concluded=SpdxNoAssertion(),
        license_declared=SpdxNoAssertion(),
        external_references=_purl(entry.purl),
        primary_package_purpose=PackagePurpose.LIBRARY,
    )


def _tool(entry: ToolEntry) -> Package:
    return Package(
        _id("Tool", entry.id),
        entry.tool.name,
        SpdxNoAssertion(),
        version=entry.tool.version,
        supplier=_supplier(entry.vendor),
        files_analyzed=False,
        source_info="; ".join(f"{method.technique}: {method.value}" for method in entry.methods) or None,
        license_concluded=SpdxNoAssertion(),
        license_declared=SpdxNoAssertion(),
        primary_package_purpose=PackagePurpose.APPLICATION,
    )


def _file(entry: FileEntry) -> File:
    checksums = [Checksum(ChecksumAlgorithm.SHA256, entry.object.sha256)]
    if entry.object.sha1:
        checksums.insert(0, Checksum(ChecksumAlgorithm.SHA1, entry.object.sha1))
    return File(
        f".{entry.object.path}",
        _id("File", entry.id),
        checksums,
        [FileType.BINARY],
        license_concluded=SpdxNoAssertion(),
        copyright_text=SpdxNoAssertion(),
    )


def _facts(bill: Bill) -> Iterator[tuple[str, Facts]]:
    for image in (bill.root, *bill.platforms):
        yield _id("Image", image.id), image.facts
        for tool in image.tools:
            yield _id("Tool", tool.id), tool.facts
        for file in image.files:
            yield _id("File", file.id), file.facts


def _relationships(bill: Bill) -> Iterator[Relationship]:
    root = _id("Image", bill.root.id)
    yield Relationship(_DOCUMENT, RelationshipType.DESCRIBES, root)
    for image in bill.platforms:
        yield Relationship(_id("Image", image.id), RelationshipType.VARIANT_OF, root)
    for image in bill.images:
        yield from _relationships_of(image)


def _relationships_of(image: ImageEntry) -> Iterator[Relationship]:
    own = _id("Image", image.id)
    parts = [_id("Package", entry.id) for entry in image.packages]
    parts += [_id("Package", entry.id) for entry in image.modules]
    parts += [_id("Tool", entry.id) for entry in image.tools]
    for part in parts:
        yield Relationship(own, RelationshipType.CONTAINS, part)
    for file in image.files:
        if file.owner:
            # CONTAINS would say that all files of the package were analysed (SPDX 2.3, 7.8).
            comment = "the file is the package's, by the image's package database"
            yield Relationship(_id("File", file.id), RelationshipType.OTHER, _id("Package", file.owner), comment)
        else:
            comment = "a file of the image that no package is known to own"
            yield Relationship(_id("File", file.id), RelationshipType.OTHER, own, comment)
    files = {file.id for file in image.files}
    tools = {tool.id for tool in image.tools}
    for from_id, to_ids in image.edges:
        for to_id in to_ids:
            if from_id in tools:
                yield Relationship(_id("Tool", from_id), RelationshipType.DEPENDS_ON, _id("File", to_id))
            elif from_id in files:
                yield Relationship(_id("File", from_id), RelationshipType.DYNAMIC_LINK, _id("File", to_id))


def _id(kind: str, own_id: str) -> str:
    """An id by SPDX's alphabet: readable, and unique by the digest of what it stands for."""
    readable = _NOT_IN_AN_ID.sub("-", own_id.removeprefix("pkg:").partition("?")[0])[:_READABLE].strip("-")
    return f"SPDXRef-{kind}-{readable}-{hashlib.sha256(own_id.encode()).hexdigest()[:16]}"


def _purl(purl: str) -> list[ExternalPackageRef]:
    if not purl:
        return []
    return [ExternalPackageRef(ExternalPackageRefCategory.PACKAGE_MANAGER, "purl", purl)]


def _supplier(vendor: str) -> Actor | SpdxNoAssertion:
    if not vendor:
        return SpdxNoAssertion()
    name, address = supplier(vendor)
    return Actor(ActorType.ORGANIZATION, name, address or None)


def _licence(text: str) -> Any:
    if not text:
        return SpdxNoAssertion()
    return licensing().parse(spdx_expression(text) or _licence_id(text))


def _licence_id(text: str) -> str:
    readable = _NOT_IN_AN_ID.sub("-", text)[:_READABLE].strip("-")
    return f"LicenseRef-{readable}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
