"""What is read out of a loader's bytes, and what follows from it: of a few strings, not of whole loaders."""

import pytest
from msgspec.structs import replace

from auditor.elf.model import Loader
from auditor.elf.read.file import ElfFile
from auditor.elf.search.hwcaps import Cpu, better_cpus, plain_cpu
from auditor.elf.search.loader import LoaderProfile, UnknownLoader, read_profile
from auditor.machine import Machine
from tests.tools.elves import Elf, parsed

ELF = parsed(Elf().content(soname="ld-linux-x86-64.so.2"))
MAGIC = b"glibc-ld.so.cache1.1"
DIRECTORIES = b"/lib/x86_64-linux-gnu/\0/usr/lib/x86_64-linux-gnu/\0/lib/\0/usr/lib/\0"
CACHE, PRELOAD = b"\0/etc/ld.so.cache\0", b"\0/etc/ld.so.preload\0"
RELEASE = b"GNU C Library (Debian) stable release version %d.%d.\n"


def loader(*more: bytes, version: tuple[int, int] | None = (2, 36), without: bytes = b"") -> bytes:
    """The strings of a loader."""
    parts = [MAGIC, b"\0" + DIRECTORIES, CACHE, PRELOAD, b"\0glibc-hwcaps\0", *more]
    if version:
        parts.append(RELEASE % version)
    return b"\0".join(part for part in parts if part != without) + b"\0"


def profile(data: bytes, elf: ElfFile = ELF) -> LoaderProfile:
    found = read_profile(data, elf, "/lib64/ld.so", "/lib/ld.so")
    assert isinstance(found, LoaderProfile)
    return found


def test_where_a_loader_looks() -> None:
    found = profile(loader(b"lib/x86_64-linux-gnu"))
    assert (found.loader, found.path, found.real_path) == (Loader.GLIBC, "/lib64/ld.so", "/lib/ld.so")
    assert found.directories == ("/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib", "/usr/lib")
    assert (found.cache, found.preload) == ("/etc/ld.so.cache", "/etc/ld.so.preload")
    assert (found.lib, found.platform, found.version) == ("lib/x86_64-linux-gnu", "x86_64", (2, 36))


@pytest.mark.parametrize(
    ("data", "directories"),
    [
        (b"/lib64/\0/usr/lib64/\0", ("/lib64", "/usr/lib64")),
        (b"/lib/\0", ("/lib",)),
        (b"/proc/lib/\0\0/lib/\0", ("/lib",)),
        (b"/proc/\0\0/var/cache/\0\0/lib64/\0/usr/lib64/\0", ("/lib64", "/usr/lib64")),
        (b"/lib/\0\0/usr/lib/\0", None),  # no telling which
        (b"/var/\0", None),
    ],
)
def test_the_directories_that_are_compiled_in(data: bytes, directories: tuple[str, ...] | None) -> None:
    found = read_profile(MAGIC + b"\0" + data + CACHE, ELF, "/ld.so", "/ld.so")
    told = "is glibc's loader, and no list of library directories can be told from its bytes"
    if directories:
        assert isinstance(found, LoaderProfile)
        assert found.directories == directories
    else:
        assert found == UnknownLoader(told)


@pytest.mark.parametrize(
    ("data", "cache", "preload"),
    [
        (CACHE + PRELOAD, "/etc/ld.so.cache", "/etc/ld.so.preload"),
        (CACHE, "/etc/ld.so.cache", ""),
        (CACHE + PRELOAD + b"/usr/etc/ld.so.preload\0", "/etc/ld.so.cache", ""),  # no telling which
        (CACHE + CACHE, "/etc/ld.so.cache", ""),
        (b"\0/nix/store/etc/ld.so.cache\0", "/nix/store/etc/ld.so.cache", ""),
        (PRELOAD, None, ""),
        (CACHE + b"/usr/etc/ld.so.cache\0", None, ""),
    ],
)
def test_the_files_that_are_compiled_in(data: bytes, cache: str | None, preload: str) -> None:
    found = read_profile(MAGIC + b"\0" + DIRECTORIES + data, ELF, "/ld.so", "/ld.so")
    if cache is None:
        assert found == UnknownLoader("is glibc's loader, and no path of ld.so.cache can be told from its bytes")
    else:
        assert isinstance(found, LoaderProfile)
        assert (found.cache, found.preload) == (cache, preload)


@pytest.mark.parametrize(
    ("data", "soname", "known"),
    [
        (MAGIC, "ld.so", True),
        (MAGIC + b"\0_rtld_global\0", None, True),
        (MAGIC, None, False),  # a static program reads the cache too
        (b"no magic", "ld.so", False),
    ],
)
def test_a_loader_is_told_from_what_reads_its_cache(data: bytes, soname: str | None, known: bool) -> None:
    elf = replace(ELF, soname=soname)
    found = read_profile(data + b"\0" + DIRECTORIES + CACHE, elf, "/ld.so", "/ld.so")
    assert (found == UnknownLoader("is neither glibc's loader nor musl's")) is not known


@pytest.mark.parametrize(
    ("data", "directories"),
    [
        (b"/etc/ld-musl-x86_64.path\0", ("/lib", "/usr/local/lib", "/usr/lib")),
        (b"/etc/ld-musl-x86_64.path\0/lib:/usr/local/lib:/usr/lib\0", ("/lib", "/usr/local/lib", "/usr/lib")),
    ],
)
def test_a_loader_of_musl(data: bytes, directories: tuple[str, ...]) -> None:
    found = profile(data)
    assert (found.loader, found.directories, found.path_file, found.hash_bits) == (
        *(Loader.MUSL, directories, "/etc/ld-musl-x86_64.path", 32),
    )
    assert profile(data, replace(ELF, machine=Machine.S390)).hash_bits == 64


@pytest.mark.parametrize(
    ("version", "more", "without", "always", "names"),
    [
        ((2, 36), (), b"", ("tls", "x86_64"), ("haswell", "xeon_phi", "avx512_1")),
        ((2, 37), (), b"", (), ()),
        (None, (), b"", (), ()),
        (None, (b"Legacy HWCAP subdirectories",), b"", ("tls", "x86_64"), ("haswell", "xeon_phi", "avx512_1")),
        (None, (), b"\0glibc-hwcaps\0", ("tls", "x86_64"), ("haswell", "xeon_phi", "avx512_1")),
    ],
)
def test_directories_of_old_loaders(
    version: tuple[int, int] | None, more: tuple[bytes, ...], without: bytes, always: tuple[str, ...], names: object
) -> None:
    found = profile(loader(*more, version=version, without=without))
    assert (found.legacy_always, found.legacy_names) == (always, names)


@pytest.mark.parametrize(
    ("machine", "always"), [(Machine.AARCH64, ("tls", "aarch64")), (Machine.S390, ("tls",)), (Machine.ARM, ("tls",))]
)
def test_directories_of_old_loaders_of_other_machines(machine: Machine, always: tuple[str, ...]) -> None:
    assert profile(loader(), replace(ELF, machine=machine)).legacy_always == always


@pytest.mark.parametrize(
    ("more", "without", "levels"),
    [
        ((b"x86-64-v4:x86-64-v3:x86-64-v2",), b"", ("x86-64-v4", "x86-64-v3", "x86-64-v2")),
        ((b"x86-64-v2", b"x86-64-v4:x86-64-v3:x86-64-v2", b"x86-64-v3"), b"", ("x86-64-v4", "x86-64-v3", "x86-64-v2")),
        ((b"x86-64-v3:x86-64-v2", b"x86-64-v2:x86-64-v3"), b"", ("x86-64-v3", "x86-64-v2")),
        ((b"a:b:c:d",), b"", ()),
        ((b"x86-64-v4:x86-64-v3:x86-64-v2",), b"\0glibc-hwcaps\0", ()),
    ],
)
def test_the_levels_that_a_loader_knows(more: tuple[bytes, ...], without: bytes, levels: tuple[str, ...]) -> None:
    assert profile(loader(*more, without=without)).hwcaps == levels


@pytest.mark.parametrize(
    ("data", "field"),
    [
        (b"FATAL: kernel too old", "enforces_abi_note"),
        (b"_dl_name_match_p (version->filename, map)", "asserts_versions"),
        (b"DT_RELR without GLIBC_ABI_DT_RELR dependency", "checks_relr"),
        (b"ELF load command alignment not page-aligned", "checks_alignment"),
        (b"rtld_ehdr->e_ehsize == sizeof *rtld_ehdr", "checks_own_header"),
        (b"cannot dynamically load position-independent executable", "refuses_pie"),
    ],
)
def test_what_a_loader_checks_shows_in_its_words(data: bytes, field: str) -> None:
    assert getattr(profile(loader(data)), field) is True
    assert getattr(profile(loader()), field) is False


@pytest.mark.parametrize(
    ("machine", "version", "adds", "bits", "stays"),
    [
        (Machine.X86_64, (2, 35), True, 64, False),
        (Machine.X86_64, (2, 36), False, 32, False),
        (Machine.X86_64, (2, 40), False, 32, False),
        (Machine.X86_64, (2, 41), False, 32, True),
        (Machine.X86_64, None, True, 64, False),
        (Machine.AARCH64, (2, 36), True, 32, False),
        (Machine.S390, (2, 36), True, 64, False),
        (Machine.PPC64, (2, 36), True, 64, False),
    ],
)
def test_what_a_loader_does_since_a_version(
    machine: Machine, version: tuple[int, int] | None, adds: bool, bits: int, stays: bool
) -> None:
    found = profile(loader(version=version), replace(ELF, machine=machine))
    assert (found.adds_to_calls, found.hash_bits, found.stack_stays) == (adds, bits, stays)
    assert found.stack_default is (machine in (Machine.X86_64, Machine.S390))


BEGIN, CALLOC, REALLOC, LOCK = b"__libc_early_init", b"calloc", b"realloc", b"pthread_mutex_lock"


@pytest.mark.parametrize(
    ("names", "version", "looked_up"),
    [
        ((), (2, 36), ()),
        ((CALLOC,), (2, 31), ()),
        ((BEGIN, CALLOC, REALLOC), (2, 33), (BEGIN, CALLOC, REALLOC)),
        ((BEGIN, CALLOC, REALLOC), None, (BEGIN, CALLOC, REALLOC)),
        ((BEGIN, CALLOC, REALLOC, LOCK), (2, 34), (BEGIN, CALLOC, REALLOC, LOCK)),
        ((BEGIN, CALLOC, REALLOC, b"x" + LOCK), (2, 34), (BEGIN, CALLOC, REALLOC, LOCK)),  # the end of another string
        ((BEGIN, CALLOC, REALLOC), (2, 34), (BEGIN, CALLOC, REALLOC, b"")),
        ((BEGIN, CALLOC, REALLOC, b"x" + LOCK), (2, 33), (BEGIN, CALLOC, REALLOC)),
        ((BEGIN, CALLOC, REALLOC, LOCK), (2, 40), (BEGIN, CALLOC, REALLOC, LOCK)),
        ((BEGIN, CALLOC, REALLOC, LOCK), (2, 41), (BEGIN, CALLOC, REALLOC, LOCK, b"_r_debug")),
    ],
)
def test_the_names_that_a_loader_looks_up_itself(
    names: tuple[bytes, ...], version: tuple[int, int] | None, looked_up: tuple[bytes, ...]
) -> None:
    assert profile(loader(*names, version=version)).looks_up == looked_up


X86, ARM = profile(loader(b"x86-64-v3:x86-64-v2")), profile(loader(), replace(ELF, machine=Machine.AARCH64))
NEW, PLAIN = profile(loader(b"x86-64-v3:x86-64-v2", version=(2, 37))), profile(loader(version=(2, 37)))
TLS, HASWELL, PHI, AVX, X86_64 = 1 << 63, 1 << 50, 1 << 51, 1 << 2, 1 << 1


def test_machines_of_old_loaders_search_every_combination() -> None:
    assert plain_cpu(X86) == Cpu("", (), ("tls/x86_64/x86_64", "tls/x86_64", "tls", "x86_64/x86_64", "x86_64"),
                                 TLS | X86_64, "x86_64")  # fmt: skip
    haswell, phi, avx, v2, v3 = better_cpus(X86)
    assert haswell == Cpu(
        "haswell",
        (),
        ("tls/haswell/x86_64", "tls/haswell", "tls/x86_64", "tls", "haswell/x86_64", "haswell", "x86_64"),
        TLS | X86_64 | HASWELL,
        "haswell",
    )
    assert (phi.level, phi.mask, phi.platform, phi.legacy[0]) == (
        *("xeon_phi", TLS | X86_64 | PHI, "xeon_phi", "tls/xeon_phi/x86_64"),
    )
    assert (avx.level, avx.mask, avx.platform, avx.legacy[0]) == (
        *("avx512_1", TLS | X86_64 | AVX, "haswell", "tls/haswell/avx512_1/x86_64"),
    )
    assert (v2.level, v2.hwcaps, v2.legacy) == ("x86-64-v2", ("x86-64-v2",), plain_cpu(X86).legacy)
    assert (v3.level, v3.hwcaps, v3.mask) == ("x86-64-v3", ("x86-64-v3", "x86-64-v2"), TLS | X86_64)


def test_machines_of_old_loaders_of_arm() -> None:
    assert plain_cpu(ARM) == Cpu("", (), ("tls/aarch64", "tls", "aarch64"), TLS, "aarch64")
    (atomics,) = better_cpus(ARM)
    assert (atomics.level, atomics.mask, atomics.platform) == ("atomics", TLS, "aarch64")
    assert atomics.legacy[:3] == ("tls/aarch64/atomics", "tls/aarch64", "tls/atomics")


def test_machines_of_new_loaders_search_levels_and_some_have_another_platform() -> None:
    assert plain_cpu(NEW) == Cpu("", (), (), 0, "x86_64")
    named = (Cpu("haswell", (), (), 0, "haswell"), Cpu("xeon_phi", (), (), 0, "xeon_phi"))
    v2, v3 = "x86-64-v2", "x86-64-v3"
    assert better_cpus(NEW) == (*named, Cpu(v2, (v2,), (), 0, "x86_64"), Cpu(v3, (v3, v2), (), 0, "x86_64"))
    assert better_cpus(PLAIN) == named
