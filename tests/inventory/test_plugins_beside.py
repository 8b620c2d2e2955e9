"""What ipset and iptables load from directories of plug-ins, asked of the real programs."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from auditor.tools.model import SetType
from tests.inventory.room import Room, audited, errors, run_in, statuses

EL7 = Path(__file__).parents[3] / "shared" / "real" / "el7"
DIRECTORY = "/usr/lib/x86_64-linux-gnu/ipset"

# A set type as the kernel's and libipset's headers lay it out (libipset/types.h), registered when it is loaded.
TYPE = """
#include <stdint.h>
struct ipset_type {
    const char *name; uint8_t revision, family, dimension; int8_t kernel_check; _Bool last_elem_optional;
    void *rest[120];
};
extern int ipset_type_add(struct ipset_type *type);
static struct ipset_type made = { "hash:mac,port", 1, 0, 2 };
__attribute__((constructor)) static void begin(void) { ipset_type_add(&made); }
"""


@pytest.fixture
def plugin(tmp_path: Path) -> bytes:
    if shutil.which("gcc") is None:
        pytest.skip("no C compiler")
    source, target = tmp_path / "type.c", tmp_path / "ipset_made.so"
    source.write_text(TYPE)
    subprocess.run(["gcc", "-shared", "-fPIC", "-nostdlib", "-o", target, source], check=True)
    return target.read_bytes()


def test_set_types_of_plugins_are_those_that_ipset_lists(tmp_path: Path, plugin: bytes) -> None:
    room = Room(tmp_path)
    assert "hash:mac,port" not in room.run("ipset", "help").text
    room.put(f"{DIRECTORY}/ipset_made.so", plugin)
    result = room.audit()
    assert SetType("hash:mac,port", 1, 0, 2) in result.inventory.set_types
    assert statuses(result)["feature.ip_set"] == "met" and errors(result) == set()
    assert "hash:mac,port" in room.run("ipset", "help").text


def test_a_plugin_that_does_not_load_gives_no_set_type(tmp_path: Path, plugin: bytes) -> None:
    room = Room(tmp_path)
    room.put(f"{DIRECTORY}/ipset_made.so", plugin.replace(b"ipset_type_add", b"ipset_type_odd"))
    assert "hash:mac,port" not in {entry.name for entry in room.audit().inventory.set_types}
    assert "hash:mac,port" not in room.run("ipset", "help").text


@pytest.fixture
def centos(tmp_path: Path) -> Path:
    """iptables 1.4.21 of CentOS 7, with what it loads."""
    if os.geteuid() != 0:
        pytest.skip("only root can unpack these packages: directories of theirs are not for writing")
    packages = [
        next(iter(EL7.glob(f"{name}-[0-9]*.x86_64.rpm")), None)
        for name in ("filesystem", "glibc", "iptables", "libnetfilter_conntrack", "libnfnetlink", "libmnl")
    ]
    if shutil.which("rpm2archive") is None or not all(packages[1:]):
        pytest.skip("rpm2archive, or the shared CentOS packages, are not here")
    for package in filter(None, packages):
        with package.open("rb") as file:
            archive = subprocess.run(["rpm2archive", "-"], stdin=file, capture_output=True, check=True).stdout
        subprocess.run(["tar", "-xz", "-C", tmp_path], input=archive, check=True, stderr=subprocess.DEVNULL)
    return tmp_path


@pytest.mark.parametrize("there", [True, False], ids=["there", "gone"])
def test_a_match_that_needs_a_file_loads_with_it_only(centos: Path, there: bool) -> None:
    if there:
        (centos / "etc/xtables").mkdir(parents=True)
        (centos / "etc/xtables/connlabel.conf").write_text("0 one\n")
    matches = [entry for entry in audited(centos).inventory.extensions if entry.name == "connlabel"]
    assert [entry.loadable for entry in matches] == [there]
    answer = run_in(centos, "/usr/sbin/iptables", "-m", "connlabel", "--help")
    assert ("--label name" in answer.text) is there, answer
