"""What the rules for an index are given."""

from msgspec import Struct

from auditor.image.model import Platform
from auditor.inventory.model import Inventory
from auditor.rules.context import Options
from auditor.spec import Kind, Spec


class IndexContext(Struct, frozen=True):
    """The platforms that an index offers (an image without an index: its own), and those that were audited."""

    spec: Spec
    options: Options
    reference: str
    offered: tuple[Platform, ...]
    members: tuple[Inventory, ...] = ()

    @property
    def row(self) -> str:
        """The row that findings about platforms belong to."""
        return self.spec.of_kind(Kind.PLATFORMS)[0].id
