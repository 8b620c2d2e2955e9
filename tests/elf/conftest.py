"""What the loader tests share: a compiler, and a place to run what it makes."""

from collections.abc import Iterator

import pytest

from tests.elf.chamber import Chamber
from tests.elf.forge import Forge
from tests.elf.loaders import RealLoader, real_loader


@pytest.fixture(scope="session")
def chamber() -> Iterator[Chamber]:
    chamber = Chamber()
    yield chamber
    chamber.close()


@pytest.fixture(scope="session")
def forge(tmp_path_factory: pytest.TempPathFactory) -> Forge:
    reason = Forge.missing()
    if reason:
        pytest.skip(reason)
    return Forge(tmp_path_factory.mktemp("forge"))


@pytest.fixture(
    scope="session",
    params=[
        "own",
        *(pytest.param(suite, marks=pytest.mark.full) for suite in ("bullseye", "bookworm", "trixie", "sid")),
    ],
)
def loader(request: pytest.FixtureRequest) -> RealLoader:
    return real_loader(request.param)
