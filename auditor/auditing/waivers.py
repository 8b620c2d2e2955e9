"""Accepted deviations: a TOML file that lets a gate be adopted on day one.

```toml
[[waiver]]
rule = "tool-too-old"               # a rule id
subject = "/usr/sbin/iptables*"     # glob over the finding's subject; default: any
image = "registry.example/*"        # glob over the image's reference; default: any
reason = "fixed in the next base image"
owner = "net-team"
expires = 2027-01-31                # the last day on which it counts
```
"""

import datetime
import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from auditor.errors import UsageError, did_you_mean
from auditor.files import parse_toml, read_small_file
from auditor.finding import Finding
from auditor.rules.model import find_rule, rules
from auditor.schema import framed, parts

_TABLE = re.compile(r"\s*\[\[\s*waiver\s*\]\]")


class Waiver(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One accepted deviation. `expires` is the last day on which it counts, in UTC."""

    rule: str
    reason: str
    owner: str
    expires: datetime.date
    subject: str = "*"
    image: str = "*"

    def accepts(self, finding: Finding, reference: str) -> bool:
        """Whether this waiver is about that finding of that image, whatever the day."""
        return (
            finding.rule == self.rule
            and fnmatchcase(finding.subject, self.subject)
            and fnmatchcase(reference, self.image)
        )


class _WaiverFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    waiver: tuple[Waiver, ...] = ()


class WaiverUse(Struct, frozen=True):
    """What became of a waiver: `used` (with how many findings), `unused`, or `expired`."""

    waiver: Waiver
    state: str
    findings: int


def load_waivers(path: str) -> tuple[Waiver, ...]:
    """Read a waiver file; UsageError says what is wrong and where."""
    data = read_small_file(Path(path), "the waivers")
    table = parse_toml(data, "the waiver file", path)
    _check_keys(table, path)
    try:
        file_value = msgspec.convert(table, _WaiverFile)
    except msgspec.ValidationError as error:
        remedy = "write expires = 2027-01-31" if "expires" in str(error) else "see `audit-image schema waivers`"
        raise UsageError(f"not a waiver file: {error}", path, remedy) from error
    lines = _tables(data)
    for number, waiver in enumerate(file_value.waiver):
        where = f"{path}:{lines[number]}" if len(lines) == len(file_value.waiver) else path
        if find_rule(waiver.rule) is None:
            near = did_you_mean(waiver.rule, [rule.id for rule in rules()])
            remedy = near or "`audit-image explain` lists the rules"
            raise UsageError(f"there is no rule '{waiver.rule}'", where, remedy)
        if not waiver.reason.strip() or not waiver.owner.strip():
            raise UsageError(f"a waiver for {waiver.rule} has an empty reason or owner", where)
    return file_value.waiver


def _tables(data: bytes) -> list[int]:
    """The lines, from 1, at which a waiver begins, where all are written as `[[waiver]]`."""
    text = data.decode()
    return [at for at, line in enumerate(text.splitlines(), start=1) if _TABLE.match(line)]


def _check_keys(table: Mapping[str, Any], path: str) -> None:
    """UsageError where a key is not one that a waiver file has; all else is told by their types."""
    _check_known(table, _WaiverFile, "the waiver file", path)
    waivers = table.get("waiver")
    for number, entry in enumerate(waivers if isinstance(waivers, list) else (), start=1):
        if isinstance(entry, dict):
            _check_known(entry, Waiver, f"waiver {number}", path)


def _check_known(table: Mapping[str, Any], shape: type[msgspec.Struct], what: str, path: str) -> None:
    known = shape.__struct_fields__
    for key in table:
        if key not in known:
            remedy = did_you_mean(key, known) or f"the keys are: {', '.join(known)}"
            raise UsageError(f"{what} has no key '{key}'", path, remedy)


def waiver_schema() -> dict[str, Any]:
    """The JSON Schema of a waiver file; `rule` names every rule there is."""
    definitions = parts(_WaiverFile)
    definitions["Waiver"]["properties"]["rule"] = {"enum": sorted(rule.id for rule in rules())}
    for name in ("reason", "owner"):
        definitions["Waiver"]["properties"][name] = {"type": "string", "pattern": r"\S"}
    return framed("audit-image waivers", definitions, _WaiverFile)


def apply_waivers(
    findings: Sequence[Finding], waivers: Sequence[Waiver], reference: str, today: datetime.date
) -> tuple[tuple[Finding, ...], tuple[WaiverUse, ...]]:
    """Mark what is accepted. Waived findings stay in the list; expired waivers accept nothing."""
    counts = [0] * len(waivers)
    result = []
    for finding in findings:
        matching = [index for index, waiver in enumerate(waivers) if waiver.accepts(finding, reference)]
        for index in matching:
            counts[index] += 1
        valid = [waivers[index] for index in matching if waivers[index].expires >= today]
        result.append(finding.waived(f"{valid[0].reason} ({valid[0].owner})") if valid else finding)
    uses = tuple(
        WaiverUse(waiver, _state(waiver, count, today), count) for waiver, count in zip(waivers, counts, strict=True)
    )
    return tuple(result), uses


def _state(waiver: Waiver, count: int, today: datetime.date) -> str:
    if waiver.expires < today:
        return "expired"
    return "used" if count else "unused"
