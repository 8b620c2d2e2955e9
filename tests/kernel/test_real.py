"""Debian's kernels: every answer is what kmod says of the unpacked and depmod'ed package, and its config.

Each kernel is read as its packages, as the unpacked tree, and as the installed tree. Beside the document's features,
every module and alias of the network folders is asked for, and names that no kernel has.
"""

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from auditor.kernel.model import FeatureNeed, Kernel, ModuleAnswer, ModuleNeed, Presence, Relation, Replacement
from auditor.kernel.read import read_kernels
from auditor.kernel.settypes import compare_set_types, is_set_type
from auditor.kernel.source.open import open_source
from auditor.tools.model import SetType
from fixtures.apt import ARCHITECTURES, SUITES
from tests.kernel.debian import (
    Expected,
    Unpacked,
    grep,
    kernel_packages,
    modinfo_field,
    modinfo_filename,
    modprobe,
    unpacked,
)
from tests.kernel.needs import load_needs

NEEDS = load_needs()
MODULES = tuple({module.name: module for need in NEEDS for module in need.modules}.values())
#: The highest revisions that ipset programs know, of the types whose revisions have changed over these suites.
_KNOWN = {
    "7.10": {"hash:ip": 5, "hash:ip,port": 6, "hash:net,net": 3, "hash:net": 7, "hash:net,iface": 8},
    "7.17 to 7.22": {"hash:ip": 6, "hash:ip,port": 7, "hash:net,net": 4, "hash:net": 7, "hash:net,iface": 8},
}
USERSPACE = {
    version: [SetType(name, revision, 255, 1) for name, high in table.items() for revision in range(high + 1)]
    for version, table in _KNOWN.items()
}
RISKS = (Relation.KERNEL_HIGHER, Relation.DISJOINT, Relation.KERNEL_LACKS, Relation.UNKNOWN)

#: Every suite, flavour and architecture, and of the newest suite, whose packages are others, each architecture.
KERNELS = [
    *((suite, "generic", "amd64") for suite in SUITES),
    *((suite, "generic", architecture) for suite in ("bookworm", "sid") for architecture in ARCHITECTURES[1:]),
    ("bullseye", "rt", "amd64"),
    ("bookworm", "cloud", "arm64"),
    ("trixie", "rt", "arm64"),
    ("sid", "rt", "amd64"),
    ("sid", "cloud", "amd64"),
]

#: Only what is read off kmod and the config decides what is expected; this is what people know of these kernels.
RT_WITHOUT_LEGACY = ("feature.ip_tables", "feature.ip6_tables")  # PREEMPT_RT closes NETFILTER_XTABLES_LEGACY


def test_the_quick_one() -> None:
    check("bookworm", "amd64", "cloud", wide=False)


@pytest.mark.full
@pytest.mark.parametrize(("suite", "flavour", "architecture"), KERNELS)
def test_kernels(suite: str, flavour: str, architecture: str) -> None:
    check(suite, architecture, flavour, wide=True)


def check(suite: str, architecture: str, flavour: str, *, wide: bool) -> None:
    packages = kernel_packages(suite, architecture, flavour)
    with unpacked(packages) as kernel:
        whole = [*((kernel.config,) if kernel.config.parent.name == "boot" else ())]
        as_packages = read(packages)
        as_folder = read([kernel.tree, *whole])
        kernel.depmod()
        as_installed = read([kernel.tree, *whole])

        answers = [differences(kernel, each) for each in (as_packages, as_folder, as_installed)]
        assert answers == [[], [], []]
        assert set_type_differences(kernel, (as_packages, as_folder, as_installed)) == []
        assert [properties(each) for each in (as_packages, as_folder)] == [properties(as_installed)] * 2
        check_parts(packages, kernel, as_packages)
        check_properties(kernel, as_installed)
        check_incident(suite, as_installed)
        asked = check_everything(kernel, whole) if wide else 0
    closed = [answer.need.id for answer in as_installed.features if answer.met() is False]
    assert closed == (list(RT_WITHOUT_LEGACY) if (suite, flavour) == ("sid", "rt") else [])
    assert all(answer.met(flavours=["nf_tables"]) is not None for answer in as_installed.features)
    print(f"{as_installed.release}: {len(NEEDS)} features, {len(MODULES)} modules, {asked} names")


def read(paths: Sequence[Path], needs: Sequence[FeatureNeed] = NEEDS) -> Kernel:
    (kernel,) = read_kernels([open_source(path) for path in paths], needs)
    return kernel


def differences(kernel: Unpacked, found: Kernel) -> list[str]:
    """One line for each module whose answer isn't what kmod and the config say."""
    answers = {answer.need.name: answer for feature in found.features for answer in feature.modules}
    return [
        f"{name}: {answer.presence} {answer.provider} {answer.path} ({answer.reason}), not {expected}"
        for name, answer in answers.items()
        if (expected := expected_of(kernel, answer.need, answer.config)) != summary(kernel, answer, expected)
    ]


def expected_of(kernel: Unpacked, need: ModuleNeed, symbol: str) -> tuple[Presence, str, str]:
    """Presence, provider and path, by kmod's word on the name, then on its aliases, then by the config's."""
    for name in (need.name, *need.aliases):
        said = modprobe(kernel, name)
        if said.kind == "absent":
            continue
        assert bool(modinfo_filename(kernel, name)), f"modinfo knows nothing of {name}"
        if said.provider != need.name:
            return Presence.ALIAS, said.provider, said.path
        presence = Presence.BUILT_IN if said.kind == "built-in" else Presence.MODULE
        return presence, said.provider, said.path
    state = grep(kernel.config, symbol)
    assert state in ("y", "n"), f"CONFIG_{symbol}={state}, and kmod finds nothing"
    return (Presence.BUILT_IN, need.name, "") if state == "y" else (Presence.ABSENT, "", "")


def summary(kernel: Unpacked, answer: ModuleAnswer, expected: tuple[Presence, str, str]) -> tuple[Presence, str, str]:
    path = str(located(kernel, answer.path)) if answer.path else ""
    assert answer.built_in == (expected[0] is not Presence.ABSENT and not expected[2])
    return answer.presence, answer.provider, path


def located(kernel: Unpacked, path: str) -> Path:
    """A path in a package or in the file system, as a real place."""
    place = Path(path)
    return place.resolve() if place.is_relative_to(kernel.root) else (kernel.root / path.lstrip("/")).resolve()


def set_type_differences(kernel: Unpacked, readings: Sequence[Kernel]) -> list[str]:
    names = {path.name.partition(".")[0] for path in kernel.tree.rglob("ip_set_*.ko*")}
    expected = []
    for name in names:
        (description,) = modinfo_field(kernel, name, "description")
        match = re.fullmatch(r"(\S+) type of IP sets, revisions (\d+)-(\d+)", description)
        if match is not None:
            assert is_set_type(name)
            assert f"ip_set_{match[1]}" in modinfo_field(kernel, name, "alias")
            expected.append((match[1], int(match[2]), int(match[3]), name))
    assert len(expected) == 16
    return [
        f"{found.sources[0].kind}: {found.set_types} {found.set_types_unknown}"
        for found in readings
        if [(entry.name, entry.minimum, entry.maximum, entry.module) for entry in found.set_types] != sorted(expected)
        or found.set_types_unknown
    ]


def properties(kernel: Kernel) -> tuple[object, ...]:
    return (
        kernel.release,
        kernel.version,
        kernel.architecture,
        kernel.modprobe_path,
        kernel.module_compression,
        kernel.compression_config,
        kernel.decompresses,
    )


def check_parts(packages: Sequence[Path], kernel: Unpacked, whole: Kernel) -> None:
    """A part of a kernel says what the whole says, or that it doesn't know, and something of each."""
    parts = [read([package]) for package in packages] if len(packages) > 1 else [read([kernel.config])]
    for part in parts:
        answers = {answer.need.id: answer for answer in part.features}
        for answer in whole.features:
            for said, true in zip(answers[answer.need.id].modules, answer.modules, strict=True):
                assert said.present in (None, true.present), f"{part.sources}: {said}"
                assert said.present is not None or said.reason
    assert any(answer.met() is None for part in parts for answer in part.features)


def check_properties(kernel: Unpacked, found: Kernel) -> None:
    files = [path.suffix.lstrip(".") for path in kernel.tree.rglob("*.ko*")]
    used = {"" if suffix == "ko" else suffix for suffix in files}
    assert set(found.module_compression) == used
    path = grep(kernel.config, "MODPROBE_PATH").strip('"')
    assert found.modprobe_path == (path if path != "n" else "/sbin/modprobe")
    assert found.decompresses is (grep(kernel.config, "MODULE_DECOMPRESS") == "y")
    assert found.compression_config == (found.module_compression[0] or "")
    header = re.search(r"# Linux/\S+ (\S+) Kernel Configuration", kernel.config.read_text())
    assert header is not None
    assert ".".join(map(str, found.version)) == header[1]
    machines = {"x86": "amd64", "arm64": "arm64", "powerpc": "ppc64le", "s390": "s390x"}
    (word,) = re.findall(r"# Linux/(\S+) ", kernel.config.read_text())
    assert found.architecture == machines[word]


def check_incident(suite: str, found: Kernel) -> None:
    """An older suite's ipset falls short of a newer suite's kernel in three types, and none of its own kernel's."""
    risks = {
        ipset: {match.name for match in compare_set_types(found, USERSPACE[ipset]) if match.relation in RISKS}
        for ipset in USERSPACE
    }
    older = {"hash:ip", "hash:ip,port", "hash:net,net"} if suite in ("trixie", "sid") else set()
    assert risks == {"7.10": older, "7.17 to 7.22": set()}


def check_everything(kernel: Unpacked, config: Sequence[Path]) -> int:
    """Ask for every module, alias and built-in of the network folders. Gives how many names were compared."""
    names = {path.name.partition(".")[0].replace("-", "_") for path in kernel.tree.glob("kernel/net/**/*.ko*")}
    built_in = (kernel.tree / "modules.builtin").read_text().splitlines()
    names |= {Path(line).stem.replace("-", "_") for line in built_in if line.startswith("kernel/net/")}
    aliases: dict[str, str] = {}
    for line in (kernel.tree / "modules.alias").read_text().splitlines():
        _, pattern, module = (*line.split(), "", "")[:3]
        if module in names and not set(pattern) & set("*?[:"):
            aliases[pattern] = module
    invented = {"xt_nothing", "ipt_nothing", "nothing-at-all"}
    needs = [ModuleNeed(name) for name in sorted(names | invented)]
    needs += [ModuleNeed(alias, replaced_by=(Replacement(module, (99,)),)) for alias, module in sorted(aliases.items())]
    found = read([kernel.tree, *config], [FeatureNeed("all", tuple(needs))])
    wrong = []
    for answer in found.features[0].modules:
        said = modprobe(kernel, answer.need.name)
        if said != as_kmod_says(kernel, answer):
            wrong.append(f"{answer.need.name}: {answer.presence} {answer.provider} {answer.reason}, not {said}")
    assert wrong == []
    return len(needs)


def as_kmod_says(kernel: Unpacked, answer: ModuleAnswer) -> Expected:
    if answer.presence is Presence.ABSENT:
        return Expected("absent")
    path = str(located(kernel, answer.path)) if answer.path else ""
    return Expected("built-in" if answer.built_in else "module", answer.provider, path)
