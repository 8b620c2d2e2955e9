"""Each rule about kernels on the smallest kernel and image that show it, and silence on sound ones."""

import pytest
from msgspec.structs import replace

from auditor.errors import UsageError
from auditor.family import Family
from auditor.inventory.model import Inventory, Kmod, ModprobePlace, ModuleLoader
from auditor.kernel.model import Kernel
from auditor.report.kernel.model import KernelReport
from auditor.report.model import Report
from auditor.rules import Subject, run_rules
from auditor.severity import FailOn
from tests.inventories import context, sound, tool, with_tool
from tests.kernel_command.made import audited, image, kernel, kmod, loader, version


def told(report: KernelReport) -> list[tuple[str, str, str]]:
    return [(entry.rule, entry.severity, entry.subject) for entry in report.findings]


def unknown(report: KernelReport) -> list[tuple[str, str]]:
    return [(entry.rule, entry.reason) for pair in report.pairs for entry in pair.unknown]


def status(report: KernelReport, row: str) -> str:
    return next(entry for entry in report.requirements if entry.id == row).kernels[0].status


def test_a_sound_kernel_with_a_sound_image() -> None:
    report = audited(kernel(), images=[image()], fail_on=FailOn.NOTE)
    assert told(report) == []
    assert unknown(report) == []
    assert report.verdict == "pass"
    assert {status(report, row.id) for row in report.requirements} == {"met", "not-applicable"}


class TestVersion:
    @pytest.mark.parametrize(
        ("release", "family", "row"),
        [
            ("3.9.99", Family.DUAL, "kernel.ipv6"),
            ("3.9.99", Family.IPV4, None),
            ("2.6.31", Family.IPV4, "kernel.ipv4"),
            ("2.6.32", Family.IPV4, None),
            ("3.10", Family.IPV6, None),
        ],
    )
    def test_too_old(self, release: str, family: Family, row: str | None) -> None:
        report = audited(kernel(version=version(release)), family=family)
        found = [(entry.rule, entry.requirement) for entry in report.findings]
        assert found == ([("kernel-too-old", row)] if row else [])
        assert row is None or status(report, row) == "not-met"
        assert report.verdict == ("fail" if row else "pass")

    def test_an_unknown_version_is_no_finding(self) -> None:
        report = audited(kernel(version=()))
        assert told(report) == []
        answer = next(row for row in report.requirements if row.id == "kernel.ipv6").kernels[0]
        assert (answer.status, answer.reason) == ("unknown", "no source tells the kernel's version")


class TestFeatures:
    @pytest.mark.parametrize(
        ("module", "words", "rows"),
        [
            (
                "ip_tables",
                ("CONFIG_NETFILTER_XTABLES_LEGACY=y", "CONFIG_IP_NF_IPTABLES_LEGACY=m", "module ip_tables"),
                ("feature.ip_tables",),
            ),
            ("ip6t_REJECT", ("which IPv6 needs", "CONFIG_IP6_NF_TARGET_REJECT"), ("feature.ipt_REJECT",)),
            ("nfnetlink", ("CONFIG_NETFILTER_NETLINK",), ("feature.ip_set", "feature.conntrack")),
        ],
    )
    def test_missing(self, module: str, words: tuple[str, ...], rows: tuple[str, ...]) -> None:
        report = audited(kernel(absent=[module]))
        (finding,) = report.findings
        assert (finding.rule, finding.severity, finding.subject) == ("kernel-feature-missing", "error", module)
        assert all(word in finding.message for word in words)
        assert (finding.requirement, *finding.affects) == rows
        needs = "ipv6" if "which IPv6 needs" in words else None
        assert (finding.evidence["family"], finding.evidence["flavour"]) == (needs, None)
        assert {row.id for row in report.requirements if row.kernels[0].status == "not-met"} == set(rows)
        assert report.verdict == "fail"

    @pytest.mark.parametrize(
        ("module", "family", "missing"),
        [
            ("ipt_rpfilter", Family.IPV6, False),
            ("ip6t_rpfilter", Family.IPV6, True),
            ("ip6t_rpfilter", Family.IPV4, False),
            ("ip6_tables", Family.IPV4, False),
        ],
    )
    def test_each_family_asks_for_its_own(self, module: str, family: Family, missing: bool) -> None:
        assert bool(told(audited(kernel(absent=[module]), family=family))) is missing

    def test_what_is_unknown_is_no_finding_but_says_why(self) -> None:
        report = audited(kernel(unknown=["xt_set"]))
        assert told(report) == []
        assert report.verdict == "pass"
        answer = next(row for row in report.requirements if row.id == "feature.xt_set").kernels[0]
        assert (answer.status, answer.reason) == ("unknown", "xt_set: another package may hold it")

    def test_one_absent_thing_is_enough_beside_an_unknown_one(self) -> None:
        assert status(audited(kernel(unknown=["ip_set"], absent=["xt_set"])), "feature.xt_set") == "not-met"

    @pytest.mark.parametrize("module", ["nf_tables", "nft_compat"])
    def test_a_flavour_asks_for_its_own_modules(self, module: str) -> None:
        lacking = kernel(absent=[module])
        assert told(audited(lacking)) == []
        with_nft = audited(lacking, images=[image()])
        assert told(with_nft) == [("kernel-feature-missing", "error", module)]
        assert "the nf_tables flavour needs" in with_nft.findings[0].message
        assert with_nft.findings[0].evidence["flavour"] == "nf_tables"
        assert (with_nft.kernels[0].verdict, with_nft.pairs[0].verdict) == ("pass", "fail")
        assert told(audited(lacking, images=[image(running("legacy"))])) == []

    def test_a_script_has_no_flavour(self) -> None:
        report = audited(kernel(absent=["nft_compat"]), images=[image(running(None, kind="script"))])
        assert told(report) == []
        assert {rule for rule, _ in unknown(report)} == {"kernel-feature-missing"}

    def test_an_unknown_module_of_a_flavour(self) -> None:
        report = audited(kernel(unknown=["nft_compat"]), images=[image()])
        assert unknown(report) == [("kernel-feature-missing", "another package may hold it")]


def running(flavour: str | None, kind: str = "program") -> Inventory:
    """An image whose iptables and ip6tables run that flavour under their plain names."""
    inventory = sound()
    for name in ("iptables", "ip6tables"):
        one = tool(name)
        binaries = tuple(
            entry if "-nft" in entry.name else replace(entry, flavour=flavour, kind=kind) for entry in one.binaries
        )
        inventory = with_tool(inventory, replace(one, binaries=binaries))
    return inventory


class TestSetTypes:
    @pytest.mark.parametrize(
        ("in_kernel", "in_image", "severity"),
        [
            ((0, 6), 6, None),
            ((0, 6), 5, "warning"),
            ((0, 5), 6, "note"),
            ((7, 8), 6, "error"),
            ((6, 8), 6, "warning"),
        ],
    )
    def test_revisions(self, in_kernel: tuple[int, int], in_image: int, severity: str | None) -> None:
        report = audited(kernel(set_types={"hash:ip": in_kernel}), images=[image(types={"hash:ip": in_image})])
        assert [entry.severity for entry in report.findings] == ([severity] if severity else [])
        assert all(entry.rule == "ipset-revision-unsupported" for entry in report.findings)
        assert all(entry.requirement == "feature.ip_set" for entry in report.findings)
        shown = [entry.evidence for entry in report.findings if entry.severity != "note"]
        assert all(entry == {"kernel": list(in_kernel), "image": [0, in_image]} for entry in shown)
        assert report.verdict == ("fail" if severity == "error" else "pass")

    def test_the_incident_in_the_words_that_users_see(self) -> None:
        report = audited(kernel(), images=[image(types={"hash:ip": 5})], fail_on=FailOn.WARNING)
        (finding,) = report.findings
        assert "settype hash:ip with revision 6 not supported by userspace" in finding.message
        assert report.verdict == "fail"

    @pytest.mark.parametrize(
        ("in_kernel", "in_image"),
        [
            ({"hash:ip": (0, 6), "hash:mac": (0, 1)}, {"hash:ip": 6}),
            ({"hash:ip": (0, 6)}, {"hash:ip": 6, "hash:mac": 1}),
        ],
    )
    def test_a_type_that_one_side_has_is_a_note(
        self, in_kernel: dict[str, tuple[int, int]], in_image: dict[str, int]
    ) -> None:
        report = audited(kernel(set_types=in_kernel), images=[image(types=in_image)])
        assert told(report) == [("ipset-revision-unsupported", "note", "ipset")]
        assert "hash:mac" in report.findings[0].message

    def test_many_higher_types_are_one_note(self) -> None:
        types = {"hash:ip": (0, 1), "hash:net": (0, 1), "hash:mac": (0, 0)}
        report = audited(kernel(set_types=types), images=[image(types=dict.fromkeys(types, 2))])
        assert told(report) == [("ipset-revision-unsupported", "note", "ipset")]

    def test_what_neither_shows_is_unknown(self) -> None:
        report = audited(kernel(set_types={}, set_types_unknown=(("ip_set_*", "no lists"),)), images=[image()])
        assert told(report) == []
        assert unknown(report) == [("ipset-revision-unsupported", "no lists")]
        report = audited(kernel(), images=[image(types={})])
        assert [reason for _, reason in unknown(report)] == ["the set types of the image's ipset can't be read"]

    def test_each_type_stands_with_its_own_reason(self) -> None:
        reasons = (("ip_set_hash_ip", "no lists"), ("ip_set_hash_mac", "it is cut short"))
        types = {"hash:ip": 6, "hash:mac": 0}
        report = audited(kernel(set_types={}, set_types_unknown=reasons), images=[image(types=types)])
        told = [(entry.subject, entry.reason) for pair in report.pairs for entry in pair.unknown]
        assert told == [("hash:mac", "it is cut short"), ("hash:ip", "no lists")]


class TestCompression:
    @pytest.mark.parametrize(
        ("one", "fields", "severity"),
        [
            (loader(), {}, None),
            (loader(xz=False), {}, "error"),
            (loader(zst=False), {}, None),
            (loader("30", xz=False), {"decompresses": True}, "error"),
            (loader("31", xz=False), {"decompresses": True}, "note"),
            (loader("34.2", xz=False), {"decompresses": False}, "error"),
            (loader("34.2", xz=False), {"decompresses": True, "compression_config": "zst"}, "error"),
            (loader("34.2", xz=False), {"decompresses": None}, "unknown"),
            (loader("34.2", xz=False), {"decompresses": True, "compression_config": None}, "unknown"),
            (loader("30", xz=False), {"decompresses": None}, "error"),
            (loader(xz=None), {}, "unknown"),
            (ModuleLoader("/bin/busybox", "busybox", None, 0, None, reason="an applet"), {}, "unknown"),
        ],
    )
    def test_decoders(self, one: ModuleLoader, fields: dict[str, object], severity: str | None) -> None:
        report = audited(kernel(compression="xz", **fields), images=[image(kmod=kmod(one))])  # type: ignore[arg-type]
        rules = {entry.rule for entry in report.findings}
        assert rules == (set() if severity in (None, "unknown") else {"module-compression-unsupported"})
        assert [entry.severity for entry in report.findings] == ([severity] if rules else [])
        assert [rule for rule, _ in unknown(report)] == (
            ["module-compression-unsupported"] if severity == "unknown" else []
        )

    def test_the_rows_whose_modules_can_not_be_read(self) -> None:
        report = audited(kernel(compression="xz"), images=[image(kmod=kmod(loader(xz=False)))])
        (finding,) = report.findings
        assert finding.requirement == "feature.ip_tables"
        assert "feature.ipip" in finding.affects
        assert "libxz.so.1 is not found" in finding.message

    @pytest.mark.parametrize("built", [kernel(built_in=True), kernel()])
    def test_nothing_is_to_decompress(self, built: Kernel) -> None:
        broken = loader(gz=False, xz=False, zst=False)
        assert told(audited(replace(built, compression_config=""), images=[image(kmod=kmod(broken))])) == []

    def test_a_config_alone_does_not_show_how_modules_are_shipped(self) -> None:
        report = audited(kernel(built_in=True, compression_config="xz"), images=[image(kmod=kmod(loader(xz=False)))])
        assert told(report) == []
        assert [rule for rule, _ in unknown(report)] == ["module-compression-unsupported"]

    @pytest.mark.parametrize(("path", "severity"), [("/sbin/modprobe", "error"), ("/opt/modprobe", None)])
    def test_the_program_at_the_kernels_path_is_judged_before_that_of_path(
        self, path: str, severity: str | None
    ) -> None:
        old, new = replace(loader(xz=False), path="/opt/old"), loader()
        both = Kmod(
            new.path, (ModprobePlace("/sbin/modprobe", old.path), ModprobePlace("/opt/modprobe", "")), (old, new)
        )
        report = audited(kernel(compression="xz", modprobe_path=path), images=[image(kmod=both)])
        found = [entry for entry in report.findings if entry.rule == "module-compression-unsupported"]
        assert [(entry.severity, old.path in entry.message) for entry in found] == (
            [(severity, True)] if severity else []
        )

    def test_an_image_without_modprobe_loads_none(self) -> None:
        report = audited(kernel(compression="xz"), images=[image(kmod=kmod(places=()))])
        assert told(report) == [("modprobe-unreachable", "warning", "/sbin/modprobe")]


class TestModprobe:
    @pytest.mark.parametrize(
        ("path", "severity", "reason"),
        [
            ("/sbin/modprobe", None, ""),
            ("/usr/bin/modprobe", "warning", ""),
            ("", None, ""),
            (None, None, "what the kernel runs as modprobe: no source holds the kernel's config"),
            ("/opt/modprobe", None, "the kernel names an unusual path, which the image was not searched for"),
        ],
    )
    def test_the_kernels_path(self, path: str | None, severity: str | None, reason: str) -> None:
        one = kernel(modprobe_path=path, modprobe_reason="no source holds the kernel's config")
        report = audited(one, images=[image()])
        assert [(entry.rule, entry.severity) for entry in report.findings] == (
            [("modprobe-unreachable", severity)] if severity else []
        )
        assert [why for _, why in unknown(report)] == ([reason] if reason else [])
        assert {entry.requirement for entry in report.findings} == ({"feature.ip_tables"} if severity else set())

    def test_from_the_image_alone_it_is_a_note(self) -> None:
        inventory = replace(sound(), kmod=kmod(places=["/sbin/modprobe"]))
        (finding,) = (each for each in run_rules(Subject.IMAGE, context(inventory)) if each.rule.startswith("modprobe"))
        assert (finding.rule, finding.severity, finding.subject) == (
            "modprobe-unreachable",
            "note",
            "/usr/bin/modprobe",
        )
        assert finding.fix == "Link /usr/bin/modprobe to /usr/bin/kmod."

    def test_an_older_report_did_not_look(self) -> None:
        report = audited(kernel(compression="xz"), images=[image(kmod=None)])
        assert told(report) == []
        assert {rule for rule, _ in unknown(report)} == {"modprobe-unreachable", "module-compression-unsupported"}


class TestPairs:
    def test_only_what_runs_together(self) -> None:
        kernels = [kernel(), kernel(release="6.1.0-9-arm64", architecture="arm64")]
        images = [image(), image(architecture="arm64"), image(architecture="386")]
        report = audited(*kernels, images=images)
        assert [(pair.kernel, pair.image) for pair in report.pairs] == [(0, 0), (0, 2), (1, 1)]

    def test_a_kernel_that_does_not_tell_its_architecture_counts_for_each(self) -> None:
        assert len(audited(kernel(architecture=""), images=[image(), image(architecture="arm64")]).pairs) == 2

    @pytest.mark.parametrize(
        ("kernels", "images"),
        [
            ([kernel()], [image(architecture="arm64")]),
            ([kernel(), kernel(architecture="s390x")], [image()]),
            ([kernel()], [image(), image(architecture="s390x")]),
        ],
    )
    def test_nothing_is_left_out_in_silence(self, kernels: list[Kernel], images: list[Report]) -> None:
        with pytest.raises(UsageError):
            audited(*kernels, images=images)
