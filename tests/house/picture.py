"""The picture of the house in `docs/architecture.md`, drawn from the imports."""

from collections.abc import Iterator, Mapping

from tests.house.rooms import ORDER, PLACE, imports

# What everybody knows of would only hide the rest.
_EVERYWHERE = frozenset(room for room in ORDER[0] if room != "filetree")


def picture() -> str:
    """A Mermaid drawing: an arrow from each room to those that it imports from, but for what these import already."""
    return "\n".join(("```mermaid", "graph TD", *_lines(_known()), "```"))


def _known() -> Mapping[str, frozenset[str]]:
    known: dict[str, set[str]] = {room: set() for room in PLACE if room not in _EVERYWHERE}
    for entry in imports():
        knower, other = entry.rooms
        if knower in known and other in known:
            known[knower].add(other)
    return {room: frozenset(others) for room, others in known.items()}


def _lines(known: Mapping[str, frozenset[str]]) -> Iterator[str]:
    for room in sorted(known, key=lambda room: (-PLACE[room], room)):
        behind = {far for other in known[room] for far in _reach(known, other)}
        direct = sorted(known[room] - behind)
        yield from (f"    {room} --> {other}" for other in direct)
        if not direct and not any(room in others for others in known.values()):
            yield f"    {room}"


def _reach(known: Mapping[str, frozenset[str]], room: str) -> frozenset[str]:
    """Every room that `room` knows of, also through others."""
    return known[room].union(*(_reach(known, other) for other in known[room])) if known[room] else frozenset()
