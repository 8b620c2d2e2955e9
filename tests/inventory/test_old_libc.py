"""One wrong C library is one cause: what it stops is told once, and not what would have come after it."""

from pathlib import Path

import pytest

from tests.images import built
from tests.inventory.room import Room, errors, statuses


@pytest.mark.full
def test_an_old_libc_that_comes_first_is_one_finding_with_what_it_stops(tmp_path: Path) -> None:
    room = Room(tmp_path)
    (libc,) = built("bullseye").tree.glob("*/x86_64-linux-gnu/libc-2.31.so")
    room.put("/opt/old/libc.so.6", libc.read_bytes())
    room.put("/etc/ld.so.conf.d/00-old.conf", "/opt/old\n")
    room.run("/sbin/ldconfig")
    assert "/opt/old/libc.so.6: version `GLIBC_2.34' not found" in room.run("ipset", "--version").text
    result = room.audit()
    # What ss asks of libresolv by a version of glibc's own has no library that it is asked of.
    assert errors(result) == {
        ("symbol-version-missing", "/opt/old/libc.so.6"),
        ("symbol-missing", "/usr/lib/x86_64-linux-gnu/libresolv.so.2"),
    }
    found = next(finding for finding in result.findings if finding.rule == "symbol-version-missing")
    assert len(found.evidence["programs"]) > 200
    assert {statuses(result)[row] for row in ("tool.iptables", "tool.ipset", "tool.iproute2")} == {"not-met"}
