"""CycloneDX 1.6 JSON, by cyclonedx-python-lib."""

import json
import re
from decimal import Decimal
from typing import Any

from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, Property, XsUri
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.bom_ref import BomRef
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.component_evidence import (
    AnalysisTechnique,
    ComponentEvidence,
    Identity,
    IdentityField,
    Method,
    Occurrence,
)
from cyclonedx.model.contact import OrganizationalContact, OrganizationalEntity
from cyclonedx.model.dependency import Dependency
from cyclonedx.model.license import DisjunctiveLicense, License, LicenseAcknowledgement, LicenseExpression
from cyclonedx.model.tool import ToolRepository
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.spdx import is_supported_id
from packageurl import PackageURL

from auditor.report.bill.build import build
from auditor.report.bill.identity import serial_number
from auditor.report.bill.licence import spdx_expression
from auditor.report.bill.model import Bill, Facts, FileEntry, ImageEntry, ModuleEntry, PackageEntry, ToolEntry
from auditor.report.bill.supplier import supplier
from auditor.report.model import IndexReport, Report
from auditor.report.producer import Producer
from auditor.report.register import Style
from auditor.report.schema import dump
from auditor.report.time import NO_TIME, build_time

_WEB_ADDRESS = re.compile(r"https?://[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]+", re.ASCII)


def write(report: Report | IndexReport, style: Style) -> str:
    """The report's bill as a CycloneDX document."""
    bill = build(report)
    time = build_time()
    producer = Producer.this()
    bom = Bom(
        metadata=BomMetaData(
            component=_image(bill.root, style.supplier),
            timestamp=time or NO_TIME,
            tools=ToolRepository(
                components=[Component(type=ComponentType.APPLICATION, name=producer.name, version=producer.version)]
            ),
        ),
        components=[component for image in bill.images for component in _components(image)]
        + [_image(image, style.supplier) for image in bill.platforms],
        dependencies=[Dependency(BomRef(own), [Dependency(BomRef(to)) for to in needs]) for own, needs in bill.edges],
    )
    document: dict[str, Any] = json.loads(JsonV1Dot6(bom).output_as_string())
    if time is None:
        # The format can do without a time, and the library can't.
        del document["metadata"]["timestamp"]
    if compositions := _compositions(bill):
        document["compositions"] = compositions
    for component in document.get("components", ()):
        _single_identity(component.get("evidence", {}))
    document["serialNumber"] = serial_number(bill, {**document, "serialNumber": None})
    return dump(document)


def _compositions(bill: Bill) -> list[dict[str, Any]]:
    """What may be lacking: the library has no model of it. Nothing is said of an image whose databases were read."""
    return [
        {
            "aggregate": "incomplete" if image.packages else "unknown",
            "assemblies": [image.id],
            "dependencies": [image.id],
        }
        for image in bill.images
        if image.doubt
    ]


def _single_identity(evidence: dict[str, Any]) -> None:
    """One identity as an object: 1.6 takes both forms, and readers that know 1.5 only this one."""
    if len(evidence.get("identity", ())) == 1:
        (evidence["identity"],) = evidence["identity"]


def _components(image: ImageEntry) -> list[Component]:
    found = [*map(_package, image.packages), *map(_tool, image.tools), *map(_file, image.files)]
    found += map(_module, image.modules)
    if image.distribution.id:
        found.append(_distribution(image))
    return found


def _image(image: ImageEntry, handed_out_by: str) -> Component:
    return Component(
        type=ComponentType.CONTAINER,
        bom_ref=image.id,
        name=image.name,
        version=image.version or None,
        purl=PackageURL.from_string(image.purl) if image.purl else None,
        supplier=_supplier(handed_out_by),
        properties=_properties(image.facts),
    )


def _distribution(image: ImageEntry) -> Component:
    said = image.distribution
    return Component(
        type=ComponentType.OPERATING_SYSTEM,
        bom_ref=f"{image.id}/os",
        name=said.id,
        version=said.version_id or None,
        description=said.name or None,
    )


def _package(entry: PackageEntry) -> Component:
    package = entry.package
    source = " ".join(part for part in (package.source, package.source_version) if part)
    facts = (("type", package.type), ("upstream-version", package.upstream_version), ("source", source))
    return Component(
        type=ComponentType.LIBRARY,
        bom_ref=entry.id,
        name=package.name,
        version=package.version,
        purl=PackageURL.from_string(entry.purl) if entry.purl else None,
        supplier=_supplier(package.vendor),
        licenses=_licences(package.licence),
        external_references=_website(package.homepage),
        properties=_properties(tuple((f"audit-image:package:{name}", value) for name, value in facts)),
    )


def _tool(entry: ToolEntry) -> Component:
    tool = entry.tool
    identity = None
    if tool.version is not None and entry.methods:
        identity = Identity(
            field=IdentityField.VERSION,
            confidence=max(Decimal(method.confidence) for method in entry.methods),
            concluded_value=tool.version,
            methods=[
                Method(
                    technique=AnalysisTechnique(method.technique),
                    confidence=Decimal(method.confidence),
                    value=method.value,
                )
                for method in entry.methods
            ],
        )
    return Component(
        type=ComponentType.APPLICATION,
        bom_ref=entry.id,
        name=tool.name,
        version=tool.version,
        supplier=_supplier(entry.vendor),
        evidence=ComponentEvidence(
            identity=[identity] if identity else [],
            occurrences=[
                Occurrence(bom_ref=f"{entry.id}/{path}", location=path)
                for path in sorted({binary.resolved_path for binary in tool.binaries})
            ],
        ),
        properties=_properties(entry.facts),
    )


def _module(entry: ModuleEntry) -> Component:
    return Component(
        type=ComponentType.LIBRARY,
        bom_ref=entry.id,
        name=entry.path,
        version=entry.version or None,
        purl=PackageURL.from_string(entry.purl) if entry.purl else None,
        evidence=ComponentEvidence(
            occurrences=[Occurrence(bom_ref=f"{entry.id}#{path}", location=path) for path in entry.programs]
        ),
        properties=_properties((("audit-image:package:type", "go-module"),)),
    )


def _file(entry: FileEntry) -> Component:
    return Component(
        type=ComponentType.FILE,
        bom_ref=entry.id,
        name=entry.object.path,
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=entry.object.sha256)],
        properties=_properties(entry.facts),
    )


def _properties(facts: Facts) -> list[Property]:
    return [Property(name=name, value=value) for name, value in facts if value]


def _supplier(vendor: str) -> OrganizationalEntity | None:
    if not vendor:
        return None
    name, email = supplier(vendor)
    return OrganizationalEntity(name=name, contacts=[OrganizationalContact(email=email)] if email else [])


def _licences(text: str) -> list[License]:
    if not text:
        return []
    declared = LicenseAcknowledgement.DECLARED
    expression = spdx_expression(text)
    if not expression:
        return [DisjunctiveLicense(name=text, acknowledgement=declared)]
    if is_supported_id(expression):
        return [DisjunctiveLicense(id=expression, acknowledgement=declared)]
    return [LicenseExpression(expression, acknowledgement=declared)]


def _website(address: str) -> list[ExternalReference]:
    if not _WEB_ADDRESS.fullmatch(address):
        return []
    return [ExternalReference(type=ExternalReferenceType.WEBSITE, url=XsUri(address))]
