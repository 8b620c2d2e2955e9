"""The tests' own tree of a directory is the tree that an audit has of it."""

from pathlib import Path

from auditor.auditing.load import load
from tests.elf.dirtree import DirTree


def test_it_walks_as_an_image_does(tmp_path: Path) -> None:
    (tmp_path / "usr/bin").mkdir(parents=True)
    (tmp_path / "usr/bin-old").mkdir()
    (tmp_path / "usr/bin/tool").write_bytes(b"tool")
    (tmp_path / "usr/bin/name").hardlink_to(tmp_path / "usr/bin/tool")
    (tmp_path / "bin").symlink_to("usr/bin")
    (tmp_path / "gone").symlink_to("nowhere")
    with load(f"dir:{tmp_path}") as image:
        audited = [(path, node.kind, node.mode, node.target) for path, node in image.tree.walk()]
    assert [(path, node.kind, node.mode, node.target) for path, node in DirTree(tmp_path).walk()] == audited
    assert len(audited) == 7
