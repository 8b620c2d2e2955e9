"""The file that a draft is written to."""

import json
import re
from collections.abc import Iterator

from auditor.auditing.specdraft.look import look
from auditor.auditing.specdraft.rows import Section, sections
from auditor.image.model import Image
from auditor.image.scheme import Scheme
from auditor.spec.write import toml_fields

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_NAME = re.compile(r"[A-Za-z0-9._-]+")


def draft(image: Image) -> str:
    """A spec file in TOML that the image meets."""
    return "\n".join(_lines(image)) + "\n"


def _lines(image: Image) -> Iterator[str]:
    yield f"# Drafted from {image.reference.encode('ascii', 'backslashreplace').decode()}"
    yield "# Every row is what this image shows; take out what later ones needn't have."
    yield 'schema_version = "1"'
    yield f"name = {json.dumps(_name(image.reference))}"
    yield 'extends = "base"'
    for section in sections(look(image)):
        if section.heading:
            yield from ("", f"# {section.heading}")
            yield from _tables(section)


def _tables(section: Section) -> Iterator[str]:
    for name, table in section.tables:
        key = name if _BARE.fullmatch(name) else json.dumps(name)
        yield from ("", f"[tool.{key}]" if name else "[[requirement]]")
        yield from toml_fields(table)


def _name(reference: str) -> str:
    """The last word of a reference that can be a name: `node` of `calico/node:v3.30.0` and `oci-archive:node.tar`."""
    scheme = Scheme.of(reference)
    text = reference.partition(":")[2] if scheme is not Scheme.NAME else reference
    word = text.partition("@")[0].rstrip("/").rpartition("/")[2].partition(":")[0].removesuffix(".tar")
    return word if _NAME.fullmatch(word) else "drafted"
