"""What the shipped spec asks of a kernel."""

from auditor.kernel.model import FeatureNeed
from auditor.rules.kernel.bridge import feature_needs
from auditor.spec import load_spec


def load_needs() -> tuple[FeatureNeed, ...]:
    """Every row that has a kernel half, in the document's order."""
    return feature_needs(load_spec())
