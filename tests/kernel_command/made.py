"""Made-up kernels that say what a test needs, and images to go with them."""

import datetime
from collections.abc import Collection, Mapping

from msgspec.structs import replace

from auditor.auditing import judge
from auditor.auditing.kernel import audit_kernels
from auditor.family import Family
from auditor.image.model import Platform
from auditor.inventory.model import Decoder, Inventory, Kmod, ModprobePlace, ModuleLoader
from auditor.kernel.model import FeatureAnswer, Kernel, ModuleAnswer, ModuleNeed, Presence, SetTypeRange, SourceInfo
from auditor.kernel.version import Version, at_least, parse_version
from auditor.report.kernel.model import KernelReport
from auditor.report.model import Report, ReportImage
from auditor.rules import Options
from auditor.rules.kernel.bridge import feature_needs
from auditor.severity import FailOn
from auditor.spec import load_spec
from auditor.tools.model import SetType
from auditor.tools.project.kmod import COMPRESSIONS
from tests.inventories import LAYERS, sound

TODAY = datetime.date(2026, 1, 1)
RELEASE = "6.1.0-9-amd64"


def kernel(
    absent: Collection[str] = (),
    unknown: Collection[str] = (),
    *,
    built_in: bool = False,
    compression: str = "",
    version: Version = (6, 1, 27),
    set_types: Mapping[str, tuple[int, int]] | None = None,
    **fields: object,
) -> Kernel:
    """A kernel with everything, but for the modules `absent` and `unknown`."""

    def answer(need: ModuleNeed) -> ModuleAnswer:
        config, gates = need.config[0].name, tuple(gate.name for gate in need.gates)
        if need.name in absent:
            return ModuleAnswer(need, Presence.ABSENT, reason=f"CONFIG_{config} is not set", config=config, gates=gates)
        if need.name in unknown:
            return ModuleAnswer(need, Presence.UNKNOWN, reason="another package may hold it", config=config)
        if built_in:
            return ModuleAnswer(need, Presence.BUILT_IN, need.name, built_in=True, config=config)
        path = f"/lib/modules/{RELEASE}/{need.name}.ko{compression and f'.{compression}'}"
        return ModuleAnswer(need, Presence.MODULE, need.name, path=path, compression=compression, config=config)

    features = tuple(
        FeatureAnswer(
            need,
            None if not version else not need.min_version or at_least(version, need.min_version),
            tuple(map(answer, need.modules)),
        )
        for need in feature_needs(load_spec())
    )
    made = Kernel(
        release=RELEASE,
        version=version,
        architecture="amd64",
        sources=(SourceInfo("directory", "tree", ("modules", "config")),),
        features=features,
        set_types=tuple(
            SetTypeRange(name, low, high, f"ip_set_{name.replace(':', '_').replace(',', '')}")
            for name, (low, high) in (set_types if set_types is not None else {"hash:ip": (0, 6)}).items()
        ),
        modprobe_path="/sbin/modprobe",
        module_compression=(compression,),
        compression_config=compression,
        decompresses=False,
    )
    return replace(made, **fields)


def loader(version: str = "30", **decoders: bool | None) -> ModuleLoader:
    """A kmod that reads every compression but those that are said otherwise."""
    found = tuple(
        Decoder(kind, "linked", decoders.get(kind, True), f"lib{kind}.so.1", reason=f"lib{kind}.so.1 is not found")
        for kind in COMPRESSIONS
    )
    return ModuleLoader("/usr/bin/kmod", "kmod", version, 0, "kmod", not version.startswith("30"), found)


def kmod(one: ModuleLoader | None = None, *, places: Collection[str] = ("/sbin/modprobe",)) -> Kmod:
    """An image's modprobe, reached at these paths of the usual ones."""
    one = one or loader()
    usual = ("/sbin/modprobe", "/usr/sbin/modprobe", "/usr/bin/modprobe")
    known = tuple(
        ModprobePlace(path, one.path if path in places else "", "" if path in places else "not in the image")
        for path in usual
    )
    return Kmod(one.path if places else "", known, (one,) if places else ())


def image(
    inventory: Inventory | None = None,
    reference: str = "calico/node:v1",
    *,
    architecture: str = "amd64",
    types: Mapping[str, int] | None = None,
    **fields: object,
) -> Report:
    """The sound image's report; `types` are the set types of its ipset, each from revision 0 to the given one."""
    known = {"hash:ip": 6} if types is None else types
    rows = tuple(SetType(name, number, 255, 1) for name, high in known.items() for number in range(high + 1))
    taken = replace(inventory or sound(), set_types=rows, kmod=kmod(), platform=Platform("linux", architecture))
    taken = replace(taken, **fields)
    described = ReportImage(reference, "docker-archive", None, "sha256:1", taken.platform, LAYERS)
    return judge(described, taken, load_spec(), Options(), today=TODAY)


def audited(
    *kernels: Kernel,
    images: Collection[Report] = (),
    family: Family = Family.DUAL,
    fail_on: FailOn = FailOn.ERROR,
    cpu: tuple[tuple[str, str], ...] = (),
) -> KernelReport:
    """These kernels with these images, by the default spec."""
    options = Options(ip_family=family, fail_on=fail_on, cpu=cpu)
    return audit_kernels(kernels, list(images), load_spec(), options, today=TODAY)


def version(text: str) -> Version:
    """`3.9` as the kernel room has it."""
    return parse_version(text)
