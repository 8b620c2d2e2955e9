"""One direction, no way back: what `docs/architecture.md` says of the rooms is held here."""

from tests.house.rooms import LARGEST_SHARE, PACKAGE, PLACE, files, imports, lines, room_of


def test_every_room_has_its_place_in_the_order() -> None:
    assert sorted({room_of(file) for file in files()} - set(PLACE)) == []
    assert sorted(set(PLACE) - {room_of(file) for file in files()}) == []


def test_no_room_knows_of_one_further_down_the_line() -> None:
    backwards = [
        f"{entry.file.relative_to(PACKAGE.parent)}:{entry.line} imports {entry.target}: {knower} stands before {other}"
        for entry in imports()
        for knower, other in (entry.rooms,)
        if PLACE[knower] <= PLACE[other]
    ]
    assert backwards == []


def test_no_room_is_more_than_a_fifth_of_the_house() -> None:
    counted = lines()
    total = sum(counted.values())
    assert {room: n for room, n in counted.items() if n > LARGEST_SHARE * total} == {}
