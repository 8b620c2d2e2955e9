"""Which link types an `ip` knows."""

from auditor.tools.link_types import known_link_types
from fixtures.contents import Bytes
from tests.tools.elves import Elf, Pointer, program

IP = program(b"ipip", b"vxlan", b"Usage: ... type { ipip | sit }", b"ip6tnl6")


def test_those_that_it_holds_as_a_whole_string() -> None:
    assert known_link_types(IP, ["vxlan", "ipip", "sit", "ip6tnl", "tnl6"]) == ("vxlan", "ipip")


def test_one_that_is_stored_as_the_end_of_another_string() -> None:
    elf = Elf()
    elf.data(Pointer(elf.text(b"sit or ipip") + len("sit or ")))
    elf.text(b"any of vxlan")
    assert known_link_types(elf.content(), ["ipip", "vxlan"]) == ("ipip",)


def test_what_is_no_program_knows_none() -> None:
    assert known_link_types(Bytes(b"#!/bin/sh\nipip\0"), ["ipip"]) == ()
    assert known_link_types(IP, []) == ()
    assert known_link_types(IP, [""]) == ()
