"""The report on kernels as a value; its JSON form is this, field by field (`audit-image schema kernel`).

Kernels and images are named by their place in `kernels` and `images`: releases and references may repeat.
"""

from typing import ClassVar, Literal

from msgspec import Struct, field

from auditor.finding import Finding
from auditor.image.model import Platform
from auditor.inventory.model import Kmod
from auditor.kernel.model import SetTypeRange, SourceInfo
from auditor.report.model import ReportRule, ReportSpec, ReportSummary, Verdict
from auditor.report.register import Kind

SCHEMA_VERSION = "1"
NO_ROWS = ReportSummary()
Presence = Literal["built-in", "module", "alias", "replaced", "not-needed", "absent", "unknown"]
Status = Literal["met", "not-met", "waived", "unknown", "not-applicable"]


class UnknownSetType(Struct, frozen=True):
    """A module of set types (or `ip_set_*`) whose revisions could not be read."""

    module: str
    reason: str


class ReportKernel(Struct, frozen=True):
    """One kernel, and what it was read from (see auditor.kernel.model.Kernel)."""

    release: str
    version: str
    architecture: str
    sources: tuple[SourceInfo, ...]
    verdict: Verdict  # of the kernel by itself
    set_types: tuple[SetTypeRange, ...]
    set_types_unknown: tuple[UnknownSetType, ...]
    modprobe_path: str | None
    modprobe_reason: str
    module_compression: tuple[str, ...]
    compression_config: str | None
    decompresses: bool | None
    node: str  # its name, "" where the sources are of no node
    cpu_level: str | None  # of the node's own processor, else the one that --cpu names


class UserspaceSetType(Struct, frozen=True):
    """A set type that the image's ipset knows, from its lowest to its highest revision."""

    name: str
    minimum: int
    maximum: int


class ReportKernelImage(Struct, frozen=True):
    """One image, as far as its tools deal with kernels. `flavours` are those that iptables and ip6tables run."""

    reference: str
    source: str
    digest: str | None
    config_digest: str | None
    platform: Platform
    ipset: str | None
    set_types: tuple[UserspaceSetType, ...]
    flavours: tuple[str, ...]
    kmod: Kmod | None


class PairUnknown(Struct, frozen=True):
    """Something about a kernel with an image that could not be judged, under the rule that would have found it."""

    rule: str
    subject: str
    reason: str


class ReportPair(Struct, frozen=True):
    """One kernel with one image of an architecture that it runs. `verdict` is about what the two are together."""

    kernel: int
    image: int
    verdict: Verdict
    findings: tuple[int, ...]
    unknown: tuple[PairUnknown, ...]


class ReportModule(Struct, frozen=True):
    """What a kernel says to one module of a row (see auditor.kernel.model.ModuleAnswer).

    A module of a `flavour` of iptables counts for images that run it, not for the row.
    """

    name: str
    presence: Presence
    provider: str
    built_in: bool
    path: str
    compression: str
    reason: str
    config: str
    gates: tuple[str, ...]
    family: Literal["ipv4", "ipv6"] | None
    flavour: Literal["legacy", "nf_tables"] | None


class KernelAnswer(Struct, frozen=True):
    """One row for one kernel, without any image."""

    kernel: int
    status: Status
    reason: str
    modules: tuple[ReportModule, ...]
    findings: tuple[int, ...]


class KernelRequirement(Struct, frozen=True):
    """One row that has a kernel half, with every kernel's answer."""

    id: str
    section: str
    text: str
    min_version: str
    kernels: tuple[KernelAnswer, ...]


class KernelFinding(Finding, frozen=True, kw_only=True):
    """One finding about the kernel, or about the kernel with the image where there is one."""

    kernel: int
    image: int | None


class KernelReport(Struct, frozen=True):
    """Kernels audited. `verdict` agrees with the exit code."""

    spec: ReportSpec
    verdict: Verdict
    kernels: tuple[ReportKernel, ...]
    images: tuple[ReportKernelImage, ...]
    pairs: tuple[ReportPair, ...]
    requirements: tuple[KernelRequirement, ...]
    findings: tuple[KernelFinding, ...]
    summary: ReportSummary = NO_ROWS  # of every kernel's rows
    rules: dict[str, ReportRule] = field(default_factory=dict)  # of the findings, by id
    schema_version: str = SCHEMA_VERSION
    kind: ClassVar[Kind] = Kind.KERNEL

    def pair(self, kernel: int, image: int) -> ReportPair | None:
        """The pair of these two; None where the kernel does not run the image's architecture."""
        return next((pair for pair in self.pairs if (pair.kernel, pair.image) == (kernel, image)), None)
