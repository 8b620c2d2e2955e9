"""The order of the calls: what was found, the rules, accepted deviations, the verdict."""

from auditor.audit.image import audit, judge
from auditor.audit.index import audit_index

__all__ = ["audit", "audit_index", "judge"]
