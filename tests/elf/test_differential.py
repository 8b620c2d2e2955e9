"""A short campaign of damages to real programs, each judged by its own loader and by the auditor.

Nothing that a loader refuses may pass, and nothing that it lets run may fail.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import pytest

from auditor.elf.read.file import ElfFile, Tag, read_elf
from benchmarks.differential.__main__ import campaign, image_of
from benchmarks.differential.damage import Damage
from benchmarks.differential.judge import Agreement, Judgement, Verdict, judge
from benchmarks.differential.scene import Scene, Sound, open_scene
from benchmarks.differential.tables import tables
from fixtures.workspace import Unavailable


@pytest.mark.full
@pytest.mark.parametrize("scene", ["bullseye-amd64", "trixie-amd64", "bookworm-s390x", "alpine"])
def test_loader_and_auditor_agree_on_damages(scene: str) -> None:
    try:
        judged = list(campaign(scene, image_of(scene), "tests", 100))
    except Unavailable as error:
        pytest.skip(str(error))
    passed = [each for each in judged if each.agreement is Agreement.FALSE_PASS]
    failed = [each for each in judged if each.agreement is Agreement.FALSE_FAIL]
    assert passed == []
    assert failed == []
    assert Counter(each.verdict for each in judged)[Verdict.REFUSED] > 10


@dataclass(frozen=True)
class Kind:
    """One number in every entry of a table that `where` picks, in the files of a scene's first program."""

    scene: str
    name: str
    file: str  # a part of its path
    table: str
    field: str
    value: int
    where: Callable[[Mapping[str, int]], bool] = lambda _: True


def is_tls(now: Mapping[str, int]) -> bool:
    return now["p_type"] == 7


def is_count(now: Mapping[str, int]) -> bool:
    return now["d_tag"] == Tag.RELACOUNT


PPC64 = "bookworm-ppc64el"
_PROPERTIES = 5  # NT_GNU_PROPERTY_TYPE_0
KINDS = (
    Kind(PPC64, "narrow relocations", "/libip4tc.so", "relocations", "type", 37, lambda now: now["type"] == 38),
    Kind(PPC64, "calls of no symbol", "/libc.so", "PLT relocations", "symbol", 0, lambda now: now["symbol"] > 0),
    Kind(PPC64, "another ABI", "/libip4tc.so", "ELF header", "e_flags", 3),
    Kind("bullseye-arm64", "counted relocations", "/libc-", "dynamic section", "d_val", 2**64 - 1, is_count),
    Kind(
        "sid-amd64", "itself needed", "/libc.so", "dynamic section", "d_tag", 1, lambda now: now["d_tag"] == Tag.SONAME
    ),
    Kind("trixie-arm64", "properties", "/ld-linux", "note", "n_type", 0, lambda now: now["n_type"] == _PROPERTIES),
    Kind("sid-amd64", "storage near 2^64", "/libc.so", "program headers", "p_memsz", 2**64 - 1, is_tls),
    Kind("alpine", "protection", "", "program headers", "p_vaddr", 2**64 - 1, lambda now: now["p_type"] == 0x6474E552),
)


def damages(kind: Kind, scene: Scene, program: Sound) -> Iterator[Damage]:
    for path in program.files:
        node = scene.tree.find(path).node
        if kind.file not in path or node is None or node.content is None:
            continue
        elf, data = read_elf(node.content), node.content.read()
        assert isinstance(elf, ElfFile)
        for table in tables(node.content, elf, frozenset()):
            for offset in table.offsets if table.name == kind.table else ():
                fields = {name: (offset + within, size) for name, within, size in table.fields}
                if kind.where(
                    {name: int.from_bytes(data[at : at + size], elf.byte_order) for name, (at, size) in fields.items()}
                ):
                    at, size = fields[kind.field]
                    changed = data[:at] + kind.value.to_bytes(size, elf.byte_order) + data[at + size :]
                    yield Damage(program, kind.table, f"{kind.field} at {at:#x}", path, changed, node.mode)


def judged_by_the_loader(kind: Kind) -> list[Judgement]:
    """Each damage of a kind to the first program of its scene."""
    image = image_of(kind.scene)
    with open_scene(kind.scene, image.tree, image.architecture) as scene:
        return [judge(scene, damage) for damage in damages(kind, scene, scene.programs[0])]


@pytest.mark.full
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"{kind.scene}: {kind.name}")
def test_kinds_of_damage_that_once_passed(kind: Kind) -> None:
    judged = judged_by_the_loader(kind)
    wrong = [each for each in judged if each.agreement in (Agreement.FALSE_PASS, Agreement.FALSE_FAIL)]
    assert wrong == []
    # Whether the loader has words left, or is killed over it, depends on where things come to lie in memory.
    assert any(each.problems and each.verdict is not Verdict.RUNS for each in judged)


@pytest.mark.full
def test_what_a_loader_says_after_it_called_itself_wrongly_is_not_judged() -> None:
    """No table tells which of its own functions a loader is to call."""
    kind = Kind("bullseye-arm64", "", "/ld-", "PLT relocations", "symbol", 16)
    said = [each for each in judged_by_the_loader(kind) if "Inconsistency detected by ld.so" in each.words]
    assert said
    assert {(each.verdict, each.agreement) for each in said} == {(Verdict.OTHERWISE, Agreement.APART)}
