"""Rules about kernels, by themselves and with the image whose tools will use them. Each module is one line here."""

from auditor.rules.kernel import compression as compression
from auditor.rules.kernel import cpu as cpu
from auditor.rules.kernel import features as features
from auditor.rules.kernel import modprobe as modprobe
from auditor.rules.kernel import settypes as settypes
