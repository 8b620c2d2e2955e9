"""nftables: nft, which prints its package's name and version from one line."""

import re

from auditor.tools.loaded import Loaded
from auditor.tools.model import Signs
from auditor.tools.project.interface import Project
from auditor.tools.strings import whole

_FORMAT = b"%s v%s (%s)\n"
_VERSION = re.compile(rb"[01]\.\d{1,2}(?:\.\d{1,2}){0,2}")


class Nftables(Project):
    """Dotted versions, in the program."""

    tools = ("nftables",)
    sources = ("nftables",)
    programs = ("nft",)

    def read(self, loaded: Loaded) -> Signs | None:
        """By the name that the program prints, and the library that it is a thin shell of."""
        if _FORMAT not in loaded.strings or b"nftables" not in loaded.strings:
            return None
        return Signs(whole(loaded.strings, _VERSION), programs=frozenset(("nft",)), words="nftables")
