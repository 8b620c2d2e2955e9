"""SARIF 2.1.0 (OASIS) for code scanning: a result per finding, with a fingerprint that survives a new digest."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from auditor.report.producer import Producer
from auditor.report.register import Style
from auditor.report.results import Result, Results, source_of
from auditor.report.schema import dump
from auditor.report.views import results_of
from auditor.report.words import printable, uri
from auditor.severity import Severity

if TYPE_CHECKING:
    from auditor.report.register import Document

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
#: Severity as SARIF's `level` (3.27.10), and as the number that code scanning sorts by.
_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "note"}
_IMAGE = "IMAGE"  # the base that paths inside the image are relative to (3.14.14)
_FINGERPRINT = "auditImage/v1"


def write(document: "Document", style: Style) -> str:
    """The document as one run of SARIF."""
    return dump({"$schema": _SCHEMA, "version": "2.1.0", "runs": [_run(results_of(document), style)]})


def _run(results: Results, style: Style) -> dict[str, Any]:
    producer = Producer.this()
    rules = list(_rules(results))
    places = {rule["id"]: place for place, rule in enumerate(rules)}
    return {
        "tool": {"driver": {"name": producer.name, "version": producer.version, "rules": rules}},
        "automationDetails": {"id": f"{producer.name}/{printable(results.name)}/"},
        "originalUriBaseIds": {_IMAGE: {"description": {"text": f"The root of {printable(results.name)}."}}},
        "columnKind": "unicodeCodePoints",
        "properties": {
            "verdict": results.verdict,
            "conclusion": printable(results.conclusion),
            "spec": results.spec,
            "subjects": [{"name": printable(one.name), "digest": one.digest} for one in results.subjects],
        },
        "results": [_result(result, places[result.rule], style) for result in results.results],
    }


def _rules(results: Results) -> Iterator[dict[str, Any]]:
    for name in dict.fromkeys([*results.rules, *(result.rule for result in results.results)]):
        text = results.rules.get(name)
        summary = text.summary if text else name
        yield {
            "id": name,
            "name": "".join(word.capitalize() for word in name.split("-")),
            "shortDescription": {"text": printable(summary)},
            "fullDescription": {"text": printable(summary)},
            "help": {"text": printable((text.help if text else "") or summary)},
            "defaultConfiguration": {"level": _LEVELS[text.severity if text else Severity.WARNING]},
        }


def _result(result: Result, rule: int, style: Style) -> dict[str, Any]:
    told = printable(result.told)
    place = f"{printable(result.place)}: " if result.place else ""
    document: dict[str, Any] = {
        "ruleId": result.rule,
        "ruleIndex": rule,
        "level": _LEVELS[result.severity],
        "message": {"text": f"{place}{told}" + (f" {printable(result.fix)}" if result.fix else "")},
        "locations": [_location(result, style)],
        "partialFingerprints": {_FINGERPRINT: result.key},
        "properties": {"subject": printable(result.subject), "requirement": result.requirement},
    }
    if result.waived_by is not None:
        reason = printable(result.waived_by)
        document["suppressions"] = [{"kind": "external", "status": "accepted", "justification": reason}]
    return document


def _location(result: Result, style: Style) -> dict[str, Any]:
    """The line of the Dockerfile that is to mend; else the file in the image, or where the name would be."""
    names = [{"fullyQualifiedName": printable(result.subject)}]
    if source := source_of(result, style):
        file, line = source
        physical = {"artifactLocation": {"uri": uri(file)}, "region": {"startLine": line}}
        return {"physicalLocation": physical, "logicalLocations": names}
    path = result.subject if result.subject.strip("/") else "."
    return {
        "physicalLocation": {
            "artifactLocation": {"uri": uri(path), "uriBaseId": _IMAGE},
            "region": {"startLine": 1},  # code scanning shows no result without one
        },
        "logicalLocations": names,
    }
