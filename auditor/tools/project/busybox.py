"""busybox and toybox: one program that answers to many names."""

import re

from auditor.tools.loaded import Loaded
from auditor.tools.model import Signs
from auditor.tools.project.interface import Project
from auditor.tools.strings import text

NAME = "busybox"
_BUSYBOX = re.compile(rb"BusyBox v(\d+\.\d+(?:\.\d+)?)")
_TOYBOX = re.compile(rb"[Tt]oybox (?:%s|(\d+\.\d+\.\d+))[^\0\n]{0,40} multicall binary")


class Busybox(Project):
    """Nothing asks for it: it is what stands under the name of a tool."""

    tools = (NAME,)

    def read(self, loaded: Loaded) -> Signs | None:
        """By the banner that its help shows."""
        if loaded.has(b"BusyBox v") and (loaded.has(b" multi-call binary") or b"busybox" in loaded.strings):
            banner = loaded.search(_BUSYBOX)
            if banner:
                return Signs((text(banner[1]),), words=text(banner[0]))
        toybox = loaded.search(_TOYBOX) if loaded.has(b" multicall binary") else None
        if toybox is None:
            return None
        return Signs((text(toybox[1]),) if toybox[1] else (), words="Toybox multicall binary")
