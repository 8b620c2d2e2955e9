"""A program with a loader of its own kind starts or not as that loader likes: it is unknown, never met.

A static program is such a loader: it holds what glibc's dlopen(3) reads of ld.so.cache, and is no ld.so.
"""

import subprocess
from pathlib import Path

from auditor.auditing import audit
from auditor.auditing.load import load
from auditor.rules import Options
from auditor.spec import load_spec
from tests.inventory.room import Room, errors, unknown_rows, warnings

IPSET = "/usr/sbin/ipset"
GLIBC = b"/lib64/ld-linux-x86-64.so.2\0"
OTHER = b"/lib64/ld-other-x86-64.so.2\0"
SOURCE = "int main(void) { return 0; }\n"


def test_a_program_whose_loader_is_not_known_is_unknown(tmp_path: Path) -> None:
    room = Room(tmp_path)
    loader = tmp_path / "loader"
    subprocess.run(["gcc", "-static-pie", "-x", "c", "-o", loader, "-"], input=SOURCE, text=True, check=True)
    room.put(OTHER.rstrip(b"\0").decode(), loader.read_bytes())
    room.put(IPSET, (room.root / IPSET.lstrip("/")).read_bytes().replace(GLIBC, OTHER))

    result = room.audit()
    assert unknown_rows(result) == {"image.loads", "tool.ipset", "feature.ip_set"}
    assert errors(result) == set()
    assert ("interpreter-missing", OTHER.rstrip(b"\0").decode()) in warnings(result)
    with load(f"dir:{room.root}") as image:
        strict = audit(image, load_spec(), Options(chosen_platform=True, fail_on_unknown=True))
    assert (result.verdict, strict.verdict) == ("pass", "fail")
