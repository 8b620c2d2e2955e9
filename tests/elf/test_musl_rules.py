"""Every rule of musl's loader, each with a root of its own: the auditor says what the real loader does there."""

import re
import tarfile
from pathlib import Path

import pytest

from auditor.elf.model import Closure, LoadFault, NoticeKind
from auditor.elf.read.file import Tag
from tests.elf.case import Case
from tests.elf.chamber import PROJECT, Chamber
from tests.elf.forge import Binary, Forge, Need, cut, poke, program
from tests.elf.forge import library as any_library
from tests.elf.lab import closure_of, lay_out, start
from tests.elf.patch import ADDRESS, FILE_SIZE, LOAD, MEMORY_SIZE, OFFSET, RELRO, TLS, header, table

INTERPRETER = "/lib/ld-musl-x86_64.so.1"
ALPINE = PROJECT.parent / "shared/images/alpine-310.tar.gz"
PATH_FILE = "/etc/ld-musl-x86_64.path"


# Without this the linker makes empty segments of objects that are so small, which old versions can't map.
FEW_SEGMENTS = "-Wl,-z,noseparate-code"


def prog(path: str = "/bin/prog", *needs: str | Need, flags: tuple[str, ...] = (), **rest: object) -> Binary:
    return program(path, *needs, interpreter=INTERPRETER, flags=(*flags, FEW_SEGMENTS), **rest)


def library(path: str, *needs: str | Need, flags: tuple[str, ...] = (), **rest: object) -> Binary:
    return any_library(path, *needs, flags=(*flags, FEW_SEGMENTS), **rest)


def case(name: str, *binaries: Binary, **rest: object) -> Case:
    return Case(name, binaries, loader=INTERPRETER, **rest)  # type: ignore[arg-type]


V1 = Need("v.so", ("f@@V1",))
FG = Need("a.so", ("f", "g"))

CASES = (
    case(
        "the built-in directories in their order",
        prog("/bin/prog", "a.so", "b.so", "c.so"),
        *(
            library(path)
            for path in ("/lib/a.so", "/usr/local/lib/a.so", "/usr/local/lib/b.so", "/usr/lib/b.so", "/usr/lib/c.so")
        ),
        finds={"a.so": "/lib/a.so", "b.so": "/usr/local/lib/b.so", "c.so": "/usr/lib/c.so"},
    ),
    case(
        "a path file replaces them; colons and newlines part it",
        prog("/bin/prog", "a.so", "b.so", "c.so"),
        library("/x/a.so"),
        library("/y/b.so"),
        library("/lib/c.so"),
        files={PATH_FILE: b"/x:/z\n/y\n"},
        finds={"a.so": "/x/a.so", "b.so": "/y/b.so", "c.so": None},
    ),
    case(
        "an empty path file leaves no directory",
        prog("/bin/prog", "a.so"),
        library("/lib/a.so"),
        files={PATH_FILE: b""},
        finds={"a.so": None},
    ),
    case(
        "so does a directory in its place",
        prog("/bin/prog", "a.so"),
        library("/lib/a.so"),
        folders=(PATH_FILE,),
        finds={"a.so": None},
    ),
    case(
        "the path file knows no comments, no blanks and no semicolons",
        prog("/bin/prog", "a.so"),
        library("/x/a.so"),
        files={PATH_FILE: b"# /x\n /x\n/x;/y\n"},
        finds={"a.so": None},
    ),
    case(
        "LD_LIBRARY_PATH comes before RPATH and RUNPATH",
        prog("/bin/prog", "a.so", "b.so", rpath="/r"),
        library("/r/a.so"),
        library("/e/a.so"),
        library("/r/b.so"),
        env={"LD_LIBRARY_PATH": "/e"},
        finds={"a.so": "/e/a.so", "b.so": "/r/b.so"},
    ),
    case(
        "RUNPATH is inherited as RPATH is",
        prog("/bin/prog", "a.so", runpath="/a:/b"),
        library("/a/a.so", "b.so"),
        library("/b/b.so"),
        finds={"a.so": "/a/a.so", "b.so": "/b/b.so"},
    ),
    case(
        "the needing object's path comes before its needer's",
        prog("/bin/prog", "a.so", runpath="/p"),
        library("/p/a.so", "b.so", rpath="/a"),
        library("/a/b.so"),
        library("/p/b.so"),
        finds={"b.so": "/a/b.so"},
    ),
    case(
        "an empty entry is not the working directory",
        prog("/bin/prog", "a.so", runpath="/x::/y"),
        library("/work/a.so"),
        cwd="/work",
        env={"LD_LIBRARY_PATH": ":"},
        finds={"a.so": None},
    ),
    case(
        "a relative entry depends on it",
        prog("/bin/prog", "a.so", runpath="sub"),
        library("/work/sub/a.so"),
        cwd="/work",
        finds={"a.so": "/work/sub/a.so"},
    ),
    case(
        "$ORIGIN of the program is where it really lies",
        prog("/opt/bin/prog", "a.so", runpath="$ORIGIN/../lib:${ORIGIN}"),
        library("/opt/lib/a.so"),
        links={"/bin/prog": "../opt/bin/prog"},
        traced=False,  # ldd takes the link's own directory
        finds={"a.so": "/opt/bin/../lib/a.so"},
    ),
    case(
        "$ORIGIN of a library is where it was opened",
        prog("/bin/prog", "a.so", runpath="/link"),
        library("/real/a.so", "b.so", runpath="$ORIGIN"),
        library("/link/b.so"),
        links={"/link/a.so": "../real/a.so"},
        finds={"b.so": "/link/b.so"},
    ),
    case(
        "any other token drops the whole path, good entries too",
        prog("/bin/prog", "a.so", runpath="/x:/y/$LIB"),
        library("/x/a.so"),
        finds={"a.so": None},
    ),
    case(
        "a needed name with $ORIGIN is literal",
        prog("/bin/prog", "$ORIGIN/a.so"),
        library("/bin/a.so"),
        finds={"$ORIGIN/a.so": None},
    ),
    case(
        "there is no cache",
        prog("/bin/prog", "a.so"),
        library("/opt/a.so"),
        files={"/etc/ld.so.cache": b"glibc-ld.so.cache1.1"},
        finds={"a.so": None},
    ),
    case(
        "nodeflib means nothing",
        prog("/bin/prog", "a.so", flags=("-Wl,-z,nodefaultlib",)),
        library("/lib/a.so"),
        finds={"a.so": "/lib/a.so"},
    ),
    case(
        "no filters",
        prog("/bin/prog", "f.so"),
        library("/lib/f.so", flags=("-Wl,-F,real.so",)),
        finds={"f.so": "/lib/f.so"},
    ),
    case(
        "names of musl's own parts are the loader itself",
        prog(
            "/bin/prog",
            "libc.so.6",
            "libpthread.so.0",
            "librt.so.1",
            "libm.so.6",
            "libdl.so.2",
            "libutil.so.1",
            "libxnet.so",
        ),
        finds={"libc.so.6": INTERPRETER},
    ),
    case(
        "its own name is too", prog("/bin/prog", "libc.musl-x86_64.so.1"), finds={"libc.musl-x86_64.so.1": INTERPRETER}
    ),
    case("other names are not", prog("/bin/prog", "libcrypt.so.1"), finds={"libcrypt.so.1": None}),
    case("nor longer ones", prog("/bin/prog", "libpthread-foo.so"), finds={"libpthread-foo.so": None}),
    case("nor glibc's loader", prog("/bin/prog", "ld-linux-x86-64.so.2"), finds={"ld-linux-x86-64.so.2": None}),
    case(
        "the soname is never looked at",
        prog("/bin/prog", "m.so.1", "m.so.2"),
        library("/lib/m.so.1", soname="m.so.2"),
        finds={"m.so.1": "/lib/m.so.1", "m.so.2": None},
    ),
    case(
        "links to one file are loaded once",
        prog("/bin/prog", "a.so", "b.so"),
        library("/lib/a.so"),
        links={"/lib/b.so": "a.so"},
        finds={"a.so": "/lib/a.so"},
    ),
    case(
        "all missing libraries are told",
        prog("/bin/prog", "a.so", "b.so"),
        library("/lib/a.so", "c.so"),
        finds={"b.so": None, "c.so": None},
    ),
    case(
        "another machine is not noticed",
        prog("/bin/prog", "a.so"),
        library("/lib/a.so", change=poke(18, b"\xb7\0")),
        lives=True,
    ),
    case(
        "what relocates as this machine's own is taken for it",
        prog("/bin/prog", FG, uses=("data:f",)),
        library("/lib/a.so", defines=("f", "g"), uses=("data:g",), change=poke(18, b"\xb7\0")),
        finds={"a.so": "/lib/a.so"},
    ),
    case(
        "a file that is no library ends the start",
        prog("/bin/prog", "a.so", runpath="/x"),
        library("/lib/a.so"),
        files={"/x/a.so": b"GROUP ( /lib/a.so )\n" * 9},
        fails="Error loading shared library a.so: Exec format error",
    ),
    case(
        "so does an empty one",
        prog("/bin/prog", "a.so"),
        library("/lib/a.so", change=cut(0)),
        fails="Exec format error",
    ),
    case("and a directory", prog("/bin/prog", "a.so"), folders=("/lib/a.so",), fails="a.so: "),
    case(
        "a program may serve as a library",
        prog("/bin/prog", "a.so"),
        prog("/lib/a.so"),
        finds={"a.so": "/lib/a.so"},
    ),
    case(
        "a dangling link is passed over",
        prog("/bin/prog", "a.so", runpath="/x"),
        library("/lib/a.so"),
        links={"/x/a.so": "gone.so"},
        finds={"a.so": "/lib/a.so"},
    ),
    case(
        "a circle of links ends the search",
        prog("/bin/prog", "a.so", runpath="/x"),
        library("/lib/a.so"),
        links={"/x/a.so": "a.so"},
        finds={"a.so": None},
    ),
    case(
        "a library that was mapped by its path has its file's name once it is found under another",
        prog("/bin/prog", "/opt/a.so", "b.so", "a.so"),
        library("/opt/a.so"),
        hard_links={"/lib/b.so": "/opt/a.so"},
        finds={"/opt/a.so": "/opt/a.so"},
    ),
    case(
        "LD_PRELOAD, parted by blanks or colons",
        prog("/bin/prog", "z.so"),
        *(library(path) for path in ("/lib/z.so", "/lib/a.so", "/opt/b.so", "/opt/c.so")),
        env={"LD_PRELOAD": "a.so /opt/b.so:/opt/c.so"},
        finds={"a.so": "/lib/a.so", "/opt/b.so": "/opt/b.so", "/opt/c.so": "/opt/c.so"},
    ),
    case(
        "a preload that is missing is ignored",
        prog("/bin/prog", "z.so"),
        library("/lib/z.so"),
        env={"LD_PRELOAD": "a.so"},
        finds={"z.so": "/lib/z.so"},
    ),
    case(
        "there is no preload file",
        prog("/bin/prog", "z.so"),
        library("/lib/z.so"),
        library("/lib/a.so"),
        files={"/etc/ld.so.preload": b"a.so"},
        finds={"z.so": "/lib/z.so"},
    ),
    case(
        "versions are never checked",
        prog("/bin/prog", V1, uses=("f",)),
        library("/lib/v.so", defines=("f@@V2",)),
        finds={"v.so": "/lib/v.so"},
    ),
    case(
        "a library without versions is fine",
        prog("/bin/prog", V1, uses=("f",)),
        library("/lib/v.so", defines=("f",)),
        finds={"v.so": "/lib/v.so"},
    ),
    case(
        "a hidden version is no definition",
        prog("/bin/prog", V1, uses=("data:f",)),
        library("/lib/v.so", defines=("f@V1",)),
        fails="Error relocating /bin/prog: f: symbol not found",
    ),
    case(
        "lazy calls are bound at start",
        prog("/bin/prog", FG, uses=("f",), flags=("-Wl,-z,lazy",)),
        library("/lib/a.so"),
        fails="Error relocating /bin/prog: f: symbol not found",
    ),
    case(
        "of every object, and all are told",
        prog("/bin/prog", FG, uses=("data:f", "data:g")),
        library("/lib/a.so", uses=("h",), flags=("-Wl,-z,lazy",)),
        fails="Error relocating /lib/a.so: h: symbol not found",
    ),
    case(
        "weak references may be missing",
        prog("/bin/prog", FG, uses=("weak:f", "weakdata:g")),
        library("/lib/a.so"),
        finds={"a.so": "/lib/a.so"},
    ),
    case(
        "an IFUNC is no definition",
        prog("/bin/prog", FG, uses=("data:f",)),
        library("/lib/a.so", defines=("ifunc:f",)),
        fails="f: symbol not found",
    ),
    case(
        "not even to its own library",
        prog("/bin/prog", "a.so"),
        library("/lib/a.so", defines=("ifunc:f",), uses=("data:f",)),
        fails="f: symbol not found",
    ),
    case(
        "libc's own symbols come from the loader",
        prog("/bin/prog", Need("libc.so", ("printf", "__printf_chk")), uses=("printf", "__printf_chk")),
        fails="__printf_chk: symbol not found",
    ),
    case(
        "an old hash table",
        prog("/bin/prog", FG, uses=("data:f", "data:g")),
        library("/lib/a.so", defines=("f",), flags=("-Wl,--hash-style=sysv",)),
        fails="g: symbol not found",
    ),
    case(
        "a COPY relocation looks everywhere but in the program",
        prog("/bin/prog", Need("d.so", ("data:d",)), uses=("copy:d",), flags=("-no-pie",)),
        library("/lib/d.so", defines=("f",)),
        fails="d: symbol not found",
    ),
    case(
        "a segment larger than all memory",
        prog("/bin/prog", "a.so"),
        library("/lib/a.so", change=header(LOAD, MEMORY_SIZE, 1 << 60, -1)),
        fails="Error loading shared library a.so: Out of memory",
    ),
    case(
        "more memory than any machine has",
        prog("/bin/prog", "a.so"),
        library("/lib/a.so", change=header(LOAD, MEMORY_SIZE, 1 << 44, -1)),
        fails="Error loading shared library a.so: Out of memory",
    ),
    case(
        "a segment beyond every file",
        prog("/bin/prog", "a.so"),
        library("/lib/a.so", change=header(LOAD, OFFSET, 1 << 63, -1)),
        fails="Error loading shared library a.so: Value too large for data type",
    ),
    case(
        "what is protected after relocation must be there",
        prog("/bin/prog", "a.so"),
        library("/lib/a.so", change=header(RELRO, ADDRESS, 1 << 36)),
        fails="/lib/a.so: RELRO protection failed: Out of memory",
    ),
    case(
        "what can't be written is not made zeros behind the bytes of the file",
        prog("/bin/prog", FG, uses=("data:f",)),
        library("/lib/a.so", defines=("f",), change=header(LOAD, FILE_SIZE, -0x100)),
        finds={"a.so": "/lib/a.so"},
    ),
    case(
        "a relocation's type has 31 bits",
        prog("/bin/prog", FG, uses=("data:f",), change=table(Tag.RELA, 11, "<B", 0x80)),
        library("/lib/a.so", defines=("f",)),
        finds={"a.so": "/lib/a.so"},
    ),
)


def debian_loader(_: Path) -> Path:
    path = Path(INTERPRETER)
    if not path.exists():
        pytest.skip(f"this machine has no {INTERPRETER} (Debian's package musl)")
    return path.resolve()


def alpine_loader(folder: Path) -> Path:
    if not ALPINE.exists():
        pytest.skip(f"no {ALPINE.name} beside the project")
    target = folder / "ld-musl-alpine"
    if target.exists():
        return target
    with tarfile.open(ALPINE) as archive:
        for name in archive.getnames():
            if name.endswith("layer.tar"):
                with tarfile.open(fileobj=archive.extractfile(name)) as layer:
                    member = layer.extractfile(INTERPRETER.lstrip("/"))
                    assert member is not None
                    target.write_bytes(member.read())
    return target


@pytest.fixture(scope="session", params=[debian_loader, alpine_loader], ids=["debian", "alpine-3.10"])
def loader(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = request.param(tmp_path_factory.mktemp("musl"))
    return path


def ldd(chamber: Chamber, root: Path, case: Case) -> str:
    """musl's loader under the name ldd traces; it needs its interpreter's path first."""
    (root / "ldd").symlink_to(INTERPRETER.lstrip("/"))
    return chamber.run(root, ["/ldd", case.start], dict(case.env), case.cwd).output


def said(output: str) -> tuple[set[tuple[str, str]], set[str], set[str]]:
    """(name, path) of what was loaded, names that are missing, and relocation errors."""
    found = {(match[1], match[2]) for match in re.finditer(r"^\t(\S+) => (\S+) \(0x", output, re.MULTILINE)}
    missing = set(
        re.findall(
            r"^Error loading shared library (\S+): (?:No such file|Symbolic link loop|No error inf|Is a dir)",
            output,
            re.MULTILINE,
        )
    )
    return found, missing, set(re.findall(r"^Error relocating .*$", output, re.MULTILINE))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_auditor_says_what_musl_does(
    case: Case, loader: Path, forge: Forge, chamber: Chamber, tmp_path: Path
) -> None:
    lay_out(tmp_path, case, forge, loader)
    closure = closure_of(tmp_path, case)
    started = start(chamber, tmp_path, case, {})
    if case.lives:  # the loader doesn't notice, its user will
        assert closure.problems
        return
    assert (started.code == 0) == (not closure.problems), started.output
    assert not [each for each in closure.notices if each.kind is NoticeKind.UNKNOWN]
    same_as_told(case, closure, ldd(chamber, tmp_path, case), started.output)
    found = {each.name: each.path for each in closure.objects}
    absent = {problem.name for problem in closure.problems}
    for name, path in case.finds.items():
        assert found.get(name) == path
        assert (name in absent) == (path is None)
    if case.fails:
        assert any(case.fails in problem.message for problem in closure.problems)


def test_storage_that_no_memory_holds(loader: Path, forge: Forge, chamber: Chamber, tmp_path: Path) -> None:
    huge = library("/lib/a.so", flags=("-DSIZE=64", "-mtls-dialect=gnu2"), change=header(TLS, MEMORY_SIZE, 1 << 46))
    each = case("storage", prog("/bin/prog", "a.so"), huge)
    lay_out(tmp_path, each, forge, loader)
    words = "bytes thread-local storage: Out of memory"
    assert words in start(chamber, tmp_path, each, {}).output
    assert words in closure_of(tmp_path, each).problems[0].message


def same_as_told(case: Case, closure: Closure, traced: str, started: str) -> None:
    _, missing, relocations = said(started)
    found, _, _ = said(traced)
    told = {problem.message for problem in closure.problems}
    if any(problem.fault is LoadFault.ELF_MALFORMED for problem in closure.problems):
        assert any(message.split(" (")[0] in started for message in told), started
        return
    mine = {
        (each.name, str(Path(case.cwd) / each.path))
        for each in closure.objects[1:]
        if each.found_by not in ("interpreter", "preload") and "/" not in each.name
    }
    if case.traced:
        assert mine <= {(name, str(Path(case.cwd) / path)) for name, path in found}
        assert {path for _, path in mine} | {INTERPRETER} >= {
            str(Path(case.cwd) / path) for name, path in found if "/" not in name
        } - preloads(closure)
    assert {each.name for each in closure.problems if each.fault is LoadFault.LIBRARY_MISSING} == missing
    symbols = {each.message for each in closure.problems if each.fault is LoadFault.SYMBOL_MISSING}
    if not missing:
        assert symbols == relocations


def preloads(closure: Closure) -> set[str]:
    return {each.path for each in closure.objects if each.found_by == "preload"}
