"""From sources to kernels: the one call that the rest of the program makes."""

from collections.abc import Sequence

from auditor.kernel.evidence import Evidence
from auditor.kernel.features import answer_features, wanted_names
from auditor.kernel.model import FeatureNeed, Kernel, SourceInfo
from auditor.kernel.names import module_file
from auditor.kernel.parts import group, read_parts
from auditor.kernel.settypes import is_set_type, read_set_types
from auditor.kernel.source.facts import FactsFiles
from auditor.kernel.source.interface import MIB, Keep, Source
from auditor.kernel.version import at_least
from auditor.processor import Seen

#: Where the modules are that network modules depend on; what is elsewhere costs a package a second pass.
_NEAR = ("kernel/net/", "kernel/lib/", "kernel/crypto/")
_LARGE = 4 * MIB  # bytes; no module of these folders is
_IMAGE = 64 * MIB

_MODPROBE = "/sbin/modprobe"  # where CONFIG_MODPROBE_PATH, since Linux 5.13, is not there to say otherwise
_COMPRESS = {"MODULE_COMPRESS_GZIP": "gz", "MODULE_COMPRESS_XZ": "xz", "MODULE_COMPRESS_ZSTD": "zst"}


def read_kernels(sources: Sequence[Source], needs: Sequence[FeatureNeed]) -> tuple[Kernel, ...]:
    """The kernels that the sources make up, each with its answers to `needs`, in the order of the sources.

    What is of one release and architecture is one kernel. Nothing is loaded or run. An AuditError where a source
    can't be read, or holds nothing of a kernel.
    """
    keep = _keeper(wanted_names(needs))
    parts = [part for source in sources for part in read_parts(source, keep)]
    return tuple(_kernel(evidence, needs) for evidence in group(parts))


def _keeper(names: frozenset[str]) -> Keep:
    def keep(path: str, size: int) -> bool:
        if path.startswith("boot/"):
            return not path.startswith("boot/System.map") and size < _IMAGE
        if not path.startswith("lib/modules/"):
            return False
        relative = path.split("/", 3)[-1]
        file = module_file(relative)
        if file is None:
            return relative.startswith("modules.") or (relative in ("config", "vmlinuz") and size < _IMAGE)
        return file[0] in names or is_set_type(file[0]) or (relative.startswith(_NEAR) and size < _LARGE)

    return keep


def _kernel(evidence: Evidence, needs: Sequence[FeatureNeed]) -> Kernel:
    features = answer_features(evidence, needs)
    set_types, unknown = read_set_types(evidence)
    modprobe, reason = _modprobe(evidence)
    config = evidence.config
    facts = next((part.files for part in evidence.parts if isinstance(part.files, FactsFiles)), None)
    seen = facts.cpu(evidence.architecture) if facts else Seen()
    return Kernel(
        release=evidence.release,
        version=evidence.version,
        architecture=evidence.architecture,
        sources=tuple(SourceInfo(part.kind, part.label, part.holds()) for part in evidence.parts),
        features=features,
        set_types=set_types,
        set_types_unknown=unknown,
        modprobe_path=modprobe,
        modprobe_reason=reason,
        module_compression=evidence.compressions(),
        compression_config=_compression(evidence),
        decompresses=None if config is None else _is_set(evidence, "MODULE_DECOMPRESS"),
        node=facts.node if facts else "",
        cpu_level=seen.level,
        cpu_reason=seen.reason,
    )


def _modprobe(evidence: Evidence) -> tuple[str | None, str]:
    """What the kernel runs to load a module (the kernel's Documentation/admin-guide/sysctl/kernel.rst: modprobe)."""
    if evidence.modprobe_setting is not None:
        return evidence.modprobe_setting, ""
    config = evidence.config
    if config is None:
        return None, "no source holds the kernel's config"
    path = config.text("MODPROBE_PATH")
    if path is not None:
        return path, ""
    if config.state("MODULES") == "n":
        return "", ""
    if not config.complete or not evidence.version:
        return None, "the config is not complete"
    if at_least(evidence.version, (5, 13)):
        return None, "the config doesn't give CONFIG_MODPROBE_PATH"
    return _MODPROBE, ""


def _compression(evidence: Evidence) -> str | None:
    config = evidence.config
    if config is None:
        return None
    if not config.complete and not any(config.mentions(symbol) for symbol in _COMPRESS):
        return None
    # Before 5.13 the kind was chosen below a switch of its own; since 6.12 installing may leave them alone.
    for switch in ("MODULE_COMPRESS", "MODULE_COMPRESS_ALL"):
        if config.mentions(switch) and config.state(switch) == "n":
            return ""
    return next((kind for symbol, kind in _COMPRESS.items() if config.state(symbol) == "y"), "")


def _is_set(evidence: Evidence, symbol: str) -> bool | None:
    config = evidence.config
    state = None if config is None else config.state(symbol)
    return None if state is None else state == "y"
