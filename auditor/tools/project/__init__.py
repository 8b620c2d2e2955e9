"""The register: one line for each project that is known by more than its programs' names."""

from auditor.tools.project.busybox import Busybox
from auditor.tools.project.conntrack_tools import ConntrackTools
from auditor.tools.project.interface import Project
from auditor.tools.project.iproute2 import Iproute2
from auditor.tools.project.ipset import Ipset
from auditor.tools.project.iputils import Iputils
from auditor.tools.project.nftables import Nftables
from auditor.tools.project.xtables import Xtables

__all__ = ["PROJECTS", "Project"]

#: busybox first: its applets carry the words of the tools that they stand for.
PROJECTS: tuple[Project, ...] = (Busybox(), Xtables(), Ipset(), Iputils(), Iproute2(), ConntrackTools(), Nftables())
