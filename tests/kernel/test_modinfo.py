"""The .modinfo of module files, sound and broken, and of built-in modules."""

import random

import pytest

from auditor.errors import AuditError, CorruptImage
from auditor.kernel.modinfo import parse_builtin, parse_module
from tests.kernel.made import module

TEXTS = ("alias=ipt_set", "alias=net-pf-16", "depends=ip_set,x-tables", "description=IP set match", "vermagic=6.1 SMP")


@pytest.mark.parametrize(
    ("machine", "wide", "order", "architecture"),
    [
        (62, True, "<", "amd64"),
        (3, False, "<", "386"),
        (183, True, "<", "arm64"),
        (40, False, "<", "arm"),
        (21, True, "<", "ppc64le"),
        (21, True, ">", "ppc64"),
        (22, True, ">", "s390x"),
        (243, True, "<", "riscv64"),
        (9999, True, "<", ""),
    ],
)
def test_every_word_size_and_byte_order(machine: int, wide: bool, order: str, architecture: str) -> None:
    info = parse_module(module(*TEXTS, machine=machine, wide=wide, order=order), "xt_set", "xt_set.ko")
    assert info.aliases == ("ipt_set", "net_pf_16")
    assert info.depends == ("ip_set", "x_tables")
    assert info.description == "IP set match"
    assert info.vermagic == "6.1 SMP"
    assert info.architecture == architecture


def test_no_dependencies() -> None:
    assert parse_module(module("depends="), "a", "a.ko").depends == ()


@pytest.mark.parametrize("data", [b"", b"\x7fELF", b"not a module", module(section=b".other"), bytes(4096)])
def test_what_is_no_module(data: bytes) -> None:
    with pytest.raises(CorruptImage) as caught:
        parse_module(data, "a", "tree/a.ko")
    assert str(caught.value).startswith("tree/a.ko: ")


@pytest.mark.parametrize("wide", [True, False])
def test_every_cut_is_told(wide: bool) -> None:
    data = module(*TEXTS, wide=wide)
    for length in range(len(data)):
        with pytest.raises(CorruptImage):
            parse_module(data[:length], "a", "a.ko")


def test_flipped_bytes_never_end_in_a_traceback() -> None:
    random.seed(7)
    data = module(*TEXTS)
    for _ in range(3000):
        broken = bytearray(data)
        for _ in range(random.randint(1, 4)):
            broken[random.randrange(len(broken))] = random.randrange(256)
        try:
            parse_module(bytes(broken), "a", "a.ko")
        except AuditError:
            continue


def test_built_in_modules() -> None:
    data = b"netfilter.alias=net-pf-16-proto-12\0netfilter.license=GPL\0ip-set.description=a=b\0nonsense\0x.y\0"
    infos = parse_builtin(data)
    assert set(infos) == {"netfilter", "ip_set"}
    assert infos["netfilter"].aliases == ("net_pf_16_proto_12",)
    assert infos["ip_set"].description == "a=b"
