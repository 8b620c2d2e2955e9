"""What the node-facts script writes, read back: the same answers as the node's own module tree gives."""

import gzip
import shutil
import subprocess
from pathlib import Path

import pytest
from msgspec.structs import replace

from auditor import processor
from auditor.cli.main import run
from auditor.errors import CorruptImage, LimitExceeded
from auditor.kernel.model import Kernel
from auditor.kernel.read import read_kernels
from auditor.kernel.source import facts as reader
from auditor.kernel.source.open import open_source
from tests.kernel import made
from tests.kernel.debian import kernel_packages, unpacked
from tests.kernel.needs import load_needs

NEEDS = load_needs()
SCRIPT = Path(reader.__file__).parents[1] / "node-facts.sh"  # the command prints it as it is
SHELLS = (("dash",), ("busybox", "sh"), ("bash", "--posix"))
SET_TYPES = {
    "ip_set": (),
    "ip_set_hash_ip": ("depends=ip_set", "description=hash:ip type of IP sets, revisions 0-6"),
}
V2 = "flags\t\t: fpu sse2 pni ssse3 cx16 sse4_1 sse4_2 popcnt lahf_lm"
V3 = f"{V2} avx avx2 bmi1 bmi2 f16c fma abm movbe"


def written(root: Path, release: str, shell: tuple[str, ...] = ("sh",)) -> bytes:
    """What the script, as the command prints it, writes of a root file system."""
    if shutil.which(shell[0]) is None:
        pytest.skip(f"{shell[0]} is not installed")
    script = root.parent / "node-facts.sh"
    with script.open("w") as out:
        out.write(SCRIPT.read_text())
    done = subprocess.run([*shell, str(script), str(root), release], capture_output=True, check=True)
    assert done.stderr == b""
    return done.stdout


def answers(kernel: Kernel) -> Kernel:
    """The kernel without where its modules are, which differs, and what only a node tells."""
    features = tuple(
        replace(feature, modules=tuple(replace(each, path="", reason="") for each in feature.modules))
        for feature in kernel.features
    )
    return replace(kernel, features=features, sources=(), node="", cpu_level="", cpu_reason="")


def both(tree: Path, facts: Path, config: Path | None = None) -> tuple[Kernel, Kernel]:
    """The kernel by its tree and by the facts."""
    sources = [open_source(path) for path in (tree, config) if path is not None]
    (by_tree,) = read_kernels(sources, NEEDS)
    (by_facts,) = read_kernels([open_source(facts)], NEEDS)
    return by_tree, by_facts


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A node's files: modules, config, /proc."""
    top = tmp_path / "node one"  # a path with a blank
    (top / "lib/modules").mkdir(parents=True)
    (top / "boot").mkdir()
    (top / "proc/sys/kernel").mkdir(parents=True)
    (top / "etc").mkdir()
    (top / "etc/hostname").write_text("node-1")  # without a line break
    (top / "proc/sys/kernel/modprobe").write_text("/usr/bin/modprobe\n")
    (top / "proc/modules").write_text("xt_set 16384 1 - Live 0x0\n")
    (top / "proc/cpuinfo").write_text(f"processor\t: 0\n{V3}\n\nprocessor\t: 1\n{V2}\n\n")
    made.tree(
        top / "lib/modules",
        {**SET_TYPES, "xt_set": ("alias=ipt_set", "depends=ip_set"), "ip_tables": ("alias=pci:v1d2",)},
        kind="xz",
        order=(),
        built_in=("ipip",),
        built_in_info={"ipip": ("alias=rtnl-link-ipip",)},
        installed=True,
    )
    lines = ('MODPROBE_PATH="/sbin/modprobe"', "X86_64=y", "NET_IPIP=y", "IP_SET_HASH_IP=m", "IP_SET_HASH_NET=m")
    made.config(top / "boot", *lines)
    return top


@pytest.mark.skipif(shutil.which("xz") is None, reason="xz is not installed, with which a node reads its modules")
@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_a_made_node_is_told_as_its_tree_tells_it(root: Path, shell: tuple[str, ...]) -> None:
    facts = root.parent / "node.facts.gz"
    facts.write_bytes(gzip.compress(written(root, made.RELEASE, shell)))
    by_tree, by_facts = both(root / "lib/modules" / made.RELEASE, facts, root / "boot" / f"config-{made.RELEASE}")
    # The running node knows more: what it has loaded, and the modprobe that was set.
    assert by_facts.modprobe_path == "/usr/bin/modprobe"
    assert answers(replace(by_facts, modprobe_path=by_tree.modprobe_path)) == answers(by_tree)
    assert (by_facts.node, by_facts.cpu_level) == ("node-1", "x86-64-v2")  # the lesser of its two processors


def test_two_nodes_of_one_release_are_two(root: Path) -> None:
    data = written(root, made.RELEASE)
    names = []
    for name in ("a", "b"):
        place = root.parent / f"{name}.facts"
        place.write_bytes(data.replace(b"node-1", name.encode()))
        names.append(place)
    kernels = read_kernels([open_source(place) for place in names], NEEDS)
    assert [kernel.node for kernel in kernels] == ["a", "b"]


def test_without_modules_dep_a_module_is_not_held_to_be_missing(root: Path) -> None:
    (root / "lib/modules" / made.RELEASE / "modules.dep").unlink()
    place = root.parent / "a.facts"
    place.write_bytes(written(root, made.RELEASE))
    (kernel,) = read_kernels([open_source(place)], NEEDS)
    found = {each.need.name: each for feature in kernel.features for each in feature.modules}
    assert found["ip_tables"].present is None


@pytest.mark.parametrize(("suite", "architecture", "flavour"), [("bookworm", "amd64", "cloud")])
def test_a_real_kernel(tmp_path: Path, suite: str, architecture: str, flavour: str) -> None:
    """Every answer about Debian's kernel is that of its tree, with and without its config."""
    with unpacked(kernel_packages(suite, architecture, flavour)) as kernel:
        kernel.depmod()
        facts = tmp_path / "node.facts"
        facts.write_bytes(written(kernel.root, kernel.release, ("dash",)))
        by_tree, by_facts = both(kernel.tree, facts, kernel.config)
        assert answers(by_facts) == answers(by_tree)
        assert sum(len(feature.modules) for feature in by_facts.features) > 20
        assert len(by_facts.set_types) > 10


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"audit-image node-facts 2\n@end\n", "another version"),
        (b"audit-image node-facts 1\n@release\n 6.1.0\n", "cut short"),
        (b"audit-image node-facts 1\n@end\n", "no release"),
        (b"audit-image node-facts 1\n@release\n ../../etc\n@end\n", "no release"),
        (b"audit-image node-facts 1\n@release\n 6.1.0\n@release\n 6.2.0\n@end\n", "second section"),
        (b"audit-image node-facts 1\n@release\n 6.1.0\nCONFIG_NET=y\n@end\n", "line 4"),
        (b"audit-image node-facts 1\n 6.1.0\n@end\n", "line 2"),
    ],
)
def test_what_is_no_facts_is_one_line(
    tmp_path: Path, data: bytes, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "facts"
    place.write_bytes(data)
    with pytest.raises(CorruptImage, match=told):
        read_kernels([open_source(place)], NEEDS)
    assert run(["kernel", str(place)]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize(("bound", "most"), [("_LIMIT", 64), ("_MAX_LINES", 9), ("_MAX_SECTIONS", 1)])
def test_facts_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bound: str, most: int) -> None:
    monkeypatch.setattr(reader, bound, most)
    place = tmp_path / "facts"
    place.write_bytes(b"audit-image node-facts 1\n@release\n 6.1.0\n@loaded\n" + b" x\n" * 99 + b"@end\n")
    with pytest.raises(LimitExceeded):
        read_kernels([open_source(place)], NEEDS)


def test_the_command_prints_the_script(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["node-facts"]) == 0
    assert capsys.readouterr().out == SCRIPT.read_text()


@pytest.mark.parametrize(
    ("architecture", "cpuinfo", "level"),
    [
        ("amd64", "flags : fpu sse2 pni", "x86-64"),
        ("amd64", V2, "x86-64-v2"),
        ("amd64", V3, "x86-64-v3"),
        ("amd64", f"{V3} avx512f avx512bw avx512cd avx512dq avx512vl", "x86-64-v4"),
        ("amd64", f"{V3}\n{V2}", "x86-64-v2"),
        ("386", "flags : fpu", "i686"),
        ("ppc64le", "cpu\t\t: POWER9 (architected), altivec supported", "power9"),
        ("ppc64le", "cpu\t\t: POWER12", ""),
        ("s390x", "machine: 3906", "z14"),
        ("arm64", "Features\t: fp asimd", ""),
        ("amd64", "", ""),
    ],
)
def test_the_level_of_a_processor(architecture: str, cpuinfo: str, level: str) -> None:
    seen = processor.level_of(architecture, cpuinfo)
    assert seen.level == level
    assert bool(seen.reason) is not bool(level)
