"""What can be said of a program or library that nothing else of its image is known of."""

import re

from auditor.budget import MIB, Budget, Limits
from auditor.elf.bind.objects import ObjectReader
from auditor.elf.read.file import ElfFile
from auditor.elf.search.store import elf_of
from auditor.errors import LimitExceeded
from auditor.filetree import Content
from auditor.tools.catalogue import tools_of
from auditor.tools.identify import shown_by

# Less than an audit may take: this is done on the chance that it is asked for.
_LIMITS = Limits(tables=256 * MIB, symbols=500_000, relocations=5_000_000)
# Where programs of PATH lie, what they load, and the plug-ins of iptables.
_LIKELY = re.compile(r"/(?:usr/(?:local/)?)?(?:s?bin|lib(?:32|64)?(?:/[^/]+-linux-[^/]+)?(?:/xtables)?)/([^/]+)")


class AloneReader:
    """Reads files of any image by the rules of glibc's loader, which nearly all images have."""

    def __init__(self) -> None:
        self._budget = Budget(_LIMITS)
        self._objects = ObjectReader(self._budget, musl=False, hash_bits=64)  # what it asks for is the same with 32

    def read(self, path: str, content: Content) -> bool:
        """Find out, and keep it with the file, what it asks of its loader and whose program it is; False where that
        was enough for one image.
        """
        likely = _LIKELY.fullmatch(path)
        if likely is None:
            return True
        try:
            elf = elf_of(content, path, self._budget.tables)
            if isinstance(elf, ElfFile) and elf.is_dynamic:
                self._objects.references(content, elf, path)
                if tools_of(likely[1]):
                    shown_by(content, elf)
        except LimitExceeded:
            return False
        return True
