"""What a `modprobe` is, by its bytes: kmod with the compressions that it was built for, or something else."""

import pytest

from auditor.tools.project.kmod import KmodSigns, kmod_signs
from tests.tools.elves import parsed, program

VERSION = b"kmod version 30"
CASES = {
    "kmod": (
        (VERSION, b"+ZSTD +XZ -ZLIB -LIBCRYPTO", b"liblzma.so.5"),
        KmodSigns("kmod", "30", ("+ZSTD", "+XZ", "-ZLIB", "-LIBCRYPTO"), ("liblzma.so.5",), VERSION.decode()),
    ),
    "kmod that prints no features": ((VERSION,), KmodSigns("kmod", "30", words=VERSION.decode())),
    "two lists of features": (
        (VERSION, b"+XZ -ZLIB", b"-XZ +ZLIB"),
        KmodSigns("kmod", "30", words=VERSION.decode()),
    ),
    "words that are no features of kmod": ((VERSION, b"+A -B"), KmodSigns("kmod", "30", words=VERSION.decode())),
    "busybox": ((b"BusyBox v1.36.1 (2023)",), KmodSigns("busybox", words="BusyBox v1.36")),
    "toybox": ((b"toybox 0.8.11 multicall binary",), KmodSigns("toybox", words="toybox 0.8.11 multicall binary")),
    "another": ((b"modprobe",), KmodSigns("")),
}


@pytest.mark.parametrize("case", CASES)
def test_what_it_is(case: str) -> None:
    strings, signs = CASES[case]
    content = program(*strings)
    assert kmod_signs(content, parsed(content)) == signs


@pytest.mark.parametrize(
    ("texts", "features", "sonames"),
    [
        ((b"-ZLIB",), ("-ZLIB",), ()),
        ((b"+XZ -A\n", b"+A +B"), ("+XZ", "-A"), ()),
        ((b"+ZSTD",), (), ()),
        ((b"libzstd.so.1", b"libz.so.1", b"libz.so"), (), ("libz.so.1", "libzstd.so.1")),
    ],
)
def test_what_kmod_says_of_compression(
    texts: tuple[bytes, ...], features: tuple[str, ...], sonames: tuple[str, ...]
) -> None:
    content = program(VERSION, *texts)
    told = kmod_signs(content, parsed(content))
    assert (told.features, told.sonames) == (features, sonames)


@pytest.mark.parametrize(("features", "reads"), [(("+XZ", "-ZLIB"), True), (("-XZ", "+ZLIB"), False), ((), None)])
def test_whether_it_was_built_for_a_compression(features: tuple[str, ...], reads: bool | None) -> None:
    assert KmodSigns("kmod", "30", features).built_with("xz") is reads


def test_the_evidence_is_what_was_seen() -> None:
    signs = KmodSigns("kmod", "30", ("+XZ",), words="kmod version 30")
    told = [(one.kind, one.value, one.path) for one in signs.evidence("/bin/kmod")]
    assert told == [("elf-string", "kmod version 30", "/bin/kmod"), ("elf-string", "+XZ", "/bin/kmod")]
    assert KmodSigns("").evidence("/bin/kmod") == ()
