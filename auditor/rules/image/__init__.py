"""Rules about one image. Each module is one line here."""

from auditor.rules.image import cpu_floor as cpu_floor
from auditor.rules.image import entrypoint as entrypoint
from auditor.rules.image import extensions as extensions
from auditor.rules.image import kernel_floor as kernel_floor
from auditor.rules.image import libraries as libraries
from auditor.rules.image import loading as loading
from auditor.rules.image import packages as packages
from auditor.rules.image import tools as tools
