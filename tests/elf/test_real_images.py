"""Every dynamic program of real images: what the auditor says is loaded and what fails is what the image's own
loader says (`ldd`, `ldd -r`), path by path and symbol by symbol.
"""

from itertools import cycle

import pytest

from fixtures.apt import ARCHITECTURES, SUITES
from fixtures.build import build_image
from fixtures.image import BuiltImage
from fixtures.oracle import Oracle, oracle
from fixtures.recipes import RECIPES
from fixtures.workspace import Unavailable
from tests.elf.agreement import agreement
from tests.images import is_for_loaders

_QUICK = (
    "libpcap-deleted",
    "libelf-newer-glibc",
    "libnftnl-vendor",
    "libxtables-older-wins",
    "library-text",
    "tls-older",
)

_IMAGES = [
    pytest.param(suite, arch, marks=() if (suite, arch) == ("bookworm", "amd64") else pytest.mark.full)
    for suite in SUITES
    for arch in ARCHITECTURES
]
# Each on bookworm, and in turn on one of the others; all on all is for `make truth`.
_OTHERS = [suite for suite in SUITES if suite != "bookworm"]
_BROKEN = [
    pytest.param(suite, name, marks=() if suite == "bookworm" and name in _QUICK else pytest.mark.full)
    for number, name in enumerate(filter(is_for_loaders, RECIPES))
    for suite in ("bookworm", _OTHERS[number % len(_OTHERS)])
]
_FOREIGN = ["cache-stale", "libmnl-other-machine", "libnftnl-vendor", "libpcap-deleted", "libxtables-older-wins"]


def asked(suite: str, arch: str, recipe: str = "base") -> tuple[BuiltImage, Oracle]:
    try:
        image = build_image(suite, arch, recipe)
        return image, oracle(image)
    except Unavailable as error:
        pytest.skip(str(error))


def compare(image: BuiltImage, answers: Oracle) -> None:
    found = agreement(image, answers)
    assert found.wrong == {}
    assert found.programs > 200


@pytest.mark.parametrize(("suite", "arch"), _IMAGES)
def test_programs_of_an_image_load_as_its_loader_says(suite: str, arch: str) -> None:
    compare(*asked(suite, arch))


@pytest.mark.parametrize(("suite", "recipe"), _BROKEN)
def test_programs_of_a_changed_image_fail_as_its_loader_says(suite: str, recipe: str) -> None:
    compare(*asked(suite, "amd64", recipe))


@pytest.mark.full
@pytest.mark.parametrize(("recipe", "arch"), list(zip(_FOREIGN, cycle(ARCHITECTURES[1:]), strict=False)))
def test_programs_of_a_changed_image_of_another_architecture(recipe: str, arch: str) -> None:
    compare(*asked("bookworm", arch, recipe))
