"""What the rules about kernels are given, and what they answer beside findings."""

from collections.abc import Iterable, Iterator

from msgspec import Struct

from auditor.finding import Finding
from auditor.inventory.model import Inventory
from auditor.kernel.model import FeatureAnswer, Kernel, ModuleAnswer, Presence
from auditor.rules.context import Options
from auditor.rules.kernel.needs import running_flavours
from auditor.spec import Requirement, Spec


class Unknown(Struct, frozen=True):
    """Something that could not be judged, and why: never a finding. `about` is what the rule's subject would be."""

    rule: str
    about: str
    reason: str


#: What a look at something gives.
Outcome = Finding | Unknown


def findings_of(outcomes: Iterable[Outcome]) -> Iterator[Finding]:
    """The findings among them."""
    return (outcome for outcome in outcomes if isinstance(outcome, Finding))


class KernelContext(Struct, frozen=True):
    """One kernel under one spec; `kernel` was asked for that spec's needs."""

    spec: Spec
    options: Options
    kernel: Kernel

    @property
    def shown(self) -> str:
        """The kernel in a sentence."""
        return f"Linux {self.kernel.release}" if self.kernel.release else "the kernel"

    def rows(self) -> Iterator[tuple[Requirement, FeatureAnswer]]:
        """The rows with a kernel half that hold for the IP family and the modes, each with the kernel's answer."""
        answers = {answer.need.id: answer for answer in self.kernel.features}
        for row in self.spec.requirements:
            if row.needs is not None and not self.options.why_not(self.spec, row):
                yield row, answers[row.id]

    def answers(self, answer: FeatureAnswer) -> Iterator[ModuleAnswer]:
        """What was said of the modules that the IP families need, whatever the flavour of iptables."""
        return (each for each in answer.modules if each.concerns(self.options.ip_family.stacks))


class PairContext(KernelContext, frozen=True):
    """One kernel, and one image whose tools will use it."""

    inventory: Inventory

    def answers(self, answer: FeatureAnswer) -> Iterator[ModuleAnswer]:
        """What was said of the modules that this image asks for."""
        row = self.spec.find(answer.need.id)
        flavours = running_flavours(self.inventory, row.tools if row else ())
        return (each for each in answer.modules if each.concerns(self.options.ip_family.stacks, flavours))

    def loadable(self) -> dict[str, list[tuple[ModuleAnswer, str]]]:
        """The modules that are files, by their compression, each with the row that needs it."""
        found: dict[str, list[tuple[ModuleAnswer, str]]] = {}
        for row, feature in self.rows():
            for answer in self.answers(feature):
                if answer.path and answer.presence is not Presence.ABSENT:
                    found.setdefault(answer.compression, []).append((answer, row.id))
        return found
