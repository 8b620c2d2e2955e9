"""`audit-image kernel` on small made kernels: what a TREE may be, exit codes, one clear line for bad input."""

import json
from pathlib import Path

import pytest

from auditor.cli.main import run
from auditor.report.audit.document import to_document
from auditor.report.schema import dump
from auditor.rules.kernel.bridge import feature_needs
from auditor.spec import load_spec
from tests.inventories import sound
from tests.kernel.made import RELEASE, config, tree
from tests.kernel_command.made import image

NAMES = [module.name for need in feature_needs(load_spec()) for module in need.modules]
TYPE = {"ip_set_hash_ip": ("description=hash:ip type of IP sets, revisions 0-6",)}


def made(folder: Path, *without: str, types: bool = True) -> tuple[str, str]:
    """A module tree and a config, with everything but what is left out."""
    modules = {name: () for name in NAMES if name not in without} | (TYPE if types else {})
    folder.mkdir(exist_ok=True)
    return str(tree(folder, modules, order=())), str(config(folder, "MODULES=y"))


def saved(folder: Path, **fields: object) -> str:
    path = folder / "report.json"
    path.write_text(dump(to_document(image(**fields))))  # type: ignore[arg-type]
    return f"report:{path}"


def test_a_tree_and_its_config_are_one_kernel(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["kernel", *made(tmp_path), "-o", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [kernel["release"] for kernel in document["kernels"]] == [RELEASE]
    assert document["verdict"] == "pass"


@pytest.mark.parametrize(("fail_on", "code"), [("error", 1), ("never", 0)])
def test_a_missing_module_fails(tmp_path: Path, fail_on: str, code: int) -> None:
    assert run(["kernel", *made(tmp_path, "xt_mark"), "--fail-on", fail_on]) == code


@pytest.mark.parametrize(("types", "fail_on", "code"), [(6, "note", 0), (5, "warning", 1), (5, "error", 0)])
def test_a_saved_report_is_enough(tmp_path: Path, types: int, fail_on: str, code: int) -> None:
    given = saved(tmp_path, types={"hash:ip": types})
    assert run(["kernel", *made(tmp_path / "kernel"), "--image", given, "--fail-on", fail_on]) == code


def test_a_report_from_before_modprobe_was_looked_at(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = to_document(image(sound()))
    del document["inventory"]["kmod"]
    for row in document["requirements"]:
        if row["needs"]:
            del row["needs"]["alternatives"]
    (tmp_path / "old.json").write_text(dump(document))
    assert run(["kernel", *made(tmp_path), "--image", f"report:{tmp_path / 'old.json'}"]) == 0
    assert "save it anew" in " ".join(capsys.readouterr().out.split())


def test_kernels_inside_an_image(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "root/lib").mkdir(parents=True)
    made(tmp_path / "root/lib/modules")
    assert run(["kernel", f"dir:{tmp_path / 'root'}", "-o", "json"]) == 0
    (kernel,) = json.loads(capsys.readouterr().out)["kernels"]
    assert kernel["release"] == RELEASE
    assert kernel["sources"][0]["kind"] == "image"


def test_waivers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    modules, whole = made(tmp_path, "ipip")
    waivers = tmp_path / "waivers.toml"
    waivers.write_text(
        '[[waiver]]\nrule = "kernel-feature-missing"\nsubject = "ipip"\nreason = "no IPIP"\nowner = "net"\n'
        "expires = 2999-01-01\n"
    )
    assert run(["kernel", modules, whole, "--waivers", str(waivers), "-o", "json"]) == 0
    rows = {row["id"]: row for row in json.loads(capsys.readouterr().out)["requirements"]}
    assert rows["feature.ipip"]["kernels"][0]["status"] == "waived"


def test_the_host(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["kernel", "--host", "--fail-on", "never", "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["kernels"][0]["sources"][0]["kind"] == "host"


def test_schema_and_explanations(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["schema", "kernel"]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "audit-image kernel"
    for rule in ("kernel-too-old", "kernel-feature-missing", "ipset-revision-unsupported", "modprobe-unreachable"):
        assert run(["explain", rule]) == 0
    assert "iptables who?" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["/no/such/tree"],
        ["no-such-file"],
        ["{tmp}/empty"],
        ["{tmp}/junk"],
        ["report:{tmp}/report.json"],
        ["docker-archive:/no/such.tar"],
        ["dir:{tmp}/empty"],
        ["{kernel}", "--image", "report:/no/such.json"],
        ["{kernel}", "--image", "docker-archive:/no/such.tar"],
        ["{kernel}", "--image", "report:{tmp}/report.json", "--platform", "linux/a b"],
        ["{kernel}", "--platform", "linux/amd64"],
        ["{kernel}", "--fail-on", "regression"],
        ["{kernel}", "-o", "nonsense"],
        ["{kernel}", "--spec", "no-such"],
        ["{kernel}", "--waivers", "/no/such.toml"],
        ["{kernel}", "--image", "report:{tmp}/arm/report.json"],
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    tmp_path: Path, arguments: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "junk").write_bytes(b"junk" * 100)
    (tmp_path / "empty").mkdir()
    (tmp_path / "arm").mkdir()
    saved(tmp_path)
    saved(tmp_path / "arm", architecture="arm64")
    words = {"tmp": str(tmp_path), "kernel": made(tmp_path / "made")[0]}
    given = [argument.format(**words) for argument in arguments]
    assert run(["kernel", *given]) == 2
    captured = capfd.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    assert line.startswith("audit-image: ")
