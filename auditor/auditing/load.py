"""Images as an audit reads them: `auditor.image.load` and `load_index` with what the audit keeps of each layer."""

from functools import partial

from auditor import image
from auditor.inventory.keep import keep

load = partial(image.load, keep=keep)
load_index = partial(image.load_index, keep=keep)

load.__doc__ = image.load.__doc__
load_index.__doc__ = image.load_index.__doc__
