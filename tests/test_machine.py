"""Every name of a machine leads to the one of OCI platforms, and a file's header is told in words."""

import platform
from typing import Literal, NamedTuple

import pytest

from auditor.machine import architecture, describe, oci_name


class Header(NamedTuple):
    machine: int
    bits: Literal[32, 64] = 64
    byte_order: Literal["little", "big"] = "little"


@pytest.mark.parametrize(
    ("name", "oci"),
    [
        ("x86_64", "amd64"),  # uname, RPM, apk
        ("i686", "386"),
        ("aarch64", "arm64"),
        ("armhf", "arm"),  # Debian
        ("armv7hl", "arm"),  # Fedora
        ("ppc64el", "ppc64le"),
        ("loongarch64", "loong64"),
        ("s390x", "s390x"),
        ("noarch", ""),
        ("all", ""),
    ],
)
def test_names(name: str, oci: str) -> None:
    assert oci_name(name) == oci


def test_this_machine_has_a_name() -> None:
    assert architecture(oci_name(platform.machine())) is not None


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (Header(62), "amd64"),
        (Header(21), "ppc64le"),
        (Header(21, byte_order="big"), "ppc64"),
        (Header(62, bits=32), "Advanced Micro Devices X86-64, 32 bit, little-endian"),
        (Header(8, bits=32), "mipsle"),
        (Header(2, bits=32, byte_order="big"), "Sparc, 32 bit, big-endian"),
        (Header(247), "machine 247 (EM_BPF), 64 bit, little-endian"),
        (Header(0x1234), "machine 4660, 64 bit, little-endian"),
    ],
)
def test_words_for_a_file_of_any_machine(header: Header, words: str) -> None:
    assert describe(header) == words
