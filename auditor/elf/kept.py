"""What the dynamic loader reads of an image."""

import re

from auditor.kept import Kept

KEPT = Kept(
    # ELF files, and ld.so.cache wherever a loader has it (glibc's dl-cache.h)
    heads=(b"\x7fELF", b"glib", b"ld.s"),
    # A loader with a prefix of its own reads its list of preloads there, musl's its directories.
    small_named=re.compile(r"\.so\.preload$|/ld-musl-[^/]*$"),
)
