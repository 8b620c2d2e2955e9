"""JSON that somebody else wrote: read with a bound, and every key checked for its type before it is used."""

import json
import re
from collections.abc import Iterator

from auditor.budget import check_json
from auditor.errors import CorruptImage, LimitExceeded

DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")


class Document:
    """One JSON object and the name it is called by in errors.

    Go's decoders write an absent list or object as `null` and take it back as one; so do these getters.
    """

    __slots__ = ("_values", "where")

    def __init__(self, values: dict[str, object], where: str) -> None:
        self._values = values
        self.where = where

    def fail(self, what: str) -> CorruptImage:
        """The error that something is wrong with this document."""
        return CorruptImage(
            what, self.where, "the image was not written as the OCI or Docker format says; build it again"
        )

    def has(self, key: str) -> bool:
        """Whether `key` has a value other than null."""
        return self._values.get(key) is not None

    def text(self, key: str, default: str | None = "") -> str:
        """The string at `key`; `default` where it is absent, which is an error if that is None."""
        value = self._values.get(key)
        if isinstance(value, str):
            return value
        if value is None and default is not None:
            return default
        raise self.fail(f"'{key}' is {'missing' if value is None else 'not a string'}")

    def integer(self, key: str) -> int | None:
        """The whole number at `key`, 0 or more; None where it is absent."""
        value = self._values.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.fail(f"'{key}' is not a whole number")
        if not 0 <= value < 1 << 63:
            raise self.fail(f"'{key}' is out of range: {str(value)[:24]}")
        return value

    def flag(self, key: str) -> bool:
        """The truth value at `key`; False where it is absent."""
        value = self._values.get(key)
        if value is None or isinstance(value, bool):
            return bool(value)
        raise self.fail(f"'{key}' is neither true nor false")

    def texts(self, key: str) -> tuple[str, ...]:
        """The strings of the list at `key`; empty where it is absent."""
        value = self._values.get(key)
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.fail(f"'{key}' is not a list of strings")
        return tuple(value)

    def object(self, key: str) -> "Document | None":
        """The object at `key`; None where it is absent."""
        value = self._values.get(key)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise self.fail(f"'{key}' is not an object")
        return Document(value, f"{self.where}, {key}")

    def objects(self, key: str) -> "tuple[Document, ...]":
        """The objects of the list at `key`; empty where it is absent."""
        value = self._values.get(key)
        if value is None:
            return ()
        if not isinstance(value, list):
            raise self.fail(f"'{key}' is not a list")
        return tuple(documents(value, f"{self.where}, {key}"))

    def pairs(self, key: str) -> tuple[tuple[str, str], ...]:
        """The string-to-string map at `key`, sorted; empty where it is absent."""
        value = self._values.get(key)
        if value is None:
            return ()
        if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
            raise self.fail(f"'{key}' is not a map of strings")
        return tuple(sorted(value.items()))

    def names(self, key: str) -> tuple[str, ...]:
        """The keys of the object at `key`, sorted; empty where it is absent."""
        value = self.object(key)
        return () if value is None else tuple(sorted(value._values))

    def digest(self, key: str) -> str:
        """The digest at `key`, which must be there: `sha256:` or `sha512:` and its hex digits."""
        value = self.text(key, None)
        if DIGEST.fullmatch(value) is None:
            raise self.fail(f"'{key}' is not a digest: {value[:80]!r}")
        return value


def documents(values: list[object], where: str) -> Iterator[Document]:
    """Each of a list's objects as a document; `CorruptImage` for anything else in it."""
    for number, value in enumerate(values):
        if not isinstance(value, dict):
            raise CorruptImage("a list entry is not an object", f"{where}[{number}]", "build the image again")
        yield Document(value, f"{where}[{number}]")


def parse(data: bytes, where: str, limit: int) -> object:
    """The JSON value in `data`; `LimitExceeded` over `limit` bytes, `CorruptImage` where it isn't JSON."""
    if len(data) > limit:
        raise LimitExceeded(f"JSON of {len(data)} bytes, over the limit of {limit}", where, "raise the limit for JSON")
    check_json(data, where)
    try:
        return json.loads(data)
    except RecursionError:
        raise LimitExceeded("JSON is nested too deeply", where, "this is no image; get it again") from None
    except ValueError as error:  # of decoding too
        raise CorruptImage(f"is not JSON ({error})", where, "get the image again") from None


def parse_object(data: bytes, where: str, limit: int) -> Document:
    """As `parse`, where the value must be an object."""
    value = parse(data, where, limit)
    if not isinstance(value, dict):
        raise CorruptImage("is not a JSON object", where, "get the image again")
    return Document(value, where)
