"""What an image loads modules with: kmod of every suite, compared with what it really reads."""

from pathlib import Path

import pytest

from auditor.auditing import audit
from auditor.auditing.load import load
from auditor.image import parse_platform
from auditor.inventory.model import Kmod, ModuleLoader
from auditor.report.model import Report
from auditor.rules import Options
from auditor.spec import load_spec
from tests.images import EVERY_IMAGE, built, report
from tests.kernel.made import module, packed
from tests.kernel_command.changed import changed, inside

#: Version, whether it hands over, and how it reads gz, xz and zst.
SUITES = {
    "bullseye": ("28", False, "none", "linked", "none"),
    "bookworm": ("30", False, "none", "linked", "linked"),
    "trixie": ("34.2", True, "none", "dlopen", "dlopen"),
    "sid": ("34.2", True, "none", "dlopen", "dlopen"),
}
KINDS = ("gz", "xz", "zst")


@pytest.mark.parametrize(("suite", "architecture"), EVERY_IMAGE)
def test_every_suite(suite: str, architecture: str) -> None:
    one = loader_of(report(suite, architecture))
    assert (one.version, one.hands_over, *(entry.how for entry in one.decoders)) == SUITES[suite]
    assert all(entry.usable is (entry.how != "none") for entry in one.decoders)
    assert all(entry.path for entry in one.decoders if entry.how in ("linked", "dlopen"))


def test_its_words_are_what_it_prints() -> None:
    printed = inside(built().tree, "/usr/bin/kmod", "--version").output.splitlines()
    assert [entry.value for entry in loader_of(report()).evidence] == printed


@pytest.mark.full
@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("without", ["", "liblzma.so", "libzstd.so"])
def test_it_reads_what_is_said(suite: str, without: str) -> None:
    """`modinfo` of the image's own kmod is asked for a module of each compression."""
    files = {f"probe.ko.{kind}": packed(module("name=probe", "license=GPL"), kind) for kind in KINDS}
    with changed(suite, f"kmod{without}", without, files) as root:
        one = loader_of(audited(root))
        modinfo = "/usr/sbin/modinfo" if (root / "usr/sbin/modinfo").is_symlink() else "/sbin/modinfo"
        answers = {kind: inside(root, modinfo, "-F", "license", f"/probe.ko.{kind}") for kind in KINDS}
    read = {kind: answer.code == 0 and "GPL" in answer.output for kind, answer in answers.items()}
    assert {kind: one.decoder(kind).usable for kind in KINDS} == read, answers


def test_busybox_and_scripts_are_unknown() -> None:
    one = ModuleLoader("/bin/busybox", "busybox", None, 0, None, reason="an applet")
    assert one.decoder("xz").usable is None
    assert one.decoder("xz").reason == "an applet"


def test_a_dangling_link_and_a_script(tmp_path: Path) -> None:
    (tmp_path / "sbin").mkdir()
    (tmp_path / "usr/bin").mkdir(parents=True)
    (tmp_path / "sbin/modprobe").symlink_to("kmod")
    script = tmp_path / "usr/bin/modprobe"
    script.write_text("#!/bin/sh\n")
    kmod = kmod_of(audited(tmp_path))
    assert {place.path: place.reason for place in kmod.places}["/sbin/modprobe"] == "a dangling link to /sbin/kmod"
    assert kmod.on_path == ""  # it has no x bit
    script.chmod(0o755)
    kmod = kmod_of(audited(tmp_path))
    assert [(entry.path, entry.kind) for entry in kmod.loaders] == [("/usr/bin/modprobe", "script")]


def audited(root: Path) -> Report:
    with load(f"dir:{root}", platform=parse_platform("linux/amd64")) as image:
        return audit(image, load_spec(), Options(chosen_platform=True))


def kmod_of(one: Report) -> Kmod:
    assert one.inventory.kmod is not None
    return one.inventory.kmod


def loader_of(one: Report) -> ModuleLoader:
    kmod = kmod_of(one)
    found = kmod.loader(kmod.on_path)
    assert found is not None
    assert found.kind == "kmod"
    return found
