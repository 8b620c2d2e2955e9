"""The specs that ship as examples for images that are not Calico's."""

import subprocess
from pathlib import Path

import pytest

from auditor.auditing import audit
from auditor.auditing.load import load
from auditor.report.model import Report
from auditor.rules import Options
from auditor.spec import load_spec
from fixtures.apt import AptRoot
from fixtures.workspace import Unavailable
from tests.inventory.room import Room, errors, statuses
from tests.inventory.test_wrapped_tools import CHOOSING, SIX

NFT = ("nftables", "libnftables1", "libjansson4", "libedit2", "libbsd0", "libmd0")


def with_nft(room: Room) -> None:
    """The base image with Debian's nft and what it loads."""
    parts = room.root.parent / "parts"
    for name in NFT:
        try:
            deb = AptRoot("bookworm", "amd64").fetch(name).file
        except Unavailable as error:
            pytest.skip(str(error))
        subprocess.run(["dpkg-deb", "-x", str(deb), str(parts)], check=True)
    for place in (each for each in parts.rglob("*") if each.is_file()):
        path = f"/{place.relative_to(parts)}"
        if place.is_symlink():
            room.link(path, str(place.readlink()))
        elif "/bin/" in path or "/sbin/" in path or ".so" in path:
            room.put(path, place.read_bytes())


@pytest.mark.full
@pytest.mark.parametrize(
    ("modes", "gone", "not_met"),
    [
        # Without nft, only its own mode has something to miss.
        (("iptables",), (), set()),
        (("nftables",), (), {"tool.nftables"}),
        (("ipvs",), ("/usr/sbin/ipset",), {"tool.ipset", "kube-proxy.rules.sets"}),
        (("iptables",), ("/usr/sbin/ipset",), set()),
        (("iptables",), ("/usr/lib/x86_64-linux-gnu/xtables/libxt_statistic.so",), {"kube-proxy.rules"}),
        (("iptables",), ("/usr/sbin/xtables-legacy-multi",), {"kube-proxy.iptables.legacy"}),
    ],
)
def test_kube_proxy_by_mode(modes: tuple[str, ...], gone: tuple[str, ...], not_met: set[str], tmp_path: Path) -> None:
    room = Room(tmp_path)
    room.remove(*gone)
    report = by_modes(room, modes)
    assert {row for row, status in statuses(report).items() if status == "not-met"} == not_met
    listed = {tool.name for tool in report.concerned_tools}
    assert ("nftables" in listed) is ("nftables" in modes)


def by_modes(room: Room, modes: tuple[str, ...], spec: str = "kube-proxy") -> Report:
    with load(f"dir:{room.root}") as image:
        return audit(image, load_spec(spec), Options(chosen_platform=True, modes=modes))


@pytest.mark.full
@pytest.mark.parametrize(
    ("mode", "not_met"),
    [
        ("ipip", set()),
        ("vxlan", set()),
        # ip(8) has no options of its own for this type: any ip makes such a link where the kernel can.
        ("wireguard", set()),
        ("ipvs", set()),
        ("ebpf", {"tool.bpftool", "tool.mountns"}),
        ("xdp", {"tool.bpftool"}),
        ("nftables", {"tool.nftables", "library.nftables.libnftables", "mode.nftables"}),
    ],
)
def test_calico_by_mode(mode: str, not_met: set[str], tmp_path: Path) -> None:
    report = by_modes(Room(tmp_path), (mode,), "calico-current")
    assert {row for row, status in statuses(report).items() if status == "not-met"} == not_met


@pytest.mark.full
@pytest.mark.parametrize(
    ("gone", "not_met"),
    [
        ((), set()),
        (("/usr/sbin/xtables-legacy-multi",), {"kube-proxy.iptables.legacy"}),
        (("/usr/sbin/xtables-nft-multi",), {"kube-proxy.iptables.nft"}),
    ],
)
def test_kube_proxy_with_the_wrapper_in_the_place_of_iptables(
    gone: tuple[str, ...], not_met: set[str], tmp_path: Path
) -> None:
    room = Room(tmp_path)
    with_wrapper(room)
    room.remove(*gone)
    report = by_modes(room, ("iptables",))
    assert {row for row, status in statuses(report).items() if status == "not-met"} == not_met
    # The wrapper picks what is there, so it still starts: the image's own shell agrees.
    assert room.run("iptables", "--version").text.startswith("iptables v")


def with_wrapper(room: Room) -> None:
    room.put("/usr/sbin/iptables-wrapper", CHOOSING)
    for name in SIX:
        room.link(f"/usr/sbin/{name}", "iptables-wrapper")


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
