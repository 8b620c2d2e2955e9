"""What came of loading a program: which objects, found how, and what would go wrong."""

import enum

from msgspec import Struct, field


class Loader(enum.StrEnum):
    """The dynamic loaders whose rules are known."""

    GLIBC = "glibc"
    MUSL = "musl"


#: How musl's loader begins to say that it can't load a library (its dynlink.c).
MUSL_REFUSES = "Error loading shared library"


class LoadFault(enum.StrEnum):
    """What stops a program, or one of its objects, from being loaded."""

    LIBRARY_MISSING = "library-missing"
    SYMBOL_VERSION_MISSING = "symbol-version-missing"
    SYMBOL_MISSING = "symbol-missing"
    INTERPRETER_MISSING = "interpreter-missing"
    ARCHITECTURE_MISMATCH = "architecture-mismatch"
    ELF_MALFORMED = "elf-malformed"


class LoadProblem(Struct, frozen=True):
    """One thing that the loader (or kernel) would refuse.

    `path` is the real path of the object that has the need (or that is malformed), `name` what it needs: a
    soname, `VERSION (soname)`, a symbol, an interpreter. `message` is what the loader itself would print.
    `passed_over` are candidates that the loader would look at and skip, each with the reason; `symbols` (of a
    missing library) are the references that nothing else in scope satisfies; `provider` (of a missing version)
    is the real path of the library that should have it. `variant` names the glibc-hwcaps level, "" the plain one.
    """

    fault: LoadFault
    path: str
    name: str
    message: str
    at_start: bool = True  # False: only at the first call (lazy binding)
    provider: str = ""
    passed_over: tuple[tuple[str, str], ...] = ()
    symbols: tuple[str, ...] = ()
    variant: str = ""


class NoticeKind(enum.StrEnum):
    """What the loader lives with, and a reader of the report should know."""

    PRELOAD_IGNORED = "preload-ignored"
    NO_VERSION_INFORMATION = "no-version-information"
    WEAK_VERSION_MISSING = "weak-version-missing"
    HWCAPS_ONLY = "hwcaps-only"  # a library that only machines of this level or better find
    LEGACY_HWCAPS = "legacy-hwcaps"  # taken from tls/ or the like
    RELATIVE_PATH = "relative-path"  # depends on the working directory
    CACHE_DISORDER = "cache-disorder"
    SIZE_DIFFERS = "size-differs"  # data that a program copies: it was linked to another build of the library
    DLOPEN = "dlopen"  # a .note.dlopen entry: a library that may be loaded later by name
    UNKNOWN = "unknown"  # could not be told, with the reason in the message


class LoadNotice(Struct, frozen=True):
    """A remark on a load that goes on."""

    kind: NoticeKind
    path: str  # of the object concerned
    name: str
    message: str
    variant: str = ""


class LoadedObject(Struct, frozen=True):
    """One object in load order. `name` is the first name it was asked for by (the program: its path)."""

    name: str
    path: str  # as the loader opened it
    real_path: str
    found_by: str  # "program", "interpreter", "preload", "rpath", "LD_LIBRARY_PATH", "runpath", "ld.so.cache",
    # "default", "path file", "path", "reserved name"
    needed_by: str  # real path of the object whose need came first; "" for the program
    soname: str | None


class Closure(Struct, frozen=True):
    """All that starting `program` would load, breadth-first, the program itself first, the interpreter included.

    `loader` is None for a static program and where no interpreter could be read. `variants` holds the closures
    of glibc-hwcaps levels that differ from the plain one, best level first.
    """

    program: str  # real path
    interpreter: str | None  # PT_INTERP as written
    loader: Loader | None
    objects: tuple[LoadedObject, ...]
    problems: tuple[LoadProblem, ...] = ()
    notices: tuple[LoadNotice, ...] = ()
    variant: str = ""
    variants: tuple["Closure", ...] = field(default=())


class GoModule(Struct, frozen=True):
    """One module that is built in. `version` is `(devel)` where the build didn't know it; `sum` its go.sum hash.

    `replaces` is `PATH VERSION` of the module that the sources ask for, where another was built in its place.
    """

    path: str
    version: str
    sum: str = ""
    replaces: str = ""
