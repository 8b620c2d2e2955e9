"""Every program of roots that nobody here made: what is loaded and what fails is what their own loaders say."""

import pytest

from fixtures.oracle import oracle
from fixtures.real import build_real
from tests.elf.agreement import agreement
from tests.elf.musl_agreement import musl_agreement


@pytest.mark.parametrize("name", ["centos-7", "centos-7-conntrack-of-8"])
def test_programs_of_centos_load_as_its_loader_says(name: str) -> None:
    """glibc 2.17; a few of them lack libraries of packages that aren't there."""
    image = build_real(name)
    answers = oracle(image)
    found = agreement(image, answers)
    assert found.wrong == {}
    assert found.programs > 200
    assert found.plugins > 100
    assert any(program.ldd_r.missing for program in answers.programs.values())


def test_programs_of_alpine_load_as_its_loader_lists() -> None:
    """musl 1.1.22."""
    found = musl_agreement(build_real("alpine-3.10"))
    assert found.wrong == {}
    assert found.programs > 5
