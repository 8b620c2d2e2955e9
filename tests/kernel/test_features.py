"""What a kernel answers: every way in which it can have a thing, lack it, or not tell."""

from pathlib import Path

import pytest

from auditor.kernel.model import ConfigSymbol, FeatureNeed, ModuleNeed, Presence, Replacement
from auditor.kernel.source.host import HostSource
from tests.kernel.made import HEADER, RELEASE, ask, config, need, one, tree

XT_SET = ("alias=ipt_set", "alias=ip6t_set", "depends=ip_set,x_tables")
IP_SET = {"ip_set": (), "x_tables": ()}


@pytest.mark.parametrize("kind", ["", "gz", "xz", "zst"])
@pytest.mark.parametrize("installed", [False, True])
def test_a_module_with_its_dependencies(tmp_path: Path, kind: str, installed: bool) -> None:
    root = tree(tmp_path, {"xt_set": XT_SET, **IP_SET}, kind=kind, installed=installed)
    (answer,) = ask([root], need("xt_set"))
    assert answer.presence is Presence.MODULE
    assert answer.provider == "xt_set"
    assert answer.path == str(root / f"kernel/net/xt_set.ko{f'.{kind}' if kind else ''}")
    assert answer.compression == kind
    assert not answer.built_in


def test_built_in_by_list(tmp_path: Path) -> None:
    (answer,) = ask([tree(tmp_path, {}, built_in=["ip-tables"])], need("ip_tables"))
    assert (answer.presence, answer.built_in, answer.path) == (Presence.BUILT_IN, True, "")


def test_dashes_and_underscores_are_the_same(tmp_path: Path) -> None:
    (answer,) = ask([tree(tmp_path, {"nf-conntrack": ()})], need("nf_conntrack"))
    assert answer.presence is Presence.MODULE


def test_names_keep_their_case(tmp_path: Path) -> None:
    root = tree(tmp_path, {"xt_mark": ()}, order=(), built_in_info={}, installed=True)
    assert ask([root], need("xt_MARK"))[0].presence is Presence.ABSENT


def test_an_alias_of_an_installed_tree(tmp_path: Path) -> None:
    (answer,) = ask([tree(tmp_path, {"xt_set": XT_SET, **IP_SET}, installed=True)], need("ipt_set"))
    assert (answer.presence, answer.provider) == (Presence.ALIAS, "xt_set")
    assert answer.reason == "it answers to ipt_set"


def test_an_alias_of_a_package_is_read_from_the_replacement(tmp_path: Path) -> None:
    root = tree(tmp_path, {"xt_set": XT_SET, **IP_SET}, order=())
    (answer,) = ask([root], need("ipt_set", replaced_by=(Replacement("xt_set", (2, 6, 39)),)))
    assert (answer.presence, answer.provider) == (Presence.ALIAS, "xt_set")


def test_built_in_code_that_answers_to_an_alias(tmp_path: Path) -> None:
    root = tree(tmp_path, {}, built_in=["netfilter"], built_in_info={"netfilter": ["alias=net-pf-16-proto-12"]})
    (answer,) = ask([root], need("nfnetlink", aliases=("net-pf-16-proto-12",)))
    assert (answer.presence, answer.provider, answer.built_in) == (Presence.ALIAS, "netfilter", True)
    assert answer.reason == "it answers to net-pf-16-proto-12"


def test_a_module_that_has_the_alias_for_its_name(tmp_path: Path) -> None:
    (answer,) = ask([tree(tmp_path, {"ipt_addrtype": ()})], need("xt_addrtype", aliases=("ipt_addrtype",)))
    assert (answer.presence, answer.provider) == (Presence.ALIAS, "ipt_addrtype")


@pytest.mark.parametrize(("since", "expected"), [((6, 1), Presence.REPLACED), ((6, 2), Presence.ABSENT)])
def test_a_replacement_counts_from_its_version_on(tmp_path: Path, since: tuple[int, ...], expected: Presence) -> None:
    root = tree(tmp_path, {"new": ()}, order=())
    (answer,) = ask(
        [root, config(tmp_path, "OLD", "NEW=m")], need("old", "OLD", replaced_by=(Replacement("new", since),))
    )
    assert answer.presence is expected


def test_not_needed_before_or_after_its_time(tmp_path: Path) -> None:
    answers = ask([tree(tmp_path, {})], need("a", since=(6, 2)), need("b", before=(6, 1)), need("c", since=(6, 1)))
    assert [answer.presence for answer in answers] == [Presence.NOT_NEEDED, Presence.NOT_NEEDED, Presence.UNKNOWN]
    assert answers[0].present is True


class TestAbsent:
    def test_config_says_so(self, tmp_path: Path) -> None:
        (answer,) = ask([config(tmp_path, "MODULES=y", "NET_IPIP")], need("ipip", "NET_IPIP"))
        assert (answer.presence, answer.reason) == (Presence.ABSENT, "CONFIG_NET_IPIP is not set")
        assert answer.config == "NET_IPIP"

    def test_a_whole_config_that_does_not_mention_it(self, tmp_path: Path) -> None:
        assert ask([config(tmp_path, "MODULES=y")], need("ipip", "NET_IPIP"))[0].presence is Presence.ABSENT

    def test_a_closed_gate_is_named(self, tmp_path: Path) -> None:
        asked = need("ip_tables", "IP_NF_IPTABLES_LEGACY", gates=(ConfigSymbol("NETFILTER_XTABLES_LEGACY"),))
        (answer,) = ask([config(tmp_path, "MODULES=y", "NETFILTER_XTABLES_LEGACY")], asked)
        assert answer.reason == "CONFIG_NETFILTER_XTABLES_LEGACY is not set and CONFIG_IP_NF_IPTABLES_LEGACY is not set"
        assert answer.gates == ("NETFILTER_XTABLES_LEGACY",)

    def test_a_gate_that_a_distribution_took_over_into_an_older_kernel(self, tmp_path: Path) -> None:
        asked = need("ip_tables", "IP_NF_IPTABLES", gates=(ConfigSymbol("NETFILTER_XTABLES_LEGACY", (6, 17)),))
        assert ask([config(tmp_path, "IP_NF_IPTABLES=y")], asked)[0].presence is Presence.BUILT_IN
        (answer,) = ask([config(tmp_path, "IP_NF_IPTABLES=y", "NETFILTER_XTABLES_LEGACY")], asked)
        assert (answer.presence, answer.reason) == (Presence.ABSENT, "CONFIG_NETFILTER_XTABLES_LEGACY is not set")

    def test_an_installed_tree_without_the_package_that_holds_it(self, tmp_path: Path) -> None:
        root = tree(tmp_path, {}, order=["xt_set"], installed=True)
        (answer,) = ask([root], need("xt_set"))
        assert answer.presence is Presence.ABSENT
        assert "modules.order lists it, but the module is not installed" in answer.reason

    def test_neither_built_as_module_nor_built_in(self, tmp_path: Path) -> None:
        root = tree(tmp_path, {"other": ("alias=another",)}, order=(), built_in_info={}, installed=True)
        assert ask([root], need("ipip", "NET_IPIP"))[0].presence is Presence.ABSENT

    def test_a_dependency_is_absent(self, tmp_path: Path) -> None:
        root = tree(tmp_path, {"xt_set": XT_SET, "x_tables": ()}, order=())
        (answer,) = ask([root, config(tmp_path, "NETFILTER_XT_SET=m")], need("xt_set", "NETFILTER_XT_SET"))
        assert answer.presence is Presence.ABSENT
        assert answer.reason.endswith("xt_set.ko depends on ip_set: it was neither built as a module nor built in")

    def test_depmod_has_not_seen_it(self, tmp_path: Path) -> None:
        root = tree(tmp_path, {"xt_mark": ()}, installed=True)
        (root / "modules.dep").write_text("")
        (answer,) = ask([root], need("xt_mark"))
        assert answer.presence is Presence.ABSENT
        assert "modules.dep doesn't list it" in answer.reason

    def test_modules_dep_lists_a_file_that_is_gone(self, tmp_path: Path) -> None:
        root = tree(tmp_path, {"xt_mark": ()}, installed=True)
        (root / "kernel/net/xt_mark.ko").unlink()
        (answer,) = ask([root], need("xt_mark"))
        assert answer.presence is Presence.ABSENT
        assert "which is not there" in answer.reason


class TestUnknown:
    """What the sources don't tell is never guessed."""

    def test_a_config_alone_does_not_show_that_a_module_is_shipped(self, tmp_path: Path) -> None:
        (answer,) = ask([config(tmp_path, "NETFILTER_XT_SET=m")], need("xt_set", "NETFILTER_XT_SET"))
        assert answer.presence is Presence.UNKNOWN
        assert answer.present is None
        assert "another package of this kernel may" in answer.reason

    def test_a_config_alone_shows_what_is_built_in(self, tmp_path: Path) -> None:
        (answer,) = ask([config(tmp_path, "NETFILTER_XT_SET=y")], need("xt_set", "NETFILTER_XT_SET"))
        assert (answer.presence, answer.reason) == (Presence.BUILT_IN, "CONFIG_NETFILTER_XT_SET=y")

    def test_a_config_that_was_cut_short(self, tmp_path: Path) -> None:
        path = config(tmp_path, "MODULES=y", "NET=y")
        path.write_bytes(path.read_bytes()[:-1])
        assert ask([path], need("ipip", "NET_IPIP"))[0].presence is Presence.UNKNOWN

    def test_a_part_of_a_config(self, tmp_path: Path) -> None:
        assert ask([config(tmp_path, "NET=y", header="")], need("ipip", "NET_IPIP"))[0].presence is Presence.UNKNOWN

    def test_a_package_whose_sibling_may_hold_it(self, tmp_path: Path) -> None:
        (answer,) = ask([tree(tmp_path, {}, order=["xt_set"])], need("xt_set"))
        assert answer.presence is Presence.UNKNOWN
        assert answer.reason.startswith("modules.order lists it")

    def test_modules_without_lists_or_config(self, tmp_path: Path) -> None:
        (answer,) = ask([tree(tmp_path, {"x_tables": ()}, built_in=None)], need("nfnetlink", "NETFILTER_NETLINK"))
        assert answer.presence is Presence.UNKNOWN
        assert "it may be built in" in answer.reason

    def test_modules_without_order_or_dep(self, tmp_path: Path) -> None:
        (answer,) = ask([tree(tmp_path, {"x_tables": ()})], need("nfnetlink"))
        assert answer.presence is Presence.UNKNOWN
        assert "a package that was not given" in answer.reason

    def test_another_module_may_answer_to_the_name(self, tmp_path: Path) -> None:
        (answer,) = ask([tree(tmp_path, {"xt_set": XT_SET, **IP_SET}, order=())], need("ipt_set"))
        assert answer.presence is Presence.UNKNOWN
        assert "no modules.alias" in answer.reason

    def test_a_dependency_may_be_in_a_sibling(self, tmp_path: Path) -> None:
        (answer,) = ask([tree(tmp_path, {"xt_set": XT_SET, "x_tables": ()}, order=["ip_set"])], need("xt_set"))
        assert answer.presence is Presence.UNKNOWN
        assert "depends on ip_set: modules.order lists it" in answer.reason


def test_packages_of_one_release_are_one_kernel(tmp_path: Path) -> None:
    core = tree(tmp_path / "core", IP_SET, order=["xt_set"])
    extra = tree(tmp_path / "extra", {"xt_set": XT_SET}, built_in=None)
    kernel = one([core, extra, config(tmp_path, "X86_64=y")], FeatureNeed("f", (need("xt_set"),)))
    assert kernel.features[0].met() is True
    assert [source.holds for source in kernel.sources] == [("modules", "module lists"), ("modules",), ("config",)]
    assert (kernel.architecture, kernel.version) == ("amd64", (6, 1, 27))


def test_a_symbol_of_the_version_or_of_the_config(tmp_path: Path) -> None:
    symbols = (ConfigSymbol("NEW", since=(6, 9)), ConfigSymbol("OLD", before=(6, 9)))
    asked = ModuleNeed("m", config=symbols)
    assert ask([config(tmp_path, "OLD=y")], asked)[0].presence is Presence.BUILT_IN
    # A distribution took the new symbol over into its old kernel: then that is the one that builds it.
    assert ask([config(tmp_path, "OLD=y", "NEW")], asked)[0].presence is Presence.ABSENT
    newer = HEADER.replace("6.1.27", "6.12.1")
    (answer,) = ask([config(tmp_path, "OLD=y", header=newer, name="config-6.12.1-amd64")], asked)
    assert (answer.presence, answer.config) == (Presence.ABSENT, "NEW")


class TestFeature:
    def test_version(self, tmp_path: Path) -> None:
        needs = [FeatureNeed("old", min_version=(3, 10)), FeatureNeed("new", min_version=(6, 2))]
        kernel = one([config(tmp_path, "NET=y")], *needs)
        assert [answer.new_enough for answer in kernel.features] == [True, False]
        assert [answer.met() for answer in kernel.features] == [True, False]
        assert kernel.feature("new").met() is False
        with pytest.raises(KeyError):
            kernel.feature("other")

    def test_families_and_flavours(self, tmp_path: Path) -> None:
        modules = (need("a", "A", family="ipv4"), need("b", "B", family="ipv6"), need("c", "C", flavour="nf_tables"))
        kernel = one([config(tmp_path, "A=y", "B", "C=m")], FeatureNeed("f", modules))
        answer = kernel.features[0]
        assert answer.met() is False
        assert answer.met(families=["ipv4"]) is True
        assert answer.met(families=["ipv4"], flavours=["legacy"]) is True
        assert answer.met(families=["ipv4"], flavours=["legacy", "nf_tables"]) is None


class TestHost:
    """The running kernel, under another root."""

    def host(self, tmp_path: Path) -> HostSource:
        return HostSource(tmp_path, RELEASE, "x86_64")

    def test_without_anything(self, tmp_path: Path) -> None:
        kernel = one([self.host(tmp_path)], FeatureNeed("v", min_version=(6, 0)), FeatureNeed("f", (need("a", "A"),)))
        assert (kernel.release, kernel.architecture, kernel.version) == (RELEASE, "amd64", (6, 1, 0))
        assert [answer.met() for answer in kernel.features] == [True, None]

    def test_with_all(self, tmp_path: Path) -> None:
        tree(tmp_path / "lib/modules", {"a": ()}, installed=True)
        (tmp_path / "proc/sys/kernel").mkdir(parents=True)
        (tmp_path / "proc/sys/kernel/modprobe").write_text("/usr/bin/modprobe\n")
        (tmp_path / "proc/modules").write_text("b 16384 0 - Live 0x0000000000000000\n")
        config(tmp_path, "C=y", 'MODPROBE_PATH="/sbin/modprobe"', name="proc/config.gz")
        kernel = one([self.host(tmp_path)], FeatureNeed("f", (need("a"), need("b"), need("c", "C"))))
        assert [answer.presence for answer in kernel.features[0].modules] == [
            Presence.MODULE,
            Presence.MODULE,
            Presence.BUILT_IN,
        ]
        assert kernel.features[0].modules[1].reason == "the running kernel has loaded it"
        assert kernel.modprobe_path == "/usr/bin/modprobe"

    def test_a_container_without_the_hosts_modules(self, tmp_path: Path) -> None:
        (tmp_path / "boot").mkdir()
        config(tmp_path / "boot", "A=m")
        assert ask([self.host(tmp_path)], need("a", "A"))[0].presence is Presence.UNKNOWN

    def test_the_machine_that_this_runs_on(self) -> None:
        kernel = one([HostSource()], FeatureNeed("v", min_version=(2, 6, 32)))
        assert kernel.features[0].met() is True
