"""The report as a value; its JSON form is this, field by field (`audit-image schema report`)."""

from typing import Any, ClassVar, Literal

from msgspec import Struct, field

from auditor.finding import Finding
from auditor.image.model import Layer, Platform
from auditor.inventory.model import Inventory, Tool
from auditor.report.register import Kind
from auditor.severity import Severity

SCHEMA_VERSION = "1"
Verdict = Literal["pass", "fail"]


class ReportImage(Struct, frozen=True):
    """Which image was audited, and where its bytes came from."""

    reference: str
    source: str
    digest: str | None
    config_digest: str | None
    platform: Platform
    layers: tuple[Layer, ...]
    remarks: tuple[str, ...] = ()  # what is odd about how it is stored


class ReportSpec(Struct, frozen=True):
    """Which spec was in force."""

    name: str
    version: str
    digest: str
    options: dict[str, Any]

    @property
    def label(self) -> str:
        """Its name, and its version where it has one."""
        return f"{self.name} {self.version}".rstrip()


class ReportNeeds(Struct, frozen=True):
    """The kernel's half of a row, for a preflight on the node. `config` symbols are without `CONFIG_`.

    `alternatives` gives, by module or symbol, others that will do: a module that took over its work in newer
    kernels, the names that the symbol had in older ones.
    """

    modules: tuple[str, ...] = ()
    config: tuple[str, ...] = ()
    min_version: str = ""
    alternatives: dict[str, tuple[str, ...]] = field(default_factory=dict)


class ReportRequirement(Struct, frozen=True):
    """One row of the spec."""

    id: str
    section: str
    text: str
    status: Literal["met", "not-met", "waived", "unknown", "not-applicable"]
    kernel: Literal["needs-kernel", "met", "not-met", "unknown"] | None
    state: Literal["linked", "shipped", "not-linked", "missing"] | None
    reason: str
    needs: ReportNeeds | None
    findings: tuple[int, ...]
    severity: Literal["error", "warning", "note"] = "error"  # of what breaks the row, by the spec
    tool: str = ""  # that the row is about, where it is about one


class ReportRule(Struct, frozen=True):
    """A rule as the findings of a report need it explained: `summary` is one line, `help` says why and how to mend."""

    severity: Severity
    summary: str
    help: str


class ReportWaiver(Struct, frozen=True):
    """A waiver, and whether it was `used`, `unused` or is `expired`."""

    rule: str
    subject: str
    image: str
    reason: str
    owner: str
    expires: str
    state: Literal["used", "unused", "expired"]
    findings: int = 0


class ReportSummary(Struct, frozen=True):
    """How many rows of the spec have each status."""

    met: int = 0
    not_met: int = 0
    waived: int = 0
    unknown: int = 0
    not_applicable: int = 0


class ReportFit(Struct, frozen=True):
    """A shipped spec that an image meets which doesn't meet the one that it was judged by.

    `one_platform`: with this platform asked for, since the spec asks for more platforms than there are.
    """

    spec: str
    unknown: int
    one_platform: bool


class Report(Struct, frozen=True):
    """One image audited. `inventory.tools` is not repeated in JSON: it is the report's `tools`."""

    image: ReportImage
    spec: ReportSpec
    verdict: Verdict
    requirements: tuple[ReportRequirement, ...]
    findings: tuple[Finding, ...]
    inventory: Inventory
    waivers: tuple[ReportWaiver, ...] = ()
    summary: ReportSummary = ReportSummary()
    rules: dict[str, ReportRule] = field(default_factory=dict)  # of the findings, by id
    fits: tuple[ReportFit, ...] = ()
    schema_version: str = SCHEMA_VERSION
    kind: ClassVar[Kind] = Kind.REPORT

    @property
    def tools(self) -> tuple[Tool, ...]:
        """The documented tools, as the inventory has them."""
        return self.inventory.tools

    @property
    def concerned_tools(self) -> tuple[Tool, ...]:
        """Those that the image has, or a row asks for that is applicable."""
        idle = {row.tool for row in self.requirements if row.status == "not-applicable"}
        idle -= {row.tool for row in self.requirements if row.status != "not-applicable"}
        return tuple(tool for tool in self.tools if tool.binaries or tool.name not in idle)


class ReportIndex(Struct, frozen=True):
    """Which index was audited. `digest` is None where the source had an image and no index.

    `left_out` are platforms that it names and the source doesn't hold: nothing is said of them.
    """

    reference: str
    source: str
    digest: str | None
    platforms: tuple[Platform, ...]
    left_out: tuple[Platform, ...] = ()


class IndexReport(Struct, frozen=True):
    """An index of several platforms audited; `findings` are those that only show across platforms."""

    index: ReportIndex
    verdict: Verdict
    platforms: tuple[Report, ...]
    findings: tuple[Finding, ...]
    rules: dict[str, ReportRule] = field(default_factory=dict)  # of the findings, by id
    schema_version: str = SCHEMA_VERSION
    kind: ClassVar[Kind] = Kind.INDEX
