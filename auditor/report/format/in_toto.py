"""An in-toto Statement v1 with a test-result predicate v0.1, for `cosign attest` and policy engines.

The subjects are what was judged, by digest; of two compared images the new one.
"""

from typing import TYPE_CHECKING, Any

from auditor.errors import UsageError
from auditor.report.producer import Producer
from auditor.report.register import Style
from auditor.report.results import Results, Subject
from auditor.report.schema import dump
from auditor.report.views import results_of
from auditor.report.words import printable

if TYPE_CHECKING:
    from auditor.report.register import Document

_TYPE = "https://in-toto.io/Statement/v1"
_PREDICATE = "https://in-toto.io/attestation/test-result/v0.1"


def write(document: "Document", style: Style) -> str:  # noqa: ARG001 - every format is called alike
    """The statement; UsageError where nothing that was judged has a digest."""
    results = results_of(document)
    subjects = [_subject(one) for one in results.subjects if _digest(one.digest)]
    if not subjects:
        remedy = "attest an image from a registry, daemon, archive or layout"
        raise UsageError("an attestation names its subject by digest, and there is none", results.name, remedy)
    return dump({"_type": _TYPE, "subject": subjects, "predicateType": _PREDICATE, "predicate": _predicate(results)})


def _subject(subject: Subject) -> dict[str, Any]:
    return {"name": printable(subject.name), "digest": _digest(subject.digest)}


def _predicate(results: Results) -> dict[str, Any]:
    warned = any(case.status in ("unknown", "waived") for case in results.cases)
    passed = "WARNED" if warned else "PASSED"
    producer = Producer.this()
    return {
        "result": passed if results.verdict == "pass" else "FAILED",
        "configuration": [
            {
                "name": results.spec,
                "digest": _digest(results.spec_digest),
                "annotations": {"judged-by": f"{producer.name} {producer.version}"},
            }
        ],
        "passedTests": _names(results, "met"),
        "warnedTests": _names(results, "unknown", "waived"),
        "failedTests": _names(results, "not-met"),
    }


def _names(results: Results, *statuses: str) -> list[str]:
    return [f"{printable(case.group)}/{case.id}" for case in results.cases if case.status in statuses]


def _digest(text: str) -> dict[str, str]:
    algorithm, colon, digest = text.partition(":")
    return {algorithm: digest} if colon and digest else {}
