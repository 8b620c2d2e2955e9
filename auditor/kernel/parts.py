"""Which of a source's files belong to which kernel, and which sources make up one kernel."""

import re
from collections.abc import Sequence

from auditor.errors import UsageError
from auditor.kernel.config import parse_config
from auditor.kernel.evidence import FACTS, Evidence, Part
from auditor.kernel.source.interface import Keep, Source
from auditor.kernel.version import RELEASE, version_text

_TREE = re.compile(r"lib/modules/([^/]+)/(.+)")
_BOOT = re.compile(r"boot/(config|vmlinu[xz])-(.+)")


def read_parts(source: Source, keep: Keep) -> list[Part]:
    """The kernels, or parts of kernels, in a source. UsageError where it has none."""
    files = source.open(keep)
    parts: dict[str, Part] = {}

    def part(release: str) -> Part:
        return parts.setdefault(release, Part(files, source.kind, source.label, release))

    for path in sorted(files.paths()):
        tree, boot = _TREE.fullmatch(path), _BOOT.fullmatch(path)
        if tree is not None and RELEASE.fullmatch(tree[1]):
            found = part(tree[1])
            found.tree[tree[2]] = path
            if tree[2] == "config":
                found.configs.append(path)
            elif tree[2] in ("vmlinuz", "vmlinux"):
                found.images.append(path)
        elif boot is not None and RELEASE.fullmatch(boot[2]):
            (part(boot[2]).configs if boot[1] == "config" else part(boot[2]).images).append(path)
        elif path == "config":
            part(_unnamed(files.read(path, 1 << 30), source.label)).configs.append(path)
        elif path.startswith("proc/"):
            part(files.release).process.append(path)
    if files.release:
        part(files.release)
    useful = [entry for entry in parts.values() if entry.holds() or entry.process or files.release]
    if not useful:
        raise UsageError("nothing of a kernel is in it: no modules and no config", source.label, "leave it out")
    return useful


def group(parts: Sequence[Part]) -> list[Evidence]:
    """One kernel for each release and architecture, in the order in which they were given.

    A node's facts are a kernel of their own, before the others.
    A part that doesn't tell its architecture belongs to the kernel of its release, where there is only one.
    """
    kernels = [Evidence(part.release, [part]) for part in parts if part.kind == FACTS]
    others = [part for part in parts if part.kind != FACTS]
    for release in dict.fromkeys(part.release for part in others):
        of_release = [part for part in others if part.release == release]
        if len(of_release) == 1:
            kernels.append(Evidence(release, of_release))
            continue
        architectures = {id(part): Evidence(release, [part]).architecture for part in of_release}
        known = list(dict.fromkeys(filter(None, architectures.values())))
        if len(known) < 2:
            kernels.append(Evidence(release, of_release))
            continue
        unknown = [part.label for part in of_release if not architectures[id(part)]]
        if unknown:
            raise UsageError(
                f"it may belong to the {' or the '.join(known)} kernel {release}", unknown[0], "audit them one by one"
            )
        for architecture in known:
            kernels.append(Evidence(release, [part for part in of_release if architectures[id(part)] == architecture]))
    return kernels


def _unnamed(data: bytes, label: str) -> str:
    """The version in a config's header stands for the release that its name doesn't tell."""
    config = parse_config(data)
    if config is None or not config.version:
        raise UsageError("which kernel this config is of can't be told", label, "name the file config-RELEASE")
    return version_text(config.version)
