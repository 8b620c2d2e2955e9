"""What kind of dynamic loader an interpreter is, and the rules that are compiled into it: read from its bytes.

Nothing is taken from offsets or tables, whose places differ by architecture and version; every fact is a string.
"""

import re

from msgspec import Struct

from auditor.elf.model import Loader
from auditor.elf.read.file import ElfFile, has_tables, read_loader
from auditor.elf.read.memory import file_bytes
from auditor.filetree import Content
from auditor.machine import Architecture, Machine

_MUSL = re.compile(rb"/etc/ld-musl-[\w-]+\.path\0")
_LOADER_LIMIT = 1 << 23  # bytes; no dynamic loader is so big
_CACHE_MAGIC = b"glibc-ld.so.cache1.1"
# What libc.so.6 asks of its loader. A static program reads the cache too, for its own dlopen(3), and has no such thing.
_GIVEN_TO_LIBC = b"\0_rtld_global\0"
_GLIBC_VERSION = re.compile(rb"(?:stable|development) release version (\d{1,4})\.(\d{1,4})(?!\d)")
# Bounded, so that no file makes the search for it take long.
_DIRECTORY_RUN = re.compile(rb"(?:/(?:[!-.0-~]{1,128}+/){1,16}+\0){1,64}+")
_NO_LIBRARIES = b"/proc/"  # also a directory whose name ends with a slash, in newer loaders
_PATH = rb"(?<![!-~])(/[!-~]{1,1024}\.so\.%s)\0"
_CACHE_PATH = re.compile(_PATH % b"cache")
_PRELOAD_PATH = re.compile(_PATH % b"preload")
_HWCAPS_RUN = re.compile(rb"(?<=\0)[a-z0-9-]+(?::[a-z0-9-]+)*(?=\0)")
# Present where ld.so --help lists them (2.33 to 2.36).
_LEGACY_HELP = b"Legacy HWCAP subdirectories"
_LEGACY_ENDS = (2, 37)
_HWCAPS_DIRECTORY = b"glibc-hwcaps"
_ASSERTS_VERSIONS = b"_dl_name_match_p (version->filename, map)"
_CHECKS_ALIGNMENT = b"ELF load command alignment not page-aligned"  # before 2.35
_CHECKS_OWN_HEADER = b"rtld_ehdr->e_ehsize == sizeof *rtld_ehdr"
_CHECKS_RELR = b"DT_RELR without GLIBC_ABI_DT_RELR dependency"
_REFUSES_PIE = b"cannot dynamically load position-independent executable"
_STACK_STAYS_SINCE = (2, 41)
_LOCKS_SINCE = (2, 34)
_NARROW_HASH_SINCE = (2, 36)
_BARE_CALLS_SINCE = (2, 36)
_OLD_KERNEL = b"FATAL: kernel too old"
_MUSL_DIRECTORIES = re.compile(rb"\0(/lib:/usr/local/lib:/usr/lib)\0")

_HWCAPS_NAMES: dict[int, frozenset[str]] = {
    Machine.X86_64: frozenset(("x86-64-v4", "x86-64-v3", "x86-64-v2")),
    Machine.PPC64: frozenset(("power11", "power10", "power9")),
    Machine.S390: frozenset(("z17", "z16", "z15", "z14", "z13")),
}

# ldconfig's flags of a library for the C library that Linux has, by machine and class (glibc's ldconfig.h).
_CACHE_FLAGS: dict[tuple[int, int], int] = {
    (Machine.I386, 32): 0x0003,
    (Machine.X86_64, 64): 0x0303,
    (Machine.X86_64, 32): 0x0803,
    (Machine.PPC64, 64): 0x0503,
    (Machine.S390, 64): 0x0403,
    (Machine.ARM, 32): 0x0903,
    (Machine.AARCH64, 64): 0x0A03,
    (Machine.RISCV, 64): 0x1003,
    (Machine.LOONGARCH, 64): 0x1203,
}

# Subdirectory names of before 2.37: the one that the kernel names on every CPU, and those that depend on the CPU.
_PLATFORM: dict[int, str] = {Machine.X86_64: "x86_64", Machine.AARCH64: "aarch64"}
# What glibc calls the platform on some of Intel's CPUs for x86-64, in every version (its cpu-features.c).
_PLATFORMS = ("haswell", "xeon_phi")
_LEGACY_NAMES: dict[int, tuple[str, ...]] = {
    Machine.X86_64: ("haswell", "xeon_phi", "avx512_1"),
    Machine.AARCH64: ("atomics",),
    Machine.PPC64: ("power10", "power9", "power8", "power7"),
    Machine.S390: ("z16", "z15", "z14", "z13", "zEC12", "z196", "z10"),
}


# Where a file without PT_GNU_STACK asks for an executable stack (DEFAULT_STACK_PERMS in glibc's stackinfo.h).
_EXECUTABLE_STACK = frozenset((Machine.I386, Machine.X86_64, Machine.ARM, Machine.S390))


class LoaderProfile(Struct, frozen=True):
    """One loader's own rules. Directories are without trailing slash.

    `cache` and `preload` are the paths of its `ld.so.cache` and `ld.so.preload`: glibc's configuration moves them with
    its directories, and distributions patch them; "" for a loader that has none.
    `hwcaps` are the glibc-hwcaps levels it knows, best first. `legacy_always` are subdirectory names of before
    glibc 2.37 that every CPU has, `legacy_names` those that depend on the CPU; both empty from 2.37 on.
    `enforces_abi_note`: stops on a kernel older than an object's note says. `asserts_versions`: aborts where a
    versioned symbol is found in the very library that should have its version and has no versions at all.
    `refuses_pie`: takes no position-independent program for a library. `stack_stays`: dlopen(3) makes no stack
    executable; `stack_default`: a file without PT_GNU_STACK asks for that. `checks_relr`: refuses packed relocations
    (DT_RELR) without their version; `checks_alignment`: a segment's alignment is at least a page's;
    `checks_own_header`: asserts its own e_ehsize; `adds_to_calls`: a call may lead beyond the beginning of the function
    that it names; `hash_bits`: of a number that it shifts by what DT_GNU_HASH says.
    `looks_up`: symbols that it asks for itself, where a C library is loaded. `version` is glibc's where it shows.
    """

    loader: Loader
    path: str  # PT_INTERP as written
    real_path: str
    architecture: Architecture
    directories: tuple[str, ...]
    cache: str = ""
    preload: str = ""
    lib: str = ""  # $LIB
    platform: str = ""  # $PLATFORM, on nearly every CPU
    hwcaps: tuple[str, ...] = ()
    legacy_always: tuple[str, ...] = ()
    legacy_names: tuple[str, ...] = ()
    cache_flags: int | None = None
    enforces_abi_note: bool = False
    asserts_versions: bool = False
    checks_relr: bool = False
    checks_alignment: bool = False
    checks_own_header: bool = False
    adds_to_calls: bool = True
    hash_bits: int = 64
    looks_up: tuple[bytes, ...] = ()
    refuses_pie: bool = False
    stack_stays: bool = False
    stack_default: bool = False
    version: tuple[int, int] | None = None
    path_file: str = ""  # musl's, relative to the loader's prefix

    @property
    def cpus(self) -> tuple[str, ...]:
        """The CPUs that have a name of their own: for subdirectories of before glibc 2.37, or only in $PLATFORM."""
        return self.legacy_names or (_PLATFORMS if self.platform == "x86_64" else ())


class UnknownLoader(Struct, frozen=True):
    """An interpreter whose rules aren't known; `reason` ends a sentence that begins with its path."""

    reason: str


def as_loader(content: Content, elf: ElfFile) -> ElfFile:
    """An interpreter as it sees itself: glibc's finds its own tables without its headers, musl's doesn't."""
    if has_tables(elf.last_tags) or not _is_glibc(file_bytes(content, 0, _LOADER_LIMIT), elf):
        return elf
    return read_loader(content, elf)


def _is_glibc(data: bytes, elf: ElfFile) -> bool:
    return _CACHE_MAGIC in data and (bool(elf.soname) or _GIVEN_TO_LIBC in data)


def read_profile(data: bytes, elf: ElfFile, path: str, real_path: str) -> LoaderProfile | UnknownLoader:
    """The rules of the loader whose file holds `data`."""
    target = Architecture("", elf.machine, elf.bits, elf.byte_order)
    musl = _MUSL.search(data)
    if musl:
        built_in = _MUSL_DIRECTORIES.search(data)
        directories = built_in.group(1).decode().split(":") if built_in else ["/lib", "/usr/local/lib", "/usr/lib"]
        path_file = musl.group(0).rstrip(b"\0").decode()
        return LoaderProfile(
            Loader.MUSL, path, real_path, target, tuple(directories), path_file=path_file, hash_bits=_hash_bits(elf)
        )
    if not _is_glibc(data, elf):
        return UnknownLoader("is neither glibc's loader nor musl's")
    directories = _default_directories(data)
    cache = _compiled_in(_CACHE_PATH, data)
    if not directories or not cache:
        what = "path of ld.so.cache" if directories else "list of library directories"
        return UnknownLoader(f"is glibc's loader, and no {what} can be told from its bytes")
    found = _GLIBC_VERSION.search(data)
    version = (int(found.group(1)), int(found.group(2))) if found else None
    legacy = (version is not None and version < _LEGACY_ENDS) or _LEGACY_HELP in data or _HWCAPS_DIRECTORY not in data
    platform = _PLATFORM.get(elf.machine, "")
    return LoaderProfile(
        loader=Loader.GLIBC,
        path=path,
        real_path=real_path,
        architecture=target,
        directories=tuple(directories),
        cache=cache,
        preload=_compiled_in(_PRELOAD_PATH, data),
        lib=_lib(data, directories[0]),
        platform=platform,
        hwcaps=_hwcaps(data, elf.machine),
        legacy_always=_always(platform) if legacy else (),
        legacy_names=_LEGACY_NAMES.get(elf.machine, ()) if legacy else (),
        cache_flags=_CACHE_FLAGS.get((elf.machine, elf.bits)),
        enforces_abi_note=_OLD_KERNEL in data,
        asserts_versions=_ASSERTS_VERSIONS in data,
        checks_relr=_CHECKS_RELR in data,
        checks_alignment=_CHECKS_ALIGNMENT in data,
        checks_own_header=_CHECKS_OWN_HEADER in data,
        adds_to_calls=elf.machine != Machine.X86_64 or version is None or version < _BARE_CALLS_SINCE,
        hash_bits=64 if version is None or version < _NARROW_HASH_SINCE else _hash_bits(elf),
        looks_up=_looks_up(data, version),
        refuses_pie=_REFUSES_PIE in data,
        stack_stays=version is not None and version >= _STACK_STAYS_SINCE,
        stack_default=elf.machine in _EXECUTABLE_STACK,
        version=version,
    )


def _default_directories(data: bytes) -> list[str]:
    """The list that is compiled in, however long: strings back to back that begin and end with `/`.

    The longest such run is the loader's; of runs of a single directory there must be one alone.
    """
    runs = dict.fromkeys(run.group() for run in _DIRECTORY_RUN.finditer(data))
    found = [run for run in runs if b"lib" in run and not run.startswith(_NO_LIBRARIES)]
    longest = max((run.count(b"\0") for run in found), default=0)
    best = [run for run in found if run.count(b"\0") == longest]
    if not best or (longest == 1 and len(best) > 1):
        return []
    return [directory.decode().rstrip("/") for directory in best[0].split(b"\0")[:-1]]


def _compiled_in(pattern: re.Pattern[bytes], data: bytes) -> str:
    """The one path of that kind in the loader; "" where there is none, or no telling which."""
    found = set(pattern.findall(data))
    return found.pop().decode() if len(found) == 1 else ""


def _lib(data: bytes, directory: str) -> str:
    """`$LIB`: the last part of the first directory, or as many of its parts as Debian's loaders have in one string."""
    parts = directory.strip("/").split("/")
    ends = ("/".join(parts[number:]) for number in range(len(parts)))
    return next((end for end in ends if b"\0" + end.encode() + b"\0" in data), parts[-1])


def _hwcaps(data: bytes, machine: int) -> tuple[str, ...]:
    if _HWCAPS_DIRECTORY not in data:
        return ()
    names = _HWCAPS_NAMES.get(machine, frozenset())
    longest: list[str] = []
    for match in _HWCAPS_RUN.finditer(data):
        run = match.group().decode().split(":")
        # A single level may also stand by itself: the longest list is the loader's.
        if names.intersection(run) and len(run) > len(longest):
            longest = run
    return tuple(longest)


def _always(platform: str) -> tuple[str, ...]:
    """`tls` needs no capability of the CPU; the platform's name is also one of the capabilities on x86-64."""
    return ("tls", platform) if platform else ("tls",)


def _hash_bits(elf: ElfFile) -> int:
    """Processors shift 32 bits by the number modulo 32, or as these by its last six bits: nothing is left then."""
    return 64 if elf.machine in (Machine.PPC64, Machine.S390) else 32


def _looks_up(data: bytes, version: tuple[int, int] | None) -> tuple[bytes, ...]:
    """The names that the loader itself looks up at every start: the C library's allocator (2.32, `__rtld_malloc` in its
    dl-minimal.c), beginning and locks, and what debuggers read (seen in 2.41, not in 2.36).
    """
    if b"\0__libc_early_init\0" not in data:
        return ()  # before 2.32 the loader has an allocator of its own, under the same names
    asked = (b"__libc_early_init", b"calloc", b"realloc", b"pthread_mutex_lock")
    if version is None or version < _LOCKS_SINCE:
        names = [name for name in asked if b"\0" + name + b"\0" in data]
    else:
        # A name that isn't there, the end of another string too, is asked for by what is there instead.
        names = [name if name + b"\0" in data else b"" for name in asked]
    return (*names, b"_r_debug") if version is not None and version >= (2, 41) else tuple(names)
