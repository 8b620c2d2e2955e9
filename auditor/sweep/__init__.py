"""Many audits: which images, which of them are one, what is done already, and who does the rest."""

from auditor.sweep.job import Order
from auditor.sweep.run import Progress, sweep

__all__ = ["Order", "Progress", "sweep"]
