"""What a cluster's modes of networking ask for, of the image and of the kernel."""

from collections.abc import Collection

import pytest
from msgspec.structs import replace

from auditor.auditing.kernel import audit_kernels
from auditor.errors import UsageError
from auditor.inventory.model import Inventory, Tool, Whereabouts
from auditor.kernel.model import ConfigSymbol, FeatureAnswer, Kernel, ModuleAnswer, Presence
from auditor.report.kernel.model import KernelReport
from auditor.rules import ImageContext, Options, Subject, run_rules
from auditor.rules.image.rows import judge_rows
from auditor.rules.kernel.bridge import feature_needs
from auditor.severity import Severity
from auditor.spec import chosen_modes, load_spec
from tests.inventories import LAYERS, binary, sound, with_tool
from tests.kernel.made import ask, config, need
from tests.kernel_command.made import TODAY, image
from tests.kernel_command.made import kernel as of_old

CURRENT = load_spec("calico-current")


def rows(inventory: Inventory, modes: Collection[str] | None) -> dict[str, str]:
    options = Options(chosen_platform=True, modes=None if modes is None else tuple(modes))
    context = ImageContext(CURRENT, options, inventory, LAYERS)
    return {row.requirement.id: row.status for row in judge_rows(context, run_rules(Subject.IMAGE, context))}


def kernel(*absent: str) -> Kernel:
    """A kernel with all that `calico-current` speaks of, but for these modules."""

    def answer(need_: object) -> FeatureAnswer:
        modules = tuple(
            ModuleAnswer(each, Presence.ABSENT, reason=f"CONFIG_{each.config[0].name} is not set")
            if each.name in absent
            else ModuleAnswer(each, Presence.BUILT_IN, each.name, built_in=True)
            for each in need_.modules  # type: ignore[attr-defined]
        )
        return FeatureAnswer(need_, True, modules)  # type: ignore[arg-type]

    return replace(of_old(version=(6, 18)), features=tuple(map(answer, feature_needs(CURRENT))))


def audited(one: Kernel, *modes: str, flavour: str = "") -> KernelReport:
    images = []
    if flavour:
        inventory = sound()
        for tool in ("iptables", "ip6tables"):
            found = inventory.tool(tool)
            assert found is not None
            names = (tool, f"{tool}-save", f"{tool}-restore")
            inventory = with_tool(inventory, replace(found, binaries=tuple(binary(tool, n, flavour) for n in names)))
        images = [image(inventory)]
    return audit_kernels([one], images, CURRENT, Options(modes=modes), today=TODAY)


@pytest.mark.parametrize(
    ("modes", "asked", "not_asked"),
    [
        (None, {"feature.ipip", "felix.iptables.legacy"}, {"mode.vxlan", "tool.nftables", "tool.bpftool", "mode.ebpf"}),
        (("vxlan",), {"mode.vxlan", "felix.iptables.legacy"}, {"feature.ipip", "tool.nftables"}),
        (("ebpf",), {"tool.tc", "tool.bpftool", "tool.mountns", "mode.ebpf"}, {"mode.xdp", "feature.ipip"}),
        (("nftables",), {"tool.nftables", "felix.iptables.nft"}, {"felix.iptables.legacy", "feature.ip_tables"}),
    ],
)
def test_rows_by_mode(modes: tuple[str, ...] | None, asked: set[str], not_asked: set[str]) -> None:
    found = rows(sound(), modes)
    assert {name for name in asked if found[name] == "not-applicable"} == set()
    assert {name for name in not_asked if found[name] != "not-applicable"} == set()


@pytest.mark.parametrize(
    ("searched", "status"),
    [
        ((Tool("nftables", None, (), (), "not in the image"),), "not-met"),
        ((), "unknown"),  # a report that was saved under a spec without the tool
    ],
)
def test_an_image_without_what_a_mode_runs_fails_in_that_mode_only(searched: tuple[Tool, ...], status: str) -> None:
    lacking = tuple(Whereabouts("nft") for _ in searched)
    inventory = replace(sound(), tools=(*sound().tools, *searched), whereabouts=lacking)
    without = rows(inventory, ("ipip",)), rows(inventory, ("nftables",))
    assert [found["tool.nftables"] for found in without] == ["not-applicable", status]


@pytest.mark.parametrize(
    ("absent", "modes", "flavour", "failing"),
    [
        ((), (), "", set()),
        # Since 6.17 without the legacy gate: what counts is the flavour that the image runs.
        (("ip_tables", "ip6_tables"), (), "", set()),
        (("ip_tables", "ip6_tables"), (), "nf_tables", set()),
        (("ip_tables",), (), "legacy", {"ip_tables"}),
        (("ip_tables", "ip6_tables"), ("nftables",), "nf_tables", set()),
        # Neither flavour: no image can work there.
        (("ip_tables", "nft_compat"), (), "", {"ip_tables"}),
        (("vxlan",), ("ipip",), "", set()),
        (("vxlan",), ("vxlan",), "", {"vxlan"}),
        (("cgroup_bpf",), ("ebpf",), "", {"cgroup_bpf"}),
        (("nft_fib",), ("nftables",), "", {"nft_fib"}),
    ],
)
def test_kernels_by_mode(absent: tuple[str, ...], modes: tuple[str, ...], flavour: str, failing: set[str]) -> None:
    report = audited(kernel(*absent), *modes, flavour=flavour)
    assert {entry.subject for entry in report.findings if entry.severity is Severity.ERROR} == failing
    assert report.verdict == ("fail" if failing else "pass")


@pytest.mark.parametrize(
    ("words", "modes"),
    [(None, None), ([], ()), (["vxlan,ipip"], ("ipip", "vxlan")), (["ebpf", "xdp"], ("ebpf", "xdp"))],
)
def test_modes_as_they_are_written(words: list[str] | None, modes: tuple[str, ...] | None) -> None:
    assert chosen_modes(CURRENT, words) == modes


@pytest.mark.parametrize("spec", ["calico-current", "felix"])
def test_a_mode_that_the_spec_lacks_is_refused(spec: str) -> None:
    with pytest.raises(UsageError, match="mode"):
        chosen_modes(load_spec(spec), ["bogus"])


@pytest.mark.parametrize(
    ("state", "presence"),
    [("BPF_JIT=y", Presence.BUILT_IN), ("BPF_JIT", Presence.ABSENT)],
)
def test_what_is_no_module_shows_in_the_config_alone(tmp_path: object, state: str, presence: Presence) -> None:
    option = replace(need("bpf_jit"), config=(ConfigSymbol("BPF_JIT"),), option=True)
    assert ask([config(tmp_path, state)], option)[0].presence is presence  # type: ignore[arg-type]
