"""The version of nft by its own bytes, against the package that it comes from."""

import pytest

from auditor.elf.read.file import ElfFile, read_elf
from auditor.tools.loaded import load
from auditor.tools.project.nftables import Nftables
from fixtures.apt import AptRoot
from fixtures.contents import Bytes
from fixtures.deb import read_deb
from fixtures.workspace import Unavailable
from tests.images import EVERY_IMAGE


@pytest.mark.parametrize(("suite", "architecture"), EVERY_IMAGE)
def test_the_version_is_that_of_the_package(suite: str, architecture: str) -> None:
    try:
        deb = read_deb(AptRoot(suite, architecture).fetch("nftables").file)
    except Unavailable as error:
        pytest.skip(str(error))
    content = Bytes(deb.file("usr/sbin/nft").read())
    elf = read_elf(content)
    assert isinstance(elf, ElfFile)
    signs = Nftables().read(load(content, elf))
    assert signs is not None
    assert signs.versions == (deb.fields["Version"].partition("-")[0],)
