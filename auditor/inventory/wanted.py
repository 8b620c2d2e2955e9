"""What somebody wants to know of an image."""

import re
from collections.abc import Mapping

from msgspec import Struct, field


class Wanted(Struct, frozen=True):
    """What to look for: program names by tool, names of xtables extensions, link types in `ip`, the tools that rules
    ask for beside those of the spec, and how versions show of tools that aren't known here: by a pattern over the
    program's bytes, or from something else (`DeclaredVersions`). Files, those of them whose content is to be hashed,
    and by tool and directory the glob patterns of plug-ins."""

    programs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    link_types: tuple[str, ...] = ()
    extensions: tuple[str, ...] = ()
    further_tools: frozenset[str] = frozenset()
    patterns: Mapping[str, re.Pattern[bytes]] = field(default_factory=dict)
    version_from: Mapping[str, str] = field(default_factory=dict)
    files: tuple[str, ...] = ()
    hashed: tuple[str, ...] = ()
    plugins: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)

    @property
    def names(self) -> frozenset[str]:
        """Every program that is looked for: those that are named, and what stands beside them."""
        # Who asks this reads images; a spec is written down here without.
        from auditor.tools.catalogue import variants_of  # noqa: PLC0415

        beside = (name for tool in self.programs for name in variants_of(tool))
        return frozenset((*beside, *(name for names in self.programs.values() for name in names)))
