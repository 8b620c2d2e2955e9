"""A kernel of which nothing can be told is no kernel that meets the spec."""

import json
import tarfile
from functools import cache
from pathlib import Path

import pytest

from auditor.auditing.kernel import audit_kernels
from auditor.cli.main import run
from auditor.errors import UsageError
from auditor.kernel.read import read_kernels
from auditor.kernel.source.host import HostSource
from auditor.kernel.source.open import open_source
from auditor.rules.kernel.bridge import feature_needs
from auditor.spec import load_spec
from tests.kernel.made import RELEASE, config, tree
from tests.kernel_command.test_cli import NAMES, made

SHARED = Path(__file__).parents[3] / "shared/real"
FEATURES = 12


def shared(name: str) -> Path:
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"{name} is not at hand")
    return path


def check(host: HostSource) -> str:
    spec = load_spec()
    with pytest.raises(UsageError) as caught:
        audit_kernels(read_kernels([host], feature_needs(spec)), (), spec)
    return str(caught.value)


def test_a_package_of_two_drivers(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["kernel", str(shared("khomp-kmod-5.0.001-1.el7.rpm"))]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert "none of the 12 rows" in told.err
    assert "give the whole module tree or the kernel's own package too" in told.err


def test_a_config_whose_options_are_all_modules(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    symbols = {module.config[0].name for need in feature_needs(load_spec()) for module in need.modules if module.config}
    path = config(tmp_path, *(f"{symbol}=m" for symbol in sorted(symbols)))
    assert run(["kernel", str(path)]) == 2
    assert "give the module tree" in capsys.readouterr().err


def test_a_row_that_only_a_flavour_leaves_unknown_says_why(tmp_path: Path) -> None:
    """As AlmaLinux 10 has it: x_tables built in, each flavour of iptables a module."""
    spec = load_spec()
    path = config(tmp_path, "MODULES=y", "NETFILTER_XTABLES=y", "IP_NF_IPTABLES=m", "NF_TABLES=m", "NFT_COMPAT=m")
    kernels = read_kernels([open_source(path)], feature_needs(spec))
    row = next(row for row in audit_kernels(kernels, (), spec).requirements if row.id == "feature.ip_tables")
    assert row.kernels[0].status == "unknown"
    assert "ip_tables: CONFIG_IP_NF_IPTABLES=m" in row.kernels[0].reason


@pytest.mark.parametrize("empty", [False, True])
def test_a_host_without_its_modules(tmp_path: Path, empty: bool) -> None:
    (tmp_path / "proc").mkdir()
    if empty:
        (tmp_path / "proc/config.gz").write_bytes(b"")
    assert check(HostSource(tmp_path, RELEASE, "x86_64")).endswith("mount /lib/modules")


def test_a_piece_of_a_config_is_no_kernel(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "config"
    path.write_text("# Linux/x86 6.1.27 Kernel Configuration\nCONFIG_X86_64=y\nCONFIG_MODULES=y\n")
    assert run(["kernel", str(path)]) == 2
    assert "none of the 12 rows" in capsys.readouterr().err


@pytest.mark.parametrize(("options", "code"), [((), 0), (("--fail-on-unknown",), 1)])
def test_some_rows_unknown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], code: int
) -> None:
    """All modules but one are there, and that one may be in a package that was not given."""
    modules: dict[str, tuple[str, ...]] = {name: () for name in NAMES if name != "xt_mark"}
    given = [str(tree(tmp_path, modules, order=["xt_mark"])), str(config(tmp_path, "NETFILTER_XT_MARK=m"))]
    assert run(["kernel", *given, *options]) == code
    last = capsys.readouterr().out.rstrip().splitlines()[-1]
    assert "1 answer unknown (give the kernel's config and its other packages too)" in last
    assert run(["kernel", *given, *options, "-o", "json"]) == code
    document = json.loads(capsys.readouterr().out)
    assert document["verdict"] == document["kernels"][0]["verdict"] == ("fail" if code else "pass")
    assert document["summary"]["unknown"] == 1
    assert document["spec"]["options"]["fail_on_unknown"] is bool(options)


def test_a_whole_kernel_passes_with_fail_on_unknown(tmp_path: Path) -> None:
    assert run(["kernel", *made(tmp_path), "--fail-on-unknown"]) == 0


@cache
def configs() -> dict[str, bytes]:
    """Kernel configurations as distributions ship them."""
    with tarfile.open(shared("kernel-configs.tar.xz")) as archive:
        found = {member.name: archive.extractfile(member) for member in archive.getmembers() if member.isfile()}
        return {name: file.read() for name, file in found.items() if file is not None}


def test_every_distribution_s_config_says_of_each_module_what_its_lines_say(tmp_path: Path) -> None:
    """Of a config alone: built in where it says `y`, absent where it isn't set, unknown where it says `m`.

    The truth is read from the lines by themselves: no version of a symbol, no gate, no replacement.
    """
    spec = load_spec()
    needs = feature_needs(spec)
    compared = 0
    for name, data in configs().items():
        path = tmp_path / "config"
        path.write_bytes(data)
        (kernel,) = read_kernels([open_source(path)], needs)
        lines = set(data.decode().splitlines())
        assert len(kernel.features) == FEATURES + 2, name
        for feature in kernel.features:
            for answer in feature.modules:
                if not answer.config or answer.presence.value in ("not-needed", "replaced"):
                    continue
                gates_open = all(f"CONFIG_{gate}=y" in lines or f"CONFIG_{gate}=m" in lines for gate in answer.gates)
                said = "y" if f"CONFIG_{answer.config}=y" in lines else "n"
                said = "m" if f"CONFIG_{answer.config}=m" in lines else said
                expected = {"y": "built-in", "m": "unknown", "n": "absent"}[said if gates_open else "n"]
                assert answer.presence.value == expected, (name, feature.need.id, answer)
                compared += 1
    assert compared > 33 * FEATURES
