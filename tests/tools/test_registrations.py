"""What a plug-in registers, said of single structs; `test_extensions.py` looks names up in whole directories."""

import struct

import pytest

from auditor.tools.registrations import Registration, registrations
from tests.tools.elves import Elf, Pointer, parsed

ABI = "libxtables.so.12"


def registered(
    name: bytes = b"mark",
    real_name: bytes | None = None,
    *,
    abi: bytes = ABI.encode(),
    fields: bytes = struct.pack("<BBH", 2, 0, 10),
    imports: tuple[str, ...] = ("xtables_register_match",),
) -> list[Registration]:
    """What a plug-in with one struct registers; it ends with `fields`, and so does all that is mapped."""
    elf = Elf()
    head: list[bytes | Pointer] = [Pointer(elf.text(abi)), bytes(8), Pointer(elf.text(name))]
    if int(abi.split(b".")[2]) >= 9:
        head.append(bytes(8) if real_name is None else Pointer(elf.text(real_name)))
    elf.data(*head, fields)
    content = elf.content(imports=imports)
    return list(registrations(content, parsed(content)))


@pytest.mark.parametrize("real_name", [None, b"MARK", b""])
def test_an_alias_is_registered_by_its_own_name(real_name: bytes | None) -> None:
    assert registered(real_name=real_name) == [Registration("match", "mark", 2, "ipv6", ABI)]


@pytest.mark.parametrize("abi", [b"libxtables.so.8", b"libxtables.so.9", b"libxtables.so.12.7.0"])
def test_the_version_is_the_whole_name_of_the_library(abi: bytes) -> None:
    assert registered(abi=abi) == [Registration("match", "mark", 2, "ipv6", abi.decode())]


@pytest.mark.parametrize(
    ("name", "taken"), [(b"m", True), (b"m" * 29, True), (b"m" * 30, False), (b"", False), (b"a b", False)]
)
def test_a_name_is_as_long_as_libxtables_allows(name: bytes, taken: bool) -> None:
    assert [one.name for one in registered(name)] == ([name.decode()] if taken else [])


@pytest.mark.parametrize(
    ("number", "family"), [(0, "any"), (2, "ipv4"), (3, "arp"), (7, "bridge"), (10, "ipv6"), (1, ""), (11, "")]
)
def test_the_families_that_a_struct_may_serve(number: int, family: str) -> None:
    told = registered(fields=struct.pack("<BBH", 1, 0, number))
    assert [one.family for one in told] == ([family] if family else [])


@pytest.mark.parametrize(
    ("imports", "kind"),
    [
        (("xtables_register_match",), "match"),
        (("xtables_register_matches",), "match"),
        (("xtables_register_target",), "target"),
        (("xtables_register_targets", "free"), "target"),
        # Where both are called, or none, the name tells.
        (("xtables_register_match", "xtables_register_target"), "match"),
        (("free",), "match"),
        ((), "match"),
    ],
)
def test_the_kind_is_what_is_called_to_register_it(imports: tuple[str, ...], kind: str) -> None:
    assert [one.kind for one in registered(imports=imports)] == [kind]


@pytest.mark.parametrize(
    ("name", "family", "kind"),
    [
        (b"mark", 2, "match"),
        (b"MARK", 2, "target"),
        (b"standard", 2, "target"),
        (b"mark", 3, "target"),
        (b"mark", 7, "target"),
        (b"mark_m", 7, "match"),
        (b"MARK", 7, "match"),
    ],
)
def test_the_kind_by_the_name(name: bytes, family: int, kind: str) -> None:
    told = registered(name, fields=struct.pack("<BBH", 1, 0, family), imports=())
    assert [one.kind for one in told] == [kind]


def test_one_struct_that_two_pointers_lead_to_is_registered_once() -> None:
    elf = Elf()
    version, name = elf.text(ABI.encode()), elf.text(b"mark")
    for _ in range(2):
        elf.data(Pointer(version), bytes(8), Pointer(name), bytes(8), struct.pack("<BBH", 2, 0, 10), bytes(4))
    content = elf.content()
    assert len(registrations(content, parsed(content))) == 1
