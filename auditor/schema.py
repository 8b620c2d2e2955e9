"""The frame of every JSON Schema that is published: of documents that are written, and of files that are read."""

from collections.abc import Mapping
from typing import Any

import msgspec


def parts(*roots: type) -> dict[str, Any]:
    """The definitions, by name, of what documents of these types are made of."""
    _, found = msgspec.json.schema_components(roots, ref_template="#/$defs/{name}")
    return found


def framed(title: str, definitions: Mapping[str, Any], *roots: type) -> dict[str, Any]:
    """The schema of documents of which each is one of the roots."""
    references = [{"$ref": f"#/$defs/{root.__name__}"} for root in roots]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        **(references[0] if len(references) == 1 else {"anyOf": references}),
        "$defs": {name: definitions[name] for name in sorted(definitions)},
    }
