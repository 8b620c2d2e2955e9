"""The two reports side by side, and the words in which things of one can be found in the other."""

import posixpath
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from auditor.inventory.model import Inventory, RuntimeConfig, Tool
from auditor.report.model import Report

# Parts of paths and sonames that only spell the machine: Debian's multiarch directories, and the loaders' names.
_TRIPLET = re.compile(r"(?<=[/.-])[a-z0-9_]+-linux-(?:gnu|musl)[a-z0-9]*(?=/|$)")
_LOADER = re.compile(r"(?:ld-linux[\w-]*|ld64|ld)\.so\.\d+$|ld-musl-\w+\.so\.\d+$|libc\.musl-\w+\.so\.\d+$")

_MERGED = re.compile(r"^/usr(?=/(?:bin|sbin|lib(?:32|64|x32)?)/)")


@dataclass(frozen=True)
class Side:
    """One image's report."""

    report: Report

    @property
    def inventory(self) -> Inventory:
        """What was found in the image."""
        return self.report.inventory

    @cached_property
    def layer_ids(self) -> tuple[str | None, ...]:
        """What names each layer's content, whatever its compression; lowest first."""
        return tuple(layer.diff_id or layer.digest for layer in self.report.image.layers)

    @property
    def has_config(self) -> bool:
        """An unpacked directory has none, and then nothing is known of the environment and the entrypoint."""
        image = self.report.image
        return bool(image.layers or image.config_digest) or self.inventory.config != RuntimeConfig()

    @cached_property
    def tools(self) -> Mapping[str, Tool]:
        """The tools that were looked for, by name."""
        return {tool.name: tool for tool in self.inventory.tools}

    @cached_property
    def package_versions(self) -> Mapping[str, frozenset[str]]:
        """Every installed version of each package."""
        versions: dict[str, set[str]] = {}
        for package in self.inventory.packages:
            versions.setdefault(package.name, set()).add(package.version)
        return {name: frozenset(found) for name, found in versions.items()}

    @cached_property
    def merged_usr(self) -> bool:
        """`/bin`, `/sbin` and `/lib` are links into `/usr`: no object really lies in them."""
        paths = [entry.path for entry in self.inventory.objects]
        return bool(paths) and not any(path.startswith(("/bin/", "/sbin/", "/lib")) for path in paths)

    def layer_id(self, index: int | None) -> str | None:
        """The content's name of a layer by its index; None where the layer is not known."""
        return self.layer_ids[index] if index is not None and index < len(self.layer_ids) else None


@dataclass(frozen=True)
class Pair:
    """The old image and the new one."""

    old: Side
    new: Side

    @cached_property
    def same_machine(self) -> bool:
        """Both images are for one architecture, as far as they say."""
        before, after = self.old.report.image.platform, self.new.report.image.platform
        return before.architecture == after.architecture or not before.architecture or not after.architecture

    @cached_property
    def tools(self) -> tuple[tuple[Tool, Tool], ...]:
        """Every tool that was looked for in both."""
        return tuple(
            (tool, self.new.tools[name]) for name, tool in sorted(self.old.tools.items()) if name in self.new.tools
        )

    @cached_property
    def kept_tools(self) -> tuple[tuple[Tool, Tool], ...]:
        """Every tool that both images have: what belongs to a lost one is lost with it."""
        return tuple((before, after) for before, after in self.tools if before.binaries and after.binaries)

    @cached_property
    def merged_usr(self) -> bool:
        """In one of the images `/lib/X` and `/usr/lib/X` are one file, so that which is written says nothing."""
        return self.old.merged_usr or self.new.merged_usr

    def place(self, path: str) -> str:
        """A path as it compares: merged directories, and the machine's own directory and loader, don't count."""
        if self.merged_usr:
            path = _MERGED.sub("", path)
        if self.same_machine:
            return path
        return self.soname(_TRIPLET.sub("{machine}", path))

    def soname(self, name: str) -> str:
        """A library's name or path as it compares: between machines, the loaders are one."""
        if self.same_machine or not _LOADER.search(posixpath.basename(name)):
            return name
        return "{loader}"

    def moved_layer(self, old_index: int | None, new_index: int | None) -> tuple[str, str] | None:
        """The layers' ids, where a thing came from one of the images' common layers and now from another, or back.

        Where neither layer is in both images, the layers were built anew, and nothing can be said of the thing.
        """
        before, after = self.old.layer_id(old_index), self.new.layer_id(new_index)
        if before is None or after is None or before == after:
            return None
        if before in self.new.layer_ids or after in self.old.layer_ids:
            return before, after
        return None


def listed(names: Iterable[str]) -> str:
    """`a, b, c`: every one of them, since scripts read it too; formats for people shorten it."""
    return ", ".join(names)
