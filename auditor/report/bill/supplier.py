"""Who a package comes from, as its database writes it: `Name <address>`."""

import re

from auditor.report.words import printable

_NAME_AND_ADDRESS = re.compile(r"(?P<name>[^<>]*?) ?<(?P<address>[^<>@ ]+@[^<>@ ]+)>")


def supplier(vendor: str) -> tuple[str, str]:
    """Name and mail address, on one line; the whole text is the name where it has no address."""
    line = printable(" ".join(vendor.split()))
    match = _NAME_AND_ADDRESS.fullmatch(line)
    if match is None:
        return line, ""
    return match["name"] or match["address"], match["address"]
