"""What is found out about a file is found out once for all images that have it, where it draws nothing from limits."""

from collections.abc import Callable
from unittest.mock import Mock

import pytest

from auditor.auditing.load import load
from auditor.elf import linker
from auditor.elf.linker import Linker
from auditor.elf.read.go_build import GoBuild
from auditor.elf.search.loader import UnknownLoader, read_profile
from auditor.filetree import Found
from auditor.image.spool import SpooledContent
from auditor.inventory import golang
from auditor.machine import architecture
from fixtures.contents import Bytes
from tests.elf.made import ELF
from tests.images import built, layout


@pytest.mark.parametrize(("draws", "looks"), [(0, 1), (7, 2)])
def test_whether_a_program_is_go_s(draws: int, looks: int, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[int] = []

    def read(_content: object, _elf: object, count: Callable[[int], None]) -> GoBuild:
        looked.append(1)
        if draws:
            count(draws)
        return GoBuild("go1.24.4")

    monkeypatch.setattr(golang, "read_go_build", read)
    node = Mock(content=SpooledContent(Bytes(b"x"), 0, 1))
    tree = Mock(find=lambda path: Mock(spec=Found, node=node, path=path))
    counted: list[int] = []
    for _ in range(2):
        image = Mock(elf=lambda _: ELF, counted=lambda _: counted.append)
        assert golang._build(tree, image, "/bin/x") == GoBuild("go1.24.4")
    assert len(looked) == looks
    assert sum(counted) == 2 * draws


def test_how_a_loader_does_it(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[object] = []

    def counted(data: bytes, *asked: object) -> object:
        looked.append(asked[1])
        return read_profile(data, *asked)  # type: ignore[arg-type]

    monkeypatch.setattr(linker, "read_profile", counted)
    with load(f"oci-dir:{layout(built())}") as image:
        closures = [
            Linker(image.tree, env={}, working_dir="/", machine=architecture("amd64")).closure("/usr/sbin/ipset")
            for _ in range(2)
        ]
    assert closures[0] == closures[1]
    assert closures[0].loader is not None
    assert len(looked) == 1


def test_a_loader_under_another_name_is_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []

    def unknown(_data: bytes, _elf: object, path: str, _real_path: str) -> UnknownLoader:
        looked.append(path)
        return UnknownLoader(path)

    monkeypatch.setattr(linker, "read_profile", unknown)
    monkeypatch.setattr(linker, "read_file", lambda *_: b"x")
    content = SpooledContent(Bytes(b"x"), 0, 1)
    image = Linker(Mock(), env={}, working_dir="/", machine=architecture("amd64"))
    for path in ("/lib/ld.so", "/lib/ld.so", "/lib64/ld.so", "/lib/ld.so"):
        stored = Mock(node=Mock(content=content), real_path="/lib/ld.so")
        told = image._profile(Mock(elf=ELF, path=path, stored=stored))
        assert told == UnknownLoader(path)
    assert looked == ["/lib/ld.so", "/lib64/ld.so", "/lib/ld.so"]
