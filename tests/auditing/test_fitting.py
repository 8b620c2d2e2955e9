"""An image that doesn't meet a spec, and meets another that the spec names, is told so."""

from pathlib import Path

import pytest

from auditor.cli.main import run
from tests.inventory.room import Room


def said(room: Room, *options: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    code = run(["check", f"dir:{room.root}", *options])
    return code, capsys.readouterr().out.splitlines()[-1]


@pytest.mark.full
def test_an_image_of_today_fails_the_document_of_old_and_is_told_what_it_meets(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    room = Room(tmp_path)
    for name in ("ping", "arping", "tracepath"):
        room.remove(f"/usr/bin/{name}")
    code, line = said(room, "--platform", "linux/amd64", capsys=capsys)
    assert code == 1 and "it meets calico-current" in line and "(--spec calico-current)" in line
    code, line = said(room, capsys=capsys)
    assert code == 1 and "(--spec calico-current --platform OS/ARCH)" in line
    # One that no spec fits is told nothing.
    room.remove("/usr/sbin/ipset")
    code, line = said(room, "--platform", "linux/amd64", capsys=capsys)
    assert code == 1 and "calico-current" not in line
    # So is one that meets what it was judged by.
    code, line = said(Room(tmp_path / "sound"), capsys=capsys)
    assert code == 0 and "calico-current" not in line
