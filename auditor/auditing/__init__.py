"""The order of the calls: what was found, the rules, accepted deviations, the verdict."""

from auditor.auditing.image import audit, judge
from auditor.auditing.index import audit_index

__all__ = ["audit", "audit_index", "judge"]
