"""What a `modprobe` program is: kmod's own, with its version and its features, or something else.

kmod prints both (`kmod --version`): its version, and by each compression of modules whether it was built to read it.
Which of its libraries are really there is not for its bytes to say.
"""

import re
from typing import TYPE_CHECKING

from msgspec import Struct

from auditor.filetree import Content
from auditor.tools.loaded import Loaded, load
from auditor.tools.model import Evidence

if TYPE_CHECKING:
    from auditor.elf.read.file import ElfFile

#: The tool, and its program.
KMOD, MODPROBE = "kmod", "modprobe"
#: Endings of compressed modules, with kmod's word for the feature and the library that reads them.
COMPRESSIONS = {"gz": ("ZLIB", "libz.so"), "xz": ("XZ", "liblzma.so"), "zst": ("ZSTD", "libzstd.so")}

_VERSION = re.compile(rb"kmod version (\d{1,3}(?:\.\d{1,3}){0,2})\b")
_FEATURES = re.compile(rb"[+-][A-Z0-9]+(?: [+-][A-Z0-9]+)*\n?")
_BUSYBOX = re.compile(rb"BusyBox v\d+\.\d+")
_TOYBOX = re.compile(rb"[Tt]oybox [^\0\n]{0,40}multicall binary")
_SONAME = re.compile(rb"lib(?:z|lzma|zstd)\.so\.\d{1,3}")


class KmodSigns(Struct, frozen=True):
    """What the bytes say. `project` is `kmod`, `busybox`, `toybox` or "".

    `features` are the words that kmod prints (`+XZ`, `-ZLIB`), empty where it prints none. `sonames` are libraries
    for decompression that the program names in a string: asked for at its start, or by dlopen(3).
    """

    project: str
    version: str | None = None
    features: tuple[str, ...] = ()
    sonames: tuple[str, ...] = ()
    words: str = ""

    def evidence(self, path: str) -> tuple[Evidence, ...]:
        """The strings that were seen in the file of that path."""
        texts = (self.words, " ".join(self.features))
        return tuple(Evidence("elf-string", text, path) for text in texts if text)

    def built_with(self, compression: str) -> bool | None:
        """Whether kmod was built to read modules of that ending; None where it doesn't say."""
        word = COMPRESSIONS[compression][0]
        return f"+{word}" in self.features if self.features else None


def kmod_signs(content: Content, elf: "ElfFile") -> KmodSigns:
    """The signs of a program that is called `modprobe`."""
    loaded = load(content, elf)
    match = loaded.search(_VERSION)
    if match is not None:
        version = match[1].decode()
        return KmodSigns("kmod", version, _features(loaded), _sonames(loaded), match[0].decode())
    for project, pattern in (("busybox", _BUSYBOX), ("toybox", _TOYBOX)):
        match = loaded.search(pattern)
        if match is not None:
            return KmodSigns(project, words=match[0].decode("ascii", "replace"))
    return KmodSigns("")


def _features(loaded: Loaded) -> tuple[str, ...]:
    """The list of features: the one string of such words that has XZ or ZLIB among them."""
    whole = {text for text in loaded.strings if _FEATURES.fullmatch(text)}
    lists = [tuple(text.decode().split()) for text in whole]
    known = [words for words in lists if {"+XZ", "-XZ", "+ZLIB", "-ZLIB"}.intersection(words)]
    return known[0] if len(known) == 1 else ()


def _sonames(loaded: Loaded) -> tuple[str, ...]:
    return tuple(sorted(text.decode() for text in loaded.strings if _SONAME.fullmatch(text)))
