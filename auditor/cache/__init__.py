"""What earlier runs found out, kept between runs: bytes by key in one bounded file, in a folder that only its owner
may write. It knows nothing of what the bytes mean."""

from auditor.cache.cache import Cache
from auditor.cache.folder import Unusable, cache_folder

__all__ = ["Cache", "Unusable", "cache_folder"]
