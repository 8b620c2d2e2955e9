"""The specs that ship as examples for images that are not Calico's."""

import subprocess
from pathlib import Path

import pytest

from fixtures.apt import AptRoot
from fixtures.workspace import FixtureError
from tests.inventory.room import Room, errors, statuses

NFT = ("nftables", "libnftables1", "libjansson4", "libedit2", "libbsd0", "libmd0")


def with_nft(room: Room) -> None:
    """The base image with Debian's nft and what it loads."""
    parts = room.root.parent / "parts"
    for name in NFT:
        try:
            deb = AptRoot("bookworm", "amd64").fetch(name).file
        except FixtureError as error:
            pytest.skip(str(error))
        subprocess.run(["dpkg-deb", "-x", str(deb), str(parts)], check=True)
    for place in (each for each in parts.rglob("*") if each.is_file()):
        path = f"/{place.relative_to(parts)}"
        if place.is_symlink():
            room.link(path, str(place.readlink()))
        elif "/bin/" in path or "/sbin/" in path or ".so" in path:
            room.put(path, place.read_bytes())


def test_kube_proxy_has_its_tools_in_both_flavours(tmp_path: Path) -> None:
    room = Room(tmp_path)
    assert errors(room.audit("kube-proxy")) == {("tool-missing", "nft")}
    with_nft(room)
    assert "nftables v1.0.6" in room.run("nft", "--version").text
    report = room.audit("kube-proxy")
    assert errors(report) == set()
    assert {row for row, status in statuses(report).items() if status != "met"} == {"image.entrypoint"}  # a bare tree
    (nft,) = (tool for tool in report.tools if tool.name == "nftables")
    assert nft.version == "1.0.6"
    room.remove("/usr/sbin/conntrack", "/usr/lib/x86_64-linux-gnu/libnftables.so.1*", "/usr/sbin/xtables-legacy-multi")
    broken = statuses(room.audit("kube-proxy"))
    assert {row for row, status in broken.items() if status == "not-met"} == {
        "image.loads",
        "tool.conntrack-tools",
        "tool.nftables",
        "kube-proxy.iptables.legacy",
    }
