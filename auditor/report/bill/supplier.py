"""Who a package comes from, as its database writes it: `Name <address>`."""

import re

_NAME_AND_ADDRESS = re.compile(r"(?P<name>[^<>]*?) ?<(?P<address>[^<>@ ]+@[^<>@ ]+)>")


def supplier(vendor: str) -> tuple[str, str]:
    """Name and mail address, on one line; the whole text is the name where it has no address."""
    line = "".join(char if char.isprintable() else repr(char)[1:-1] for char in " ".join(vendor.split()))
    match = _NAME_AND_ADDRESS.fullmatch(line)
    if match is None:
        return line, ""
    return match["name"] or match["address"], match["address"]
