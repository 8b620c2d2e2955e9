"""Damages JSON by its values, where damage of its bytes would seldom get past the parser."""

import json
import random
from copy import deepcopy
from typing import Any

_OTHERS: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 1 << 31, 1 << 63, -(1 << 64), 1e308, 0.5, "", "0", "a", "/", "..", "\ud800", "\0",
    "\n", "linux", "amd64", "sha256:" + "0" * 64, "https://a/b", [], {}, [None], [[]], {"": ""}, "x" * 300, 10**40,
)  # fmt: skip


def damaged(data: bytes, longest: int, seed: int) -> bytes | None:
    """The document with some of its values replaced, left out, doubled or changed places; None where it is no JSON."""
    chance = random.Random(seed)  # noqa: S311 - not for secrets
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return None
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        places = list(_places(value))
        if not places:
            return None
        _change(chance, places)
    try:
        made = json.dumps(value).encode()
    except (ValueError, RecursionError):
        return None
    return made if len(made) <= longest else None


def _places(value: Any, depth: int = 0) -> Any:
    """Every container with each of its keys or indexes."""
    if depth < 40 and isinstance(value, dict | list):
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from _places(value[key], depth + 1)


def _change(chance: random.Random, places: list[Any]) -> None:
    holder, key = chance.choice(places)
    match chance.randrange(6):
        case 0 | 1:
            holder[key] = deepcopy(chance.choice(_OTHERS))  # or it would be changed itself, and lie in itself
        case 2:
            del holder[key]
        case 3:
            other, at = chance.choice(places)
            if at in other if isinstance(other, dict) else at < len(other):
                holder[key] = json.loads(json.dumps(other[at]))
        case 4 if isinstance(holder, list):
            holder.insert(key, json.loads(json.dumps(holder[key])))
        case 4:
            holder[chance.choice(("", "mediaType", "x", "platform"))] = deepcopy(holder[key])
        case _:
            holder[key] = _near(chance, holder[key])


def _near(chance: random.Random, value: Any) -> Any:
    """A value that is nearly the same."""
    if isinstance(value, str):
        at = chance.randrange(len(value) + 1)
        return value[:at] + chance.choice(("", "\0", "/", "é", "\udc80", ":", "@", "9" * 20)) + value[at + 1 :]
    if isinstance(value, int):
        return value + chance.choice((-1, 1, 1 << 32, -(1 << 40)))
    return [value]
