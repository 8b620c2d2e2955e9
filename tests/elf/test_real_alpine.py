"""Every dynamic program of a real Alpine image: what is loaded is what its own loader lists."""

import re
import tarfile
from pathlib import Path

import pytest

from auditor.elf.linker import Linker
from auditor.elf.model import Loader
from auditor.elf.read.file import ElfFile
from auditor.machine import architecture
from tests.elf.chamber import PROJECT, Chamber
from tests.elf.dirtree import DirTree

ARCHIVE = PROJECT.parent / "shared/images/alpine-310.tar.gz"
INTERPRETER = "/lib/ld-musl-x86_64.so.1"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not ARCHIVE.exists():
        pytest.skip(f"no {ARCHIVE.name} beside the project")
    target = tmp_path_factory.mktemp("alpine")
    with tarfile.open(ARCHIVE) as archive:
        for name in archive.getnames():
            if name.endswith("layer.tar"):
                with tarfile.open(fileobj=archive.extractfile(name)) as layer:
                    members = [member for member in layer if member.isfile() or member.isdir() or member.issym()]
                    layer.extractall(target, members, filter="fully_trusted")
    (target / "tmp/ldd").symlink_to(INTERPRETER)
    return target


def test_programs_load_as_its_loader_lists(root: Path, chamber: Chamber) -> None:
    tree = DirTree(root)
    linker = Linker(tree, machine=architecture("amd64"))
    compared = 0
    for folder in ("/bin", "/sbin", "/usr/bin", "/usr/sbin"):
        for name in tree.listdir(folder):
            path = f"{folder}/{name}"
            if tree.lstat(path) != tree.find(path).node or not isinstance(linker.elf(path), ElfFile):
                continue
            closure = linker.closure(path)
            listed = chamber.run(root, ["/tmp/ldd", path], {}).output
            assert closure.loader is Loader.MUSL
            assert not closure.problems
            assert {each.name: each.path for each in closure.objects[1:]} == dict(
                re.findall(r"^\t(\S+) => (\S+) \(0x", listed, re.MULTILINE)
            )
            compared += 1
    assert compared > 5
