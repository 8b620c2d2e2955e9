"""One tiny case per rule of glibc's loader, in the order of ld.so(8): where it looks, what it takes, what it binds.

`finds` says which path each needed name leads to (None: not found), `fails` what the loader's message holds;
`before` and `since` bound the glibc versions for which these hold. Every case is also compared with the real
loader, whatever it is.
"""

import io
from collections.abc import Callable

from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from tests.elf.caches import Row, compat_cache, new_cache, old_cache
from tests.elf.case import Case
from tests.elf.forge import Need, after_segments, cut, library, poke, program, without_tag

NEEDED, SONAME, VERSYM, VERDEF, FILTER, AUXILIARY = 1, 14, 0x6FFFFFF0, 0x6FFFFFFC, 0x7FFFFFFF, 0x7FFFFFFD


T = "x86_64-linux-gnu"
CACHE = "/etc/ld.so.cache"


def cache(*rows: Row, **options: object) -> dict[str, bytes]:
    return {CACHE: new_cache(rows, **options)}  # type: ignore[arg-type]


SEARCH = (
    Case(
        "default directories come in the loader's own order",
        (program("/bin/prog", "a.so"), library("/usr/lib/a.so"), library(f"/usr/lib/{T}/a.so")),
        {"a.so": f"/usr/lib/{T}/a.so"},
    ),
    Case(
        "lib64 is no default directory on Debian",
        (program("/bin/prog", "a.so"), library("/lib64/a.so")),
        {"a.so": None},
    ),
    Case(
        "usr local lib is no default directory",
        (program("/bin/prog", "a.so"), library("/usr/local/lib/a.so")),
        {"a.so": None},
        "a.so: cannot open shared object file: No such file or directory",
    ),
    Case(
        "ld.so.conf has no effect at run time",
        (program("/bin/prog", "a.so"), library("/opt/a.so")),
        {"a.so": None},
        files={"/etc/ld.so.conf": b"/opt\n"},
    ),
    Case(
        "a name with a slash is exactly that path",
        (program("/bin/prog", "/opt/a.so", "/opt/b.so"), library("/opt/a.so"), library("/lib/b.so")),
        {"/opt/a.so": "/opt/a.so", "/opt/b.so": None},
    ),
    Case(
        "a relative name with a slash is taken from the working directory",
        (program("/bin/prog", "sub/a.so"), library("/work/sub/a.so")),
        {"sub/a.so": "/work/sub/a.so"},
        cwd="/work",
    ),
    Case(
        "DT_NEEDED may hold $ORIGIN",
        (program("/opt/bin/prog", "$ORIGIN/../lib/a.so"), library("/opt/lib/a.so")),
        {"/opt/bin/../lib/a.so": "/opt/bin/../lib/a.so"},
        start="/opt/bin/prog",
    ),
    Case(
        "the program's RPATH serves its libraries' libraries",
        (program("/bin/prog", "a.so", rpath="/a:/b"), library("/a/a.so", "b.so"), library("/b/b.so")),
        {"a.so": "/a/a.so", "b.so": "/b/b.so"},
    ),
    Case(
        "the program's RUNPATH doesn't",
        (program("/bin/prog", "a.so", runpath="/a:/b"), library("/a/a.so", "b.so"), library("/b/b.so")),
        {"a.so": "/a/a.so", "b.so": None},
    ),
    Case(
        "an object with RUNPATH adds nothing to the RPATH chain, which goes on past it",
        (
            program("/bin/prog", "a.so", rpath="/a:/c"),
            library("/a/a.so", "b.so", runpath="/b"),
            library("/b/b.so", "c.so"),
            library("/c/c.so"),
        ),
        {"b.so": "/b/b.so", "c.so": "/c/c.so"},
    ),
    Case(
        "an object's own RUNPATH turns off the RPATH chain for its needs",
        (program("/bin/prog", "a.so", rpath="/a:/c"), library("/a/a.so", "c.so", runpath="/b"), library("/c/c.so")),
        {"c.so": None},
    ),
    Case(
        "the nearest RPATH comes first",
        (
            program("/bin/prog", "a.so", rpath="/x:/lib"),
            library("/x/a.so", "b.so", rpath="/y"),
            library("/x/b.so"),
            library("/y/b.so"),
        ),
        {"b.so": "/y/b.so"},
    ),
    Case(
        "the chain is of the object whose need came first",
        (
            program("/bin/prog", "a.so", "b.so", rpath="/l"),
            library("/l/a.so", "k.so", rpath="/a"),
            library("/l/b.so", "k.so", rpath="/b"),
            library("/l/k.so", "m.so"),
            library("/b/m.so"),
        ),
        {"m.so": None},
    ),
    Case(
        "RPATH comes before LD_LIBRARY_PATH, RUNPATH after it",
        (
            program("/bin/prog", "a.so", "b.so", rpath="/r"),
            library("/r/a.so"),
            library("/e/a.so"),
            library("/r/b.so", "c.so", runpath="/n"),
            library("/n/c.so"),
            library("/e/c.so"),
        ),
        {"a.so": "/r/a.so", "c.so": "/e/c.so"},
        env={"LD_LIBRARY_PATH": "/e"},
    ),
    Case(
        "LD_LIBRARY_PATH may be parted by semicolons, RPATH may not",
        (program("/bin/prog", "a.so", "b.so", runpath="/x;/r"), library("/e/a.so"), library("/r/b.so")),
        {"a.so": "/e/a.so", "b.so": None},
        env={"LD_LIBRARY_PATH": "/d;/e"},
    ),
    Case(
        "a semicolon in RPATH is a character of the name",
        (program("/bin/prog", "a.so", runpath="/x;y"), library("/x;y/a.so")),
        {"a.so": "/x;y/a.so"},
    ),
    Case(
        "an empty entry of LD_LIBRARY_PATH is the working directory",
        (program("/bin/prog", "a.so"), library("/work/a.so")),
        {"a.so": "/work/a.so"},
        env={"LD_LIBRARY_PATH": "/d:"},
        cwd="/work",
    ),
    Case(
        "LD_LIBRARY_PATH of a single colon is the working directory",
        (program("/bin/prog", "a.so"), library("/work/a.so")),
        {"a.so": "/work/a.so"},
        env={"LD_LIBRARY_PATH": ":"},
        cwd="/work",
    ),
    Case(
        "an empty LD_LIBRARY_PATH is none",
        (program("/bin/prog", "a.so"), library("/work/a.so")),
        {"a.so": None},
        env={"LD_LIBRARY_PATH": ""},
        cwd="/work",
    ),
    Case(
        "blanks in LD_LIBRARY_PATH aren't trimmed",
        (program("/bin/prog", "a.so", "b.so"), library("/e/a.so"), library("/f /b.so")),
        {"a.so": None, "b.so": "/f /b.so"},
        env={"LD_LIBRARY_PATH": " /e:/f "},
    ),
    Case(
        "an empty entry between colons of RUNPATH is the working directory",
        (program("/bin/prog", "a.so", runpath="/x::/y"), library("/work/a.so")),
        {"a.so": "/work/a.so"},
        cwd="/work",
    ),
    Case(
        "a relative RUNPATH depends on the working directory",
        (program("/bin/prog", "a.so", runpath="sub"), library("/work/sub/a.so")),
        {"a.so": "/work/sub/a.so"},
        cwd="/work",
    ),
    Case(
        "a trailing slash of an entry makes no difference",
        (program("/bin/prog", "a.so", runpath="/x//"), library("/x/a.so")),
        {"a.so": "/x/a.so"},
    ),
    Case(
        "nodeflib leaves out the default directories",
        (program("/bin/prog", "a.so", flags=("-Wl,-z,nodefaultlib",)), library("/lib/a.so")),
        {"a.so": None},
    ),
    Case(
        "nodeflib leaves out cache entries in default directories, and only those",
        (
            program("/bin/prog", "b.so", "a.so", flags=("-Wl,-z,nodefaultlib",)),
            library("/lib/a.so"),
            library("/usr/local/lib/b.so"),
        ),
        {"a.so": None, "b.so": "/usr/local/lib/b.so"},
        files=cache(Row("b.so", "/usr/local/lib/b.so"), Row("a.so", "/lib/a.so")),
    ),
    Case(
        "nodeflib is the needing object's own",
        (
            program("/bin/prog", "a.so", runpath="/x", flags=("-Wl,-z,nodefaultlib",)),
            library("/x/a.so", "b.so"),
            library("/lib/b.so"),
        ),
        {"b.so": "/lib/b.so"},
    ),
)

TOKENS = (
    Case(
        "$ORIGIN of the program is where it really lies",
        (program("/opt/app/bin/prog", "a.so", runpath="$ORIGIN/../lib"), library("/opt/app/lib/a.so")),
        {"a.so": "/opt/app/bin/../lib/a.so"},
        links={"/bin/prog": "../opt/app/bin/prog"},
    ),
    Case(
        "$ORIGIN of a library is where it was opened, links not resolved",
        (
            program("/bin/prog", "a.so", runpath="/link"),
            library("/real/a.so", "b.so", runpath="$ORIGIN"),
            library("/link/b.so"),
        ),
        {"b.so": "/link/b.so"},
        links={"/link/a.so": "../real/a.so"},
    ),
    Case(
        "braces",
        (program("/opt/bin/prog", "a.so", runpath="${ORIGIN}/x"), library("/opt/bin/x/a.so")),
        {"a.so": "/opt/bin/x/a.so"},
        start="/opt/bin/prog",
    ),
    Case(
        "$LIB",
        (program("/bin/prog", "a.so", runpath="/opt/$LIB"), library(f"/opt/lib/{T}/a.so")),
        {"a.so": f"/opt/lib/{T}/a.so"},
    ),
    Case(
        "a token in the middle of a name",
        (program("/bin/prog", "a.so", runpath="/opt/x$LIB"), library(f"/opt/xlib/{T}/a.so")),
        {"a.so": f"/opt/xlib/{T}/a.so"},
    ),
    Case(
        "what only begins like a token is literal",
        (
            program("/bin/prog", "a.so", "b.so", "c.so", runpath="/x/$ORIGINx:/x/${ORIGIN:/x/$NO"),
            library("/x/$ORIGINx/a.so"),
            library("/x/${ORIGIN/b.so"),
            library("/x/$NO/c.so"),
        ),
        {"a.so": "/x/$ORIGINx/a.so", "b.so": "/x/${ORIGIN/b.so", "c.so": "/x/$NO/c.so"},
    ),
    Case(
        "LD_LIBRARY_PATH knows the tokens of the program",
        (program("/opt/bin/prog", "a.so"), library("/opt/bin/l/a.so")),
        {"a.so": "/opt/bin/l/a.so"},
        env={"LD_LIBRARY_PATH": "$ORIGIN/l"},
        start="/opt/bin/prog",
    ),
    Case(
        "$PLATFORM is the kernel's",
        (program("/bin/prog", "a.so", runpath="/x/$PLATFORM"), library("/x/x86_64/a.so"), library("/x/haswell/a.so")),
    ),
)

CACHE_CASES = (
    Case(
        "the cache comes before the default directories",
        (program("/bin/prog", "a.so"), library("/lib/a.so"), library("/opt/a.so")),
        {"a.so": "/opt/a.so"},
        files=cache(Row("a.so", "/opt/a.so")),
    ),
    Case(
        "LD_LIBRARY_PATH and RUNPATH come before the cache",
        (
            program("/bin/prog", "a.so", "b.so", runpath="/r"),
            *(library(path) for path in ("/r/a.so", "/e/b.so", "/opt/a.so", "/opt/b.so")),
        ),
        {"a.so": "/r/a.so", "b.so": "/e/b.so"},
        files=cache(Row("b.so", "/opt/b.so"), Row("a.so", "/opt/a.so")),
        env={"LD_LIBRARY_PATH": "/e"},
    ),
    Case(
        "a stale entry is passed over for the default directories",
        (program("/bin/prog", "a.so"), library("/lib/a.so")),
        {"a.so": "/lib/a.so"},
        files=cache(Row("a.so", "/opt/a.so")),
    ),
    Case(
        "the name's next entry is never tried",
        (program("/bin/prog", "a.so"), library("/opt2/a.so")),
        {"a.so": None},
        files=cache(Row("a.so", "/opt/a.so"), Row("a.so", "/opt2/a.so")),
    ),
    Case(
        "the first entry of a name wins",
        (program("/bin/prog", "a.so"), library("/opt/a.so"), library("/opt2/a.so")),
        {"a.so": "/opt/a.so"},
        files=cache(Row("a.so", "/opt/a.so"), Row("a.so", "/opt2/a.so")),
    ),
    Case(
        "entries with other flags are dropped",
        (program("/bin/prog", "a.so"), *(library(f"/opt{n}/a.so") for n in range(5))),
        {"a.so": "/opt4/a.so"},
        files=cache(
            *(Row("a.so", f"/opt{n}/a.so", flags) for n, flags in enumerate((1, 3, -1, 0x0803))),
            Row("a.so", "/opt4/a.so"),
        ),
    ),
    Case(
        "in another order than ldconfig's nothing is found",
        (program("/bin/prog", "a.so", "z.so"), library("/opt/a.so"), library("/opt/z.so")),
        {"a.so": None, "z.so": None},
        files=cache(Row("a.so", "/opt/a.so"), Row("m.so", "/opt/m.so"), Row("z.so", "/opt/z.so")),
    ),
    Case(
        "numbers in names count as numbers",
        (
            program("/bin/prog", "l.so.9", "l.so.10", "l.so"),
            *(library(f"/opt/{n}") for n in ("l.so.9", "l.so.10", "l.so")),
        ),
        {"l.so.9": "/opt/l.so.9", "l.so.10": "/opt/l.so.10", "l.so": "/opt/l.so"},
        files=cache(Row("l.so.10", "/opt/l.so.10"), Row("l.so.9", "/opt/l.so.9"), Row("l.so", "/opt/l.so")),
    ),
    Case(
        "numbers above all other characters",
        (program("/bin/prog", "l1.so", "lz.so", "l~.so"), *(library(f"/opt/{n}") for n in ("l1.so", "lz.so", "l~.so"))),
        {"l1.so": "/opt/l1.so", "lz.so": "/opt/lz.so", "l~.so": "/opt/l~.so"},
        files=cache(Row("l1.so", "/opt/l1.so"), Row("l~.so", "/opt/l~.so"), Row("lz.so", "/opt/lz.so")),
    ),
    Case(
        "a cache without byte order is taken",
        (program("/bin/prog", "a.so"), library("/opt/a.so")),
        {"a.so": "/opt/a.so"},
        files=cache(Row("a.so", "/opt/a.so"), flags=0),
    ),
    *(
        Case(
            f"a cache of another byte order is none ({name})",
            (program("/bin/prog", "a.so"), library("/opt/a.so")),
            {"a.so": None},
            files={CACHE: data},
            since=(2, 33),
        )
        for name, data in (
            ("flag 1", new_cache([Row("a.so", "/opt/a.so")], flags=1)),
            ("flag 3", new_cache([Row("a.so", "/opt/a.so")], flags=3)),
            ("all of it", new_cache([Row("a.so", "/opt/a.so")], order=">")),
        )
    ),
    *(
        Case(
            f"a truncated or foreign cache is none ({name})",
            (program("/bin/prog", "a.so"), library("/opt/a.so")),
            {"a.so": None},
            files={CACHE: data},
        )
        for name, data in (
            ("empty", b""),
            ("30 bytes", new_cache([Row("a.so", "/opt/a.so")])[:30]),
            ("in the entries", new_cache([Row("a.so", "/opt/a.so")] * 3)[:100]),
            ("text", b"/opt\n" * 100),
        )
    ),
    Case(
        "the old form",
        (program("/bin/prog", "a.so"), library("/opt/a.so")),
        files={CACHE: old_cache([Row("a.so", "/opt/a.so")])},
    ),
    Case(
        "the new form behind the old one",
        (program("/bin/prog", "a.so"), library("/opt/a.so")),
        {"a.so": "/opt/a.so"},
        files={CACHE: compat_cache([Row("a.so", "/opt/a.so")])},
    ),
    Case(
        "a named hwcaps entry behind the old form is ignored",
        (program("/bin/prog", "a.so"), library("/opt/a.so"), library("/opt/v2/a.so")),
        {"a.so": "/opt/a.so"},
        files={CACHE: compat_cache([Row("a.so", "/opt/v2/a.so", hwcap="x86-64-v2"), Row("a.so", "/opt/a.so")])},
    ),
    Case(
        "an entry of another machine is passed over for the default directories",
        (program("/bin/prog", "a.so"), library("/opt/a.so", change=poke(18, b"\xb7\0")), library("/lib/a.so")),
        {"a.so": "/lib/a.so"},
        files=cache(Row("a.so", "/opt/a.so")),
    ),
    Case(
        "an entry that is no library ends the start",
        (program("/bin/prog", "a.so"), library("/lib/a.so")),
        fails="/opt/a.so: invalid ELF header",
        files={**cache(Row("a.so", "/opt/a.so")), "/opt/a.so": b"GROUP ( /lib/a.so )\n" * 9},
    ),
)

IDENTITY = (
    Case(
        "file name and soname needn't agree, and the soname satisfies later needs",
        (program("/bin/prog", "m.so.1", "m.so.2"), library("/lib/m.so.1", soname="m.so.2")),
        {"m.so.1": "/lib/m.so.1"},
    ),
    Case(
        "not in the other order",
        (program("/bin/prog", "m.so.2", "m.so.1"), library("/lib/m.so.1", soname="m.so.2")),
        {"m.so.2": None},
    ),
    Case(
        "breadth first: a soname loaded by a later sibling comes too late",
        (
            program("/bin/prog", "a.so", "b.so"),
            library("/lib/a.so", "k.so.2"),
            library("/lib/b.so", "k.so.1"),
            library("/lib/k.so.1", soname="k.so.2"),
        ),
        {"k.so.2": None},
    ),
    Case(
        "hard links and links are loaded once",
        (program("/bin/prog", "a.so", "b.so", "c.so"), library("/lib/a.so")),
        {"a.so": "/lib/a.so"},
        hard_links={"/lib/b.so": "/lib/a.so"},
        links={"/lib/c.so": "a.so"},
    ),
    Case(
        "the first needer decides where a name is found for all",
        (
            program("/bin/prog", "a.so", "b.so", runpath="/l"),
            library("/l/a.so", "k.so", runpath="/a"),
            library("/l/b.so", "k.so", runpath="/b"),
            library("/a/k.so"),
            library("/b/k.so"),
        ),
        {"k.so": "/a/k.so"},
    ),
    Case(
        "a missing library is missed by every object that needs it",
        (program("/bin/prog", "a.so", "k.so"), library("/lib/a.so", "k.so")),
        {"a.so": "/lib/a.so", "k.so": None},
    ),
)

# Offsets in the ELF header: 4 class, 5 data, 6 version, 7 OS ABI, 8 ABI version, 9 padding, 16 type, 18 machine,
# 20 version, 54 phentsize.
ACCEPTANCE = (
    *(
        Case(
            f"passed over: {name}",
            (program("/bin/prog", "a.so", runpath="/x"), library("/x/a.so", change=change), library("/lib/a.so")),
            {"a.so": "/lib/a.so"},
        )
        for name, change in (
            ("another class", poke(4, b"\1")),
            ("another machine", poke(18, b"\xb7\0")),
            ("another byte order and machine", lambda old: poke(18, b"\0\x16")(poke(5, b"\2")(old))),
        )
    ),
    *(
        Case(
            f"ends the start: {message}{extra}",
            (program("/bin/prog", "a.so", runpath="/x"), library("/x/a.so", change=change), library("/lib/a.so")),
            fails=message,
        )
        for message, extra, change in (
            ("ELF file data encoding not little-endian", "", poke(5, b"\2")),
            ("ELF file version ident does not match current one", "", poke(6, b"\2")),
            ("ELF file OS ABI invalid", "", poke(7, b"\x09")),
            ("ELF file ABI version invalid", "", poke(8, b"\x01")),
            ("nonzero padding in e_ident", "", poke(12, b"\1")),
            ("ELF file version does not match current one", "", poke(20, b"\2")),
            ("only ET_DYN and ET_EXEC can be loaded", " (relocatable)", poke(16, b"\1\0")),
            ("only ET_DYN and ET_EXEC can be loaded", " (core)", poke(16, b"\4\0")),
            ("cannot dynamically load executable", "", poke(16, b"\2\0")),
            ("ELF file's phentsize not the expected size", "", poke(54, b"\x20\0")),
            ("object file has no loadable segments", "", poke(56, b"\0\0")),
            ("file too short", " (empty)", cut(0)),
            ("file too short", " (60 bytes)", cut(60)),
            ("invalid ELF header", " (zeros)", lambda _: bytes(900)),
            ("invalid ELF header", " (linker script)", lambda _: b"GROUP ( /lib/a.so )\n" * 9),
        )
    ),
    Case(
        "another machine is passed over before its OS ABI is looked at",
        (
            program("/bin/prog", "a.so", runpath="/x"),
            library("/x/a.so", change=lambda old: poke(18, b"\xb7\0")(poke(7, b"\x09")(old))),
            library("/lib/a.so"),
        ),
    ),
    Case(
        "another machine is passed over before its type is looked at",
        (
            program("/bin/prog", "a.so", runpath="/x"),
            library("/x/a.so", change=lambda old: poke(18, b"\xb7\0")(poke(16, b"\1\0")(old))),
            library("/lib/a.so"),
        ),
        {"a.so": "/lib/a.so"},
    ),
    Case(
        "OS ABI GNU is fine, with an ABI version up to the loader's own limit",
        (program("/bin/prog", "a.so"), library("/lib/a.so", change=poke(7, b"\x03"))),
        {"a.so": "/lib/a.so"},
    ),
    Case(
        "nothing but other classes is told as such",
        (program("/bin/prog", "a.so"), library("/lib/a.so", change=poke(4, b"\1"))),
        {"a.so": None},
    ),
    Case(
        "a position-independent program is no library",
        (program("/bin/prog", "a.so"), program("/lib/a.so")),
        fails="cannot dynamically load position-independent executable",
    ),
    Case(
        "a directory ends the start",
        (program("/bin/prog", "a.so", runpath="/x"), library("/lib/a.so")),
        fails="/x/a.so: cannot read file data: Error 21",
        folders=("/x/a.so",),
    ),
    Case(
        "a dangling link and a circle of links are passed over",
        (program("/bin/prog", "a.so", "b.so", runpath="/x"), library("/lib/a.so"), library("/lib/b.so")),
        {"a.so": "/lib/a.so", "b.so": "/lib/b.so"},
        links={"/x/a.so": "gone.so", "/x/b.so": "b.so"},
    ),
    Case(
        "sections are never read",
        (program("/bin/prog", "a.so"), library("/lib/a.so", change=after_segments)),
        {"a.so": "/lib/a.so"},
    ),
    Case(
        "a library needs no x bit",
        (program("/bin/prog", "a.so"), library("/lib/a.so", mode=0o644)),
        {"a.so": "/lib/a.so"},
    ),
    Case(
        "a file that ends before its last segment's page",
        (program("/bin/prog", "a.so"), library("/lib/a.so", defines=("f", "data:d"), change=cut(0x2000))),
    ),
)

PRELOADS = (
    Case(
        "LD_PRELOAD, parted by blanks or colons, by path or by name",
        (
            program("/bin/prog", "a.so"),
            *(library(path) for path in ("/lib/a.so", "/lib/b.so", "/opt/c.so", "/opt/d.so")),
        ),
        {"b.so": "/lib/b.so", "/opt/c.so": "/opt/c.so", "/opt/d.so": "/opt/d.so"},
        env={"LD_PRELOAD": "b.so /opt/c.so:/opt/d.so"},
    ),
    Case(
        "a preload that is missing is ignored",
        (program("/bin/prog", "a.so"), library("/lib/a.so")),
        {"a.so": "/lib/a.so"},
        env={"LD_PRELOAD": "none.so"},
    ),
    Case(
        "a preload that is no library is ignored",
        (program("/bin/prog", "a.so"), library("/lib/a.so")),
        {"a.so": "/lib/a.so"},
        env={"LD_PRELOAD": "/lib/text.so"},
        files={"/lib/text.so": b"text" * 50},
    ),
    Case(
        "a preload's own needs are not optional",
        (program("/bin/prog", "z.so"), library("/lib/z.so"), library("/lib/a.so", "none.so")),
        {"none.so": None},
        env={"LD_PRELOAD": "a.so"},
    ),
    Case(
        "bare names are searched for as if the program needed them, and so are their needs",
        (
            program("/bin/prog", "z.so", rpath="/r"),
            library("/lib/z.so"),
            library("/r/a.so", "b.so"),
            library("/r/b.so"),
        ),
        {"a.so": "/r/a.so", "b.so": "/r/b.so"},
        env={"LD_PRELOAD": "a.so"},
    ),
    Case(
        "the preload file is parted by white space or colons",
        (program("/bin/prog", "z.so"), library("/lib/z.so"), *(library(f"/lib/{name}.so") for name in "abcd")),
        {"a.so": "/lib/a.so", "b.so": "/lib/b.so", "c.so": "/lib/c.so", "d.so": "/lib/d.so"},
        files={"/etc/ld.so.preload": b"a.so\tb.so:c.so\nd.so"},
    ),
    Case(
        "the first comment of the preload file is blanked",
        (program("/bin/prog", "z.so"), library("/lib/z.so"), *(library(f"/lib/{name}.so") for name in "abc")),
        {"a.so": "/lib/a.so", "c.so": "/lib/c.so"},
        files={"/etc/ld.so.preload": b"a.so # b.so\nc.so\n"},
    ),
    Case(
        "a second comment's words may be tried as names",
        (program("/bin/prog", "z.so"), library("/lib/z.so"), *(library(f"/lib/{name}.so") for name in "abcd")),
        files={"/etc/ld.so.preload": b"# one\na.so\n# b.so\nc.so # d.so\n"},
    ),
    Case(
        "LD_PRELOAD comes before the preload file",
        (program("/bin/prog", "z.so"), library("/lib/z.so"), library("/lib/a.so"), library("/lib/b.so")),
        env={"LD_PRELOAD": "b.so"},
        files={"/etc/ld.so.preload": b"a.so"},
    ),
    Case(
        "a preload satisfies a need by name or soname",
        (program("/bin/prog", "k.so.1"), library("/opt/k.so", soname="k.so.1"), library("/lib/k.so.1")),
        {"/opt/k.so": "/opt/k.so"},
        env={"LD_PRELOAD": "/opt/k.so"},
    ),
)

FILTERS = (
    Case(
        "the library that a filter names must be there",
        (program("/bin/prog", "f.so"), library("/lib/f.so", flags=("-Wl,-F,real.so",))),
        {"real.so": None},
    ),
    Case(
        "an auxiliary one needn't",
        (program("/bin/prog", "f.so"), library("/lib/f.so", flags=("-Wl,-f,real.so",))),
        {"f.so": "/lib/f.so"},
        traced=False,
    ),
    Case(
        "both go before the filter, and their needs are loaded",
        (
            program("/bin/prog", "f.so", "g.so"),
            library("/lib/f.so", "h.so", flags=("-Wl,-F,real.so",)),
            library("/lib/g.so", flags=("-Wl,-f,aux.so",)),
            library("/lib/real.so", "k.so"),
            library("/lib/aux.so"),
            library("/lib/h.so"),
            library("/lib/k.so"),
        ),
        {"real.so": "/lib/real.so", "aux.so": "/lib/aux.so", "k.so": "/lib/k.so"},
    ),
    Case(
        "a filter's library that comes later anyway",
        (
            program("/bin/prog", "f.so", "real.so"),
            library("/lib/f.so", flags=("-Wl,-F,real.so",)),
            library("/lib/real.so"),
        ),
        {"real.so": "/lib/real.so"},
    ),
)

V1 = Need("v.so", ("f@@V1",))
VERSIONS = (
    Case(
        "the version is defined",
        (program("/bin/prog", V1, uses=("f",)), library("/lib/v.so", defines=("f@@V1",))),
        {"v.so": "/lib/v.so"},
    ),
    Case(
        "the version is not defined",
        (program("/bin/prog", V1, uses=("f",)), library("/lib/v.so", defines=("f@@V2",))),
        fails="/lib/v.so: version `V1' not found (required by /bin/prog)",
    ),
    Case(
        "all missing versions are told",
        (
            program("/bin/prog", Need("v.so", ("f@@V1", "g@@V3")), "w.so", uses=("f", "g")),
            library("/lib/v.so", defines=("f@@V2",)),
            library("/lib/w.so", V1, uses=("f",)),
        ),
        fails="/lib/v.so: version `V3' not found (required by /bin/prog)",
    ),
    Case(
        "a library without versions at all, defining the symbol",
        (program("/bin/prog", V1, uses=("f",)), library("/lib/v.so", defines=("f",))),
    ),
    Case(
        "a library without versions at all, the reference weak",
        (program("/bin/prog", V1, uses=("weak:f",)), library("/lib/v.so", defines=("f",))),
    ),
    Case(
        "a library without versions at all, an interposer before it",
        (
            program("/bin/prog", "i.so", V1, uses=("f",)),
            library("/lib/i.so", defines=("f",)),
            library("/lib/v.so", defines=("f",)),
        ),
    ),
    Case(
        "a library without versions at all, not defining the symbol, another defining it",
        (
            program("/bin/prog", V1, "o.so", uses=("f",)),
            library("/lib/v.so", defines=("g",)),
            library("/lib/o.so", defines=("f",)),
        ),
    ),
    Case(
        "a library that needs versions itself and defines none",
        (
            program("/bin/prog", V1, uses=("f",)),
            library("/lib/v.so", Need("w.so", ("g@@W",)), defines=("f",), uses=("g",)),
            library("/lib/w.so", defines=("g@@W",)),
        ),
    ),
    Case(
        "a version of a file that nothing loads",
        (program("/bin/prog", V1, uses=("f",), change=without_tag(NEEDED)), library("/lib/v.so", defines=("f@@V1",))),
        fails="Assertion `needed != NULL' failed!",
    ),
    Case(
        "a version of a file that is loaded by another name, and was never asked for by its soname",
        (
            program("/bin/prog", V1, "o.so", uses=("f",), change=without_tag(NEEDED)),
            library("/lib/o.so", soname="v.so", defines=("f@@V1",)),
        ),
    ),
    Case(
        "the version's file is missing",
        (program("/bin/prog", V1, uses=("f",)),),
        {"v.so": None},
    ),
    Case(
        "the version's library is there under its name and another supplies the symbol",
        (
            program("/bin/prog", V1, "o.so", uses=("f",)),
            library("/lib/v.so", defines=("g@@V1",)),
            library("/lib/o.so", defines=("f@@V1",)),
        ),
    ),
    Case(
        "packed relocations need a version of libc",
        (
            program(
                "/bin/prog", Need("libc.so.6", ("f@@GLIBC_2.2.5",)), uses=("f",), flags=("-Wl,-z,pack-relative-relocs",)
            ),
            library("/lib/libc.so.6", soname="libc.so.6", defines=("f@@GLIBC_2.2.5",)),
        ),
    ),
    Case(
        "packed relocations without it",
        (
            program(
                "/bin/prog",
                Need("libc.so.6", ("f@@V1",)),
                defines=("own",),
                uses=("f", "data:own"),
                flags=("-Wl,-z,pack-relative-relocs",),
            ),
            library("/lib/libc.so.6", soname="libc.so.6", defines=("f@@V1",)),
        ),
        fails="/bin/prog: DT_RELR without GLIBC_ABI_DT_RELR dependency",
        since=(2, 36),
    ),
)

FG = Need("a.so", ("f", "g"))
SYMBOLS = (
    Case(
        "data is bound at start",
        (program("/bin/prog", FG, uses=("data:f",)), library("/lib/a.so", defines=("g",))),
        fails="undefined symbol: f",
    ),
    Case(
        "a lazy call is not",
        (program("/bin/prog", FG, uses=("f",), flags=("-Wl,-z,lazy",)), library("/lib/a.so")),
        fails="undefined symbol: f",
        lives=True,
    ),
    Case(
        "a call of an object that binds now is",
        (program("/bin/prog", FG, uses=("f",), flags=("-Wl,-z,now",)), library("/lib/a.so")),
        fails="undefined symbol: f",
    ),
    Case(
        "binding now is each object's own",
        (
            program("/bin/prog", "a.so", flags=("-Wl,-z,now",)),
            library("/lib/a.so", uses=("f",), flags=("-Wl,-z,lazy",)),
        ),
        lives=True,
    ),
    Case(
        "LD_BIND_NOW is for all",
        (program("/bin/prog", "a.so"), library("/lib/a.so", uses=("f",), flags=("-Wl,-z,lazy",))),
        fails="undefined symbol: f",
        env={"LD_BIND_NOW": "1"},
    ),
    Case(
        "LD_BIND_NOW without value is not set",
        (program("/bin/prog", "a.so"), library("/lib/a.so", uses=("f",), flags=("-Wl,-z,lazy",))),
        env={"LD_BIND_NOW": ""},
        lives=True,
    ),
    Case(
        "weak references may be missing",
        (program("/bin/prog", FG, uses=("weak:f", "weakdata:g")), library("/lib/a.so")),
        {"a.so": "/lib/a.so"},
    ),
    Case(
        "any object in scope will do, also the program",
        (program("/bin/prog", "a.so", defines=("f",), flags=("-rdynamic",)), library("/lib/a.so", uses=("data:f",))),
        {"a.so": "/lib/a.so"},
    ),
    Case(
        "a library's symbols serve objects that don't need it",
        (
            program("/bin/prog", "a.so", "b.so"),
            library("/lib/a.so", uses=("data:f", "g")),
            library("/lib/b.so", defines=("f", "g")),
        ),
        {"a.so": "/lib/a.so"},
    ),
    Case(
        "a reference with version takes an unversioned interposer",
        (
            program("/bin/prog", "i.so", V1, uses=("data:f",)),
            library("/lib/i.so", defines=("f",)),
            library("/lib/v.so", defines=("g@@V1",)),
        ),
    ),
    Case(
        "a reference with version takes no other version",
        (
            program("/bin/prog", Need("v.so", ("f@@V1",)), uses=("data:f",)),
            library("/lib/v.so", defines=("f@@V2", "g@@V1")),
        ),
        fails="undefined symbol: f, version V1",
    ),
    Case(
        "a reference with version takes its hidden version",
        (program("/bin/prog", V1, uses=("data:f",)), library("/lib/v.so", defines=("f@V1", "f@@V2"))),
    ),
    Case(
        "a reference without version takes the oldest one, hidden or not",
        (program("/bin/prog", Need("v.so", ("f",)), uses=("data:f",)), library("/lib/v.so", defines=("f@V1",))),
    ),
    Case(
        "a reference without version takes a newer one if it is the default",
        (
            program("/bin/prog", Need("v.so", ("f",)), uses=("data:f",)),
            library("/lib/v.so", defines=("g@@V1", "f@@V2")),
        ),
    ),
    Case(
        "a reference without version takes no newer hidden one",
        (
            program("/bin/prog", Need("v.so", ("f",)), uses=("data:f",)),
            library("/lib/v.so", defines=("g@@V1", "f@V2")),
        ),
        fails="undefined symbol: f",
    ),
    Case(
        "an unversioned definition in a library with versions satisfies any version",
        (
            program("/bin/prog", V1, uses=("data:f",)),
            library("/lib/v.so", defines=("f", "g@@V1")),
        ),
    ),
    Case(
        "a COPY relocation looks everywhere but in the program",
        (
            program("/bin/prog", Need("d.so", ("data:d",)), uses=("copy:d",), flags=("-no-pie",)),
            library("/lib/d.so", defines=("f",)),
        ),
        fails="undefined symbol: d",
    ),
    Case(
        "a COPY relocation that finds its data",
        (
            program("/bin/prog", Need("d.so", ("data:d",)), uses=("copy:d",), flags=("-no-pie",)),
            library("/lib/d.so", defines=("data:d",)),
        ),
        {"d.so": "/lib/d.so"},
    ),
    Case(
        "a function's address in the program serves other addresses, not calls",
        (
            program("/bin/prog", Need("d.so", ("f",)), "a.so", uses=("data:f", "f"), flags=("-no-pie", "-fno-pie")),
            library("/lib/d.so"),
            library("/lib/a.so", uses=("data:f", "f")),
        ),
    ),
    Case(
        "an IFUNC is a definition",
        (program("/bin/prog", FG, uses=("data:f",)), library("/lib/a.so", defines=("ifunc:f",))),
        {"a.so": "/lib/a.so"},
    ),
    Case(
        "a protected definition is seen by others",
        (program("/bin/prog", FG, uses=("data:f",)), library("/lib/a.so", defines=("protected:f",), uses=("f",))),
        {"a.so": "/lib/a.so"},
    ),
    Case(
        "DT_HASH alone",
        (
            program("/bin/prog", FG, uses=("data:f", "data:g")),
            library("/lib/a.so", defines=("f",), flags=("-Wl,--hash-style=sysv",)),
        ),
        fails="undefined symbol: g",
    ),
    Case(
        "an object that binds to itself",
        (
            program("/bin/prog", "a.so"),
            library("/lib/a.so", defines=("f",), uses=("f", "g"), flags=("-Wl,-Bsymbolic",)),
        ),
    ),
)

SECURE = (
    Case(
        "a set-group-ID program ignores LD_LIBRARY_PATH",
        (program("/bin/prog", "a.so"), library("/e/a.so")),
        {"a.so": None},
        env={"LD_LIBRARY_PATH": "/e"},
        set_gid=True,
    ),
    Case(
        "a set-group-ID program drops RPATH entries with $ORIGIN",
        (program("/opt/prog", "a.so", rpath="$ORIGIN"), library("/opt/a.so")),
        {"a.so": None},
        start="/opt/prog",
        set_gid=True,
    ),
    Case(
        "unless they lead into a default directory",
        (program("/opt/prog", "a.so", rpath="$ORIGIN/../usr/lib/app"), library("/usr/lib/app/a.so")),
        {"a.so": "/opt/../usr/lib/app/a.so"},
        start="/opt/prog",
        set_gid=True,
    ),
    Case(
        "a library of a set-group-ID program keeps $ORIGIN at the beginning",
        (
            program("/opt/prog", "a.so", runpath="/opt/lib"),
            library("/opt/lib/a.so", "b.so", runpath="$ORIGIN/x"),
            library("/opt/lib/x/b.so"),
        ),
        {"b.so": "/opt/lib/x/b.so"},
        start="/opt/prog",
        set_gid=True,
    ),
    Case(
        "a library of a set-group-ID program drops $ORIGIN behind something else",
        (
            program("/opt/prog", "a.so", runpath="/opt/lib"),
            library("/opt/lib/a.so", "b.so", runpath="/z$ORIGIN/x"),
            library("/z/opt/lib/x/b.so"),
        ),
        {"b.so": None},
        start="/opt/prog",
        set_gid=True,
    ),
    Case(
        "a set-group-ID program keeps a relative RUNPATH",
        (program("/bin/prog", "a.so", runpath="sub"), library("/work/sub/a.so")),
        {"a.so": "/work/sub/a.so"},
        cwd="/work",
        set_gid=True,
    ),
    Case(
        "a set-group-ID program keeps an absolute RUNPATH and the cache",
        (program("/bin/prog", "a.so", "b.so", runpath="/r"), library("/r/a.so"), library("/c/b.so")),
        {"a.so": "/r/a.so", "b.so": "/c/b.so"},
        files=cache(Row("b.so", "/c/b.so")),
        set_gid=True,
    ),
)


def local(name: str) -> Callable[[bytes], bytes]:
    """The symbol of that name becomes a local one."""

    def change(old: bytes) -> bytes:
        table = ELFFile(io.BytesIO(old)).get_section_by_name(".dynsym")
        assert isinstance(table, SymbolTableSection)
        number = next(number for number, symbol in enumerate(table.iter_symbols()) if symbol.name == name)
        place = table["sh_offset"] + number * table["sh_entsize"] + 4
        return poke(place, bytes([old[place] & 0xF]))(old)

    return change


LOCAL = (
    Case(
        "a call that names a local symbol is looked up when it is made",
        (
            program("/bin/prog", "a.so"),
            library("/lib/a.so", uses=("f",), flags=("-Wl,-z,lazy",), change=local("f")),
        ),
        lives=True,
        traced=False,
    ),
    Case(
        "and is bound where another has it",
        (
            program("/bin/prog", "a.so", "b.so"),
            library("/lib/a.so", uses=("f",), flags=("-Wl,-z,lazy",), change=local("f")),
            library("/lib/b.so", defines=("f",)),
        ),
        {"b.so": "/lib/b.so"},
        traced=False,
    ),
)

LEGACY = (
    Case(
        "tls needs no capability of the CPU",
        (program("/bin/prog", "a.so"), library("/lib/a.so"), library("/lib/tls/a.so")),
        {"a.so": "/lib/tls/a.so"},
        before=(2, 37),
    ),
    Case(
        "from 2.37 on tls is a directory like any other",
        (program("/bin/prog", "a.so"), library("/lib/a.so"), library("/lib/tls/a.so")),
        {"a.so": "/lib/a.so"},
        since=(2, 37),
    ),
    Case(
        "the machine's own name, nested in tls and in itself",
        (
            program("/bin/prog", "a.so", "b.so", "c.so", runpath="/r"),
            *(library(f"/r/{place}/a.so") for place in ("tls/x86_64", "x86_64", "tls")),
            *(library(f"/r/{place}/b.so") for place in ("x86_64", "tls")),
            library("/r/x86_64/c.so"),
            *(library(f"/r/{name}.so") for name in "abc"),
        ),
        {"a.so": "/r/tls/x86_64/a.so", "b.so": "/r/tls/b.so", "c.so": "/r/x86_64/c.so"},
        before=(2, 37),
    ),
    Case(
        "a cache entry with the tls bit",
        (program("/bin/prog", "a.so"), library("/opt/a.so"), library("/opt/tls/a.so")),
        files=cache(Row("a.so", "/opt/tls/a.so", hwcap=1 << 63), Row("a.so", "/opt/a.so")),
    ),
    Case(
        "a cache entry with the machine's bit",
        (program("/bin/prog", "a.so"), library("/opt/a.so"), library("/opt/x86_64/a.so")),
        files=cache(Row("a.so", "/opt/x86_64/a.so", hwcap=1 << 1), Row("a.so", "/opt/a.so")),
    ),
)

# Debian's list of four, the first as long as the one directory of a glibc with a prefix of its own; the others become
# directories that are nowhere, since their lengths are compiled in elsewhere.
DEBIANS = [f"/lib/{T}/\0", f"/usr/lib/{T}/\0", "/lib/\0", "/usr/lib/\0"]
NOWHERE = "".join("/~".ljust(len(directory), "\0") for directory in DEBIANS[1:])
ONE_DIRECTORY = {"".join(DEBIANS).encode(): f"/usr/glibc-compat/lib/\0{NOWHERE}".encode()}
OTHER_CACHE = {b"/etc/ld.so.cache\0": b"/opt/ld.so.cache"}
SHORT_CACHE = {b"/etc/ld.so.cache\0": b"/e/ld.so.cache"}

COMPILED_IN = (
    Case(
        "a loader with one library directory",
        (program("/bin/prog", "a.so"), library("/usr/glibc-compat/lib/a.so"), library("/lib/a.so")),
        {"a.so": "/usr/glibc-compat/lib/a.so"},
        patches=ONE_DIRECTORY,
    ),
    Case(
        "and what lies elsewhere it doesn't find",
        (program("/bin/prog", "a.so"), library("/lib/a.so"), library(f"/usr/lib/{T}/a.so")),
        {"a.so": None},
        patches=ONE_DIRECTORY,
    ),
    Case(
        "a loader with its cache elsewhere",
        (program("/bin/prog", "a.so", "b.so"), library("/one/a.so"), library("/two/a.so"), library("/two/b.so")),
        {"a.so": "/one/a.so", "b.so": None},
        files={
            "/opt/ld.so.cache": new_cache([Row("a.so", "/one/a.so")]),
            CACHE: new_cache([Row("b.so", "/two/b.so"), Row("a.so", "/two/a.so")]),
        },
        patches=OTHER_CACHE,
    ),
    Case(
        "a loader whose own cache is not there",
        (program("/bin/prog", "a.so"), library("/two/a.so")),
        {"a.so": None},
        files=cache(Row("a.so", "/two/a.so")),
        patches=SHORT_CACHE,
    ),
    Case(
        "a loader with its preload file elsewhere",
        (program("/bin/prog", "z.so"), library("/lib/z.so"), library("/p/p.so"), library("/q/q.so")),
        {"/p/p.so": "/p/p.so"},
        files={"/e/ld-m.so.preload": b"/p/p.so\n", "/etc/ld.so.preload": b"/q/q.so\n"},
        patches={b"/etc/ld.so.preload\0": b"/e/ld-m.so.preload"},
    ),
    Case(
        "a loader with everything elsewhere",
        (
            program("/bin/prog", "a.so", "b.so"),
            library("/usr/glibc-compat/lib/a.so", "c.so"),
            library("/c/b.so"),
            library("/c/c.so"),
            library("/lib/c.so"),
        ),
        {"a.so": "/usr/glibc-compat/lib/a.so", "b.so": "/c/b.so", "c.so": "/c/c.so"},
        files={"/e/ld.so.cache": new_cache([Row("c.so", "/c/c.so"), Row("b.so", "/c/b.so")])},
        patches={**ONE_DIRECTORY, **SHORT_CACHE},
    ),
)

CASES = (
    *SEARCH, *TOKENS, *CACHE_CASES, *IDENTITY, *ACCEPTANCE, *PRELOADS, *FILTERS, *VERSIONS, *SYMBOLS, *SECURE, *LEGACY,
    *COMPILED_IN, *LOCAL,
)  # fmt: skip
