"""Spec files: those that ship hold every row of the document, and a bad file says what is wrong with it."""

import tomllib
from pathlib import Path

import jsonschema
import pytest

from auditor.errors import UsageError
from auditor.spec import Kind, load_spec, shipped_specs
from auditor.spec.schema import spec_schema

DOCUMENT = Path(__file__).parents[3] / "shared" / "spec"
SPECS = Path(__file__).parents[2] / "auditor" / "spec"

ROWS = """
image.loads image.entrypoint image.platforms kernel.ipv4 kernel.ipv6
tool.iptables tool.ip6tables tool.ipset tool.iputils tool.iproute2 tool.conntrack-tools
library.iproute2.glibc library.iproute2.libelf
library.iputils.libcap library.iputils.libidn library.iputils.openssl library.iputils.sysfsutils
library.conntrack-tools.libnetfilter_conntrack library.conntrack-tools.libnfnetlink
library.conntrack-tools.libmnl library.conntrack-tools.libnetfilter_cttimeout
library.iptables.glibc library.iptables.libnftnl library.iptables.libpcap
feature.ip_tables feature.ip6_tables feature.xt_mark feature.xt_addrtype feature.xt_multiport feature.xt_set
feature.ipt_set feature.ipt_rpfilter feature.ipt_REJECT feature.ip_set feature.conntrack feature.ipip
"""


def test_the_default_spec_has_every_row_and_no_other() -> None:
    assert sorted(row.id for row in load_spec().requirements) == sorted(ROWS.split())


def test_every_shipped_spec_extends_the_default_and_fits_the_schema() -> None:
    for name in shipped_specs():
        jsonschema.validate(tomllib.loads((SPECS / f"{name}.toml").read_text()), spec_schema())
        assert load_spec(name).name == name


def test_names_of_the_document_are_in_the_rows_words() -> None:
    document = DOCUMENT / "calico-system-requirements.txt"
    if not document.exists():
        pytest.skip("the published document is not beside this checkout")
    words = {word.strip("(),:.") for word in document.read_text().split()}
    rows = load_spec().of_kind(Kind.LIBRARY)
    assert {row.id.rpartition(".")[2] for row in rows} <= words


def test_a_spec_file_extends_another(tmp_path: Path) -> None:
    file = tmp_path / "ours.toml"
    file.write_text(
        'schema_version = "1"\nname = "ours"\nversion = "3"\ntitle = "Ours"\n'
        'extends = "calico-system-requirements"\ndrop = ["library.iputils.*"]\n'
        '[[requirement]]\nid = "tool.iptables"\nminimum = "1.8.8"\n'
    )
    spec = load_spec(str(file))
    row = spec.find("tool.iptables")
    assert row is not None
    assert (row.minimum, row.programs[0]) == ("1.8.8", "iptables")
    assert spec.find("library.iputils.libcap") is None
    assert spec.digest != load_spec().digest


HEAD = 'schema_version = "1"\nname = "x"\nversion = "1"\ntitle = "X"\n'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("not toml", "not TOML"),
        (HEAD + "colour = 1\n", "colour"),
        (HEAD, "exactly one row of kind loads"),
        (HEAD + 'extends = "calico-system-requirements"\ndrop = ["nothing.*"]\n', "matches no requirement"),
        (HEAD + 'extends = "no-such"\n', "can't read the spec"),
        (HEAD + 'extends = "calico-system-requirements"\n[[requirement]]\nid = "a"\nkind = "tool"\n', "needs `tool`"),
        (
            HEAD + 'extends = "calico-system-requirements"\n'
            '[[requirement]]\nid = "a"\nkind = "tool"\nsection = ""\ntext = ""\n',
            "needs `tool`",
        ),
        (
            HEAD + 'extends = "calico-system-requirements"\n'
            '[[requirement]]\nid = "a"\nkind = "library"\ntools = ["wg"]\nsonames = ["x.so"]\n',
            "no row of kind tool is about wg",
        ),
        (HEAD + 'extends = "calico-system-requirements"\n[[requirement]]\nkind = "tool"\n', "has no id"),
        (
            HEAD + 'extends = "calico-system-requirements"\n'
            '[[requirement]]\nid = "feature.xt_set"\nneeds = { modules = ["xt_sett"] }\n',
            "no table describes xt_sett",
        ),
        (
            HEAD + 'extends = "calico-system-requirements"\n'
            '[[requirement]]\nid = "feature.xt_set"\nneeds = { min_version = "five" }\n',
            "requirement feature.xt_set",
        ),
        (HEAD + '[module.xt_set]\nconfig = [{ name = "NETFILTER_XT_SET", since = "new" }]\n', "since"),
        (HEAD + '[module.xt_set]\nsymbols = ["NETFILTER_XT_SET"]\n', "symbols"),
        (HEAD + '[module.xt_set]\nfamily = "ipx"\n', "ipx"),
    ],
)
def test_a_bad_file_says_what_is_wrong(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "bad.toml"
    file.write_text(text)
    with pytest.raises(UsageError) as error:
        load_spec(str(file))
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_specs_that_extend_each_other_are_refused(tmp_path: Path) -> None:
    for name, other in (("a", "b"), ("b", "a")):
        (tmp_path / f"{name}.toml").write_text(f'{HEAD}extends = "{other}.toml"\n')
    with pytest.raises(UsageError, match="extends more than"):
        load_spec(str(tmp_path / "a.toml"))


def test_a_row_names_modules_and_the_spec_knows_what_builds_them() -> None:
    spec = load_spec()
    row = spec.find("feature.ip_tables")
    assert row is not None
    assert row.needs is not None
    assert spec.config_symbols(row.needs.modules)[:2] == ("IP_NF_IPTABLES_LEGACY", "NETFILTER_XTABLES")
    assert spec.modules["ipt_rpfilter"].family == "ipv4"


def test_a_spec_file_describes_a_module_anew(tmp_path: Path) -> None:
    file = tmp_path / "ours.toml"
    file.write_text(
        f'{HEAD}extends = "felix"\n[module.wireguard]\nconfig = [{{ name = "WIREGUARD", since = "5.6" }}]\n'
        '[[requirement]]\nid = "feature.ipip"\nneeds = { modules = ["wireguard"] }\n'
    )
    spec = load_spec(str(file))
    assert spec.config_symbols(["wireguard"]) == ("WIREGUARD",)
    assert spec.modules["xt_set"] == load_spec().modules["xt_set"]
