"""What is told of kernels and of images with them, said of single values."""

import pytest
from msgspec.structs import replace

from auditor.kernel.model import SourceInfo
from auditor.report.kernel import words
from auditor.report.kernel.model import KernelReport, PairUnknown, ReportKernel, ReportModule
from tests.kernel_command.made import audited, image, kernel, kmod, loader

BOTH = audited(kernel(absent=["xt_set"]), kernel(architecture="arm64"), images=[image(), image(architecture="arm64")])


def with_kernels(*fields: dict[str, object]) -> KernelReport:
    return replace(BOTH, kernels=tuple(replace(BOTH.kernels[0], **each) for each in fields))


@pytest.mark.parametrize(
    ("kernels", "names"),
    [
        ([{"release": "6.1"}], ["6.1"]),
        ([{"release": ""}], ["unknown release"]),
        ([{"release": "6.1", "node": "n1"}], ["6.1 on n1"]),
        ([{"release": "6.1"}, {"release": "6.2"}], ["6.1", "6.2"]),
        (
            [{"release": "6.1"}, {"release": "6.1", "architecture": ""}],
            ["6.1 (amd64)", "6.1 (unknown)"],
        ),
        ([{"release": "6.1"}, {"release": "6.1", "node": "n1"}], ["6.1 (amd64)", "6.1 on n1"]),
    ],
)
def test_a_kernel_is_named_so_that_it_is_told_from_others(kernels: list[dict[str, object]], names: list[str]) -> None:
    report = with_kernels(*kernels)
    assert [words.kernel_name(report, index) for index in range(len(kernels))] == names


def test_an_image_is_named_so_that_it_is_told_from_others() -> None:
    assert [words.image_name(BOTH, index) for index in range(2)] == [
        "calico/node:v1 (linux/amd64)",
        "calico/node:v1 (linux/arm64)",
    ]
    assert words.image_name(replace(BOTH, images=BOTH.images[:1]), 0) == "calico/node:v1"


SOURCE = SourceInfo("deb", "linux.deb", ("modules", "config"))


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({}, "amd64"),
        ({"module_compression": ("",)}, "amd64, modules .ko"),
        ({"module_compression": ("", "xz")}, "amd64, modules .ko and .ko.xz"),
        ({"modprobe_path": "/sbin/modprobe"}, "amd64, modprobe /sbin/modprobe"),
        ({"cpu_level": "x86-64-v2"}, "amd64, processor x86-64-v2"),
        ({"architecture": ""}, ""),
        ({"sources": (SOURCE,)}, "amd64; deb linux.deb (modules, config)"),
        (
            {"architecture": "", "sources": (SOURCE, SOURCE)},
            "deb linux.deb (modules, config), deb linux.deb (modules, config)",
        ),
    ],
)
def test_what_is_known_of_a_kernel(fields: dict[str, object], told: str) -> None:
    bare: ReportKernel = replace(BOTH.kernels[0], module_compression=(), modprobe_path="", cpu_level="", sources=())
    assert words.kernel_facts(replace(bare, **fields)) == told


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({}, "ipset 7.17, kmod 30"),
        ({"ipset": ""}, "ipset of unknown version, kmod 30"),
        ({"flavours": ("legacy",)}, "ipset 7.17, iptables legacy, kmod 30"),
        ({"flavours": ("legacy", "nf_tables")}, "ipset 7.17, iptables legacy and nf_tables, kmod 30"),
        ({"kmod": None}, "ipset 7.17"),
        ({"kmod": kmod(places=())}, "ipset 7.17, no modprobe"),
        ({"kmod": kmod(replace(loader(), version=None))}, "ipset 7.17, modprobe is kmod"),
        ({"kmod": kmod(replace(loader(), kind="busybox", version="1.36"))}, "ipset 7.17, busybox 1.36"),
    ],
)
def test_the_tools_of_an_image_that_deal_with_kernels(fields: dict[str, object], told: str) -> None:
    bare = replace(BOTH.images[0], flavours=(), kmod=kmod())
    assert words.tools(replace(bare, **fields)) == told


def module(presence: str, flavour: str | None = None) -> ReportModule:
    made = next(each for row in BOTH.requirements for each in row.kernels[0].modules)
    return replace(made, presence=presence, flavour=flavour)


@pytest.mark.parametrize(
    ("modules", "told"),
    [
        ([], ""),
        ([module("module")], "1 module"),
        ([module("module")] * 2, "2 modules"),
        ([module("alias")] * 2, "2 aliases"),
        ([module("built-in")] * 2, "2 built-in"),
        ([module("built-in"), module("module")], "1 built-in, 1 module"),
        ([module("module", "legacy"), module("absent")], "1 absent"),
    ],
)
def test_how_modules_are_there(modules: list[ReportModule], told: str) -> None:
    assert words.how(modules) == told


SOUND = audited(kernel(), images=[image()])
FAILING = audited(kernel(absent=["xt_set"]), images=[image()])
UNKNOWN = audited(kernel(unknown=["xt_set"]), images=[image()])


def test_what_an_image_and_a_kernel_are_together() -> None:
    assert words.cell(BOTH, 0, 1) == words.Cell("none", "another architecture")
    assert words.cell(SOUND, 0, 0) == words.Cell("pass", "passes")
    failing = words.cell(FAILING, 0, 0)
    assert (failing.kind, failing.why) == ("fail", "xt_set")
    assert failing.text == "fails: 1 error (kernel-feature-missing)"
    unknown = words.cell(UNKNOWN, 0, 0)
    assert (unknown.kind, unknown.text) == ("unknown", "passes, 1 unknown")
    pair = replace(SOUND.pairs[0], unknown=(PairUnknown("r", "s", "nobody knows"), PairUnknown("r", "t", "nor this")))
    told = words.cell(replace(SOUND, pairs=(pair,)), 0, 0)
    assert (told.kind, told.text, told.why) == ("unknown", "passes, 2 unknown", "nobody knows and 1 more")


def test_what_is_waived_is_nobody_s_fault() -> None:
    waived = tuple(replace(entry, waived_by="me") for entry in FAILING.findings)
    kernels = tuple(replace(each, verdict="pass") for each in FAILING.kernels)
    told = words.cell(replace(FAILING, findings=waived, kernels=kernels), 0, 0)
    assert (told.kind, told.text, told.why) == ("pass", "passes", "")


@pytest.mark.parametrize(
    ("report", "told"),
    [
        (SOUND, "1 kernel with 1 image meets calico-system-requirements"),
        (audited(kernel()), "1 kernel meets calico-system-requirements"),
        (audited(kernel(), kernel(release="x")), "2 kernels meet calico-system-requirements"),
        (FAILING, "1 kernel with 1 image: does not meet calico-system-requirements"),
        (replace(FAILING, verdict="pass"), "1 kernel with 1 image: 1 row of calico-system-requirements not met"),
    ],
)
def test_what_kernels_come_to(report: KernelReport, told: str) -> None:
    assert words.conclusion(report) == told


def test_what_is_unknown_says_what_would_answer_it() -> None:
    told = words.conclusion(UNKNOWN)
    assert told.startswith("1 kernel with 1 image meets calico-system-requirements; 1 answer unknown (")
    (unknown,) = words.unknowns(UNKNOWN)
    assert unknown == ("Linux 6.1.0-9-amd64", "feature.xt_set", "xt_set: another package may hold it")
