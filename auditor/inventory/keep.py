"""Which files' contents an audit reads: what each reader says that it needs, joined."""

from auditor.elf.kept import KEPT as _LOADER
from auditor.inventory.runtime import KEPT as _DISTRIBUTION
from auditor.kept import policy
from auditor.packages.kinds import KINDS
from auditor.process.kept import KEPT as _PROCESS

#: What every audit reads.
READERS = (_LOADER, _PROCESS, _DISTRIBUTION, *(kind.kept for kind in KINDS))
#: The policy of an audit (`auditor.kept.Keep`).
keep = policy(READERS)
