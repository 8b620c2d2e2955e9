"""Rules about one image. Each module is one line here."""

from auditor.rules.image import config as config
from auditor.rules.image import cpu_floor as cpu_floor
from auditor.rules.image import entrypoint as entrypoint
from auditor.rules.image import extensions as extensions
from auditor.rules.image import files as files
from auditor.rules.image import installed as installed
from auditor.rules.image import kernel_floor as kernel_floor
from auditor.rules.image import libraries as libraries
from auditor.rules.image import loading as loading
from auditor.rules.image import packages as packages
from auditor.rules.image import plugins as plugins
from auditor.rules.image import tools as tools
