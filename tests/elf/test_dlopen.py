"""What dlopen(3) refuses in a plug-in, case by case: the auditor says what the real loader says to a real caller."""

import struct
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from auditor.elf.linker import Linker
from auditor.elf.model import NoticeKind
from tests.elf.case import Case
from tests.elf.chamber import Chamber
from tests.elf.dirtree import DirTree
from tests.elf.forge import Binary, Forge, library, poke, program
from tests.elf.lab import lay_out, place
from tests.elf.loaders import RealLoader, real_loader

MUSL = Path("/lib/ld-musl-x86_64.so.1")
EXECSTACK, NODLOPEN = ("-Wl,-z,execstack",), ("-Wl,-z,nodlopen",)
PT_GNU_STACK = 0x6474E551

# Without a C runtime, so that it starts under any version of the C library that has these two functions.
CALLER = r"""
extern void *dlopen(const char *, int);
extern char *dlerror(void);
VERSIONS
static long call(long number, long one, const void *two, long three) {
    long answer;
    __asm__ volatile("syscall" : "=a"(answer) : "a"(number), "D"(one), "S"(two), "d"(three) : "rcx", "r11", "memory");
    return answer;
}
void begin(long *stack) {
    char **words = (char **)(stack + 1), *text;
    long length = 0, refused = !dlopen(words[1], 2);
    if (refused) {
        text = dlerror();
        while (text[length]) length++;
        call(1, 1, text, length);
    }
    call(231, refused, 0, 0);
}
__asm__(".globl _start\n_start: mov %rsp, %rdi\n and $-16, %rsp\n call begin\n");
"""
OF_GLIBC = '__asm__(".symver dlopen,dlopen@GLIBC_2.2.5\\n.symver dlerror,dlerror@GLIBC_2.2.5");'


def without_stack(old: bytes) -> bytes:
    """PT_GNU_STACK turned into a header that nobody knows."""
    start, count = struct.unpack_from("<Q", old, 32)[0], struct.unpack_from("<H", old, 56)[0]
    for place_of in range(start, start + 56 * count, 56):
        if struct.unpack_from("<I", old, place_of)[0] == PT_GNU_STACK:
            return poke(place_of, struct.pack("<I", 0x6FFF0000))(old)
    raise AssertionError("no PT_GNU_STACK")


def storage(size: int, *, fixed: bool = True) -> tuple[str, ...]:
    """Flags that give an object thread-local storage, reached at a fixed distance or not."""
    model = "initial-exec" if fixed else "global-dynamic"
    return (f"-DSIZE={size}", f"-ftls-model={model}")


@dataclass(frozen=True)
class Opening:
    """A caller of dlopen, the plug-in /p.so with what it needs, and whether it is refused, and from which version."""

    name: str
    binaries: tuple[Binary, ...]
    refused: str = ""
    since: tuple[int, int] = (0, 0)
    env: Mapping[str, str] = field(default_factory=dict)
    caller: tuple[str, ...] = ()  # gcc's flags
    unsure: bool = False  # as close to a limit that depends on more than the files


GLIBC = (
    Opening("a sound one", (library("/p.so"),)),
    Opening(
        "an executable stack",
        (library("/p.so", flags=EXECSTACK),),
        "cannot enable executable stack as shared object requires: Invalid argument",
        since=(2, 41),
    ),
    Opening(
        "no word about the stack, which asks for an executable one on x86-64",
        (library("/p.so", change=without_stack),),
        "cannot enable executable stack as shared object requires: Invalid argument",
        since=(2, 41),
    ),
    Opening("an executable stack where it is one already", (library("/p.so", flags=EXECSTACK),), caller=EXECSTACK),
    Opening(
        "an executable stack that the plug-in's library asks for",
        (library("/p.so", "a.so"), library("/lib/a.so", flags=EXECSTACK)),
        "a.so: cannot enable executable stack as shared object requires: Invalid argument",
        since=(2, 41),
    ),
    Opening("DF_1_NOOPEN", (library("/p.so", flags=NODLOPEN),), "/p.so: shared object cannot be dlopen()ed"),
    Opening(
        "DF_1_NOOPEN of a library that it needs",
        (library("/p.so", "a.so"), library("/lib/a.so", flags=NODLOPEN)),
        "a.so: shared object cannot be dlopen()ed",
    ),
    Opening(
        "a position-independent program",
        (program("/p.so"),),
        "/p.so: cannot dynamically load position-independent executable",
    ),
    Opening(
        "a program at a fixed address",
        (program("/p.so", "a.so", flags=("-no-pie",)), library("/lib/a.so")),
        "/p.so: cannot dynamically load executable",
    ),
    Opening("a little fixed storage", (library("/p.so", flags=storage(1024)),)),
    Opening("much storage that is not fixed", (library("/p.so", flags=storage(1 << 20, fixed=False)),)),
    Opening(
        "more fixed storage than is spare",
        (library("/p.so", flags=storage(1 << 20)),),
        "/p.so: cannot allocate memory in static TLS block",
    ),
    Opening(
        "two that together want more than is spare",
        (library("/p.so", "a.so", flags=storage(1000)), library("/lib/a.so", flags=(*storage(1000), "-Dbig=other"))),
        "cannot allocate memory in static TLS block",
    ),
    Opening(
        "two that share what they want",
        (library("/p.so", "a.so", flags=storage(1000)), library("/lib/a.so", flags=storage(1000))),
    ),
    Opening("about as much fixed storage as is spare", (library("/p.so", flags=storage(1680)),), unsure=True),
)

TUNED = Opening(
    "as much as the image's environment sets aside",
    (library("/p.so", flags=storage(4000)),),
    env={"GLIBC_TUNABLES": "glibc.rtld.optional_static_tls=8192"},
)

FOR_MUSL = (
    Opening("a sound one", (library("/p.so"),)),
    Opening("an executable stack", (library("/p.so", flags=EXECSTACK),)),
    Opening("DF_1_NOOPEN", (library("/p.so", flags=NODLOPEN),)),
    Opening("storage that is not fixed", (library("/p.so", flags=storage(1 << 20, fixed=False)),)),
    Opening(
        "any fixed storage",
        (library("/p.so", flags=storage(16)),),
        "Error relocating /p.so: big: initial-exec TLS resolves to dynamic definition in /p.so",
    ),
    Opening(
        "fixed storage of a library that it needs",
        (library("/p.so", "a.so"), library("/lib/a.so", flags=storage(16))),
        "big: initial-exec TLS resolves to dynamic definition in /lib/a.so",
    ),
)
Caller = Callable[[str, tuple[str, ...]], bytes]


@pytest.fixture(scope="session")
def caller(tmp_path_factory: pytest.TempPathFactory, forge: Forge) -> Caller:  # noqa: ARG001 - it has the compiler
    folder = tmp_path_factory.mktemp("caller")

    def gcc(*arguments: str) -> None:
        command = ["gcc", "-w", "-O1", "-nostdlib", "-fno-stack-protector", *arguments]
        subprocess.run(command, check=True, capture_output=True, cwd=folder)

    def make(interpreter: str, flags: tuple[str, ...]) -> bytes:
        of_musl = "musl" in interpreter
        soname = "libc.so" if of_musl else "libdl.so.2"
        (folder / "stub.c").write_text("int dlopen(void) { return 0; }\nint dlerror(void) { return 0; }\n")
        (folder / "stub.map").write_text("GLIBC_2.2.5 { global: *; };\n")
        script = () if of_musl else ("-Wl,--version-script,stub.map",)
        gcc("-shared", "-fPIC", f"-Wl,-soname,{soname}", *script, "-o", soname, "stub.c")
        (folder / "caller.c").write_text(CALLER.replace("VERSIONS", "" if of_musl else OF_GLIBC))
        gcc("-pie", "-fpie", *flags, "-o", "caller", "caller.c", f"./{soname}", f"-Wl,--dynamic-linker,{interpreter}")
        return (folder / "caller").read_bytes()

    return make


def set_up(root: Path, case: Case, forge: Forge, loader: RealLoader, caller: Caller, opening: Opening) -> None:
    lay_out(root, case, forge, loader.path)
    for name in ("libc.so.6", "libdl.so.2"):
        place(root, f"/lib/{name}").write_bytes((loader.path.resolve().parent / name).read_bytes())
    place(root, "/bin/prog").write_bytes(caller("/lib64/ld-linux-x86-64.so.2", opening.caller))
    (root / "bin/prog").chmod(0o755)


def told(root: Path, opening: Opening) -> tuple[str, bool]:
    """Why the auditor says that the plug-in is refused, "" where it isn't; and whether it can tell."""
    linker = Linker(DirTree(root), env=opening.env)
    program_closure = linker.closure("/bin/prog")
    assert program_closure.loader is not None
    assert not program_closure.problems
    closure = linker.plugin(program_closure, "/p.so")
    unknown = any(notice.kind is NoticeKind.UNKNOWN for notice in closure.notices)
    return "; ".join(problem.message for problem in closure.problems), not unknown


@pytest.mark.parametrize("opening", [each for each in GLIBC if "stack" in each.name], ids=lambda opening: opening.name)
def test_from_2_41_on_no_stack_becomes_executable(
    opening: Opening, forge: Forge, caller: Caller, tmp_path: Path
) -> None:
    """The version that this machine's loader shows is raised; the loaders of later suites judge the same above."""
    mine = real_loader("own")
    case = Case("dlopen", opening.binaries, patches={b"release version %d.%d" % mine.version: b"release version 2.41"})
    if b"release version %d.%d" % mine.version not in mine.path.read_bytes():
        pytest.skip("this machine's loader doesn't show its version")
    set_up(tmp_path, case, forge, mine, caller, opening)
    message, sure = told(tmp_path, opening)
    assert sure
    assert bool(message) == bool(opening.refused)
    assert opening.refused in message


def agree(opening: Opening, root: Path, chamber: Chamber, *, refused: bool) -> None:
    told_here, sure = told(root, opening)
    outcome = chamber.run(root, ["/bin/prog", "/p.so"], {"LC_ALL": "C", **opening.env})
    if opening.unsure:
        assert not sure
        return
    assert sure
    assert outcome.code == (1 if told_here else 0), (outcome.output, told_here)
    assert bool(told_here) == refused
    if refused:
        assert opening.refused in told_here
        assert opening.refused in outcome.output


@pytest.mark.parametrize("opening", [*GLIBC, TUNED], ids=lambda opening: opening.name)
def test_glibc(
    opening: Opening, loader: RealLoader, forge: Forge, caller: Caller, chamber: Chamber, tmp_path: Path
) -> None:
    if opening is TUNED and loader.version < (2, 32):
        pytest.skip("this glibc has no such tunable")
    set_up(tmp_path, Case("dlopen", opening.binaries), forge, loader, caller, opening)
    agree(opening, tmp_path, chamber, refused=bool(opening.refused) and loader.version >= opening.since)


@pytest.mark.parametrize("opening", FOR_MUSL, ids=lambda opening: opening.name)
def test_musl(opening: Opening, forge: Forge, caller: Caller, chamber: Chamber, tmp_path: Path) -> None:
    if not MUSL.exists():
        pytest.skip(f"this machine has no {MUSL} (Debian package musl)")
    lay_out(tmp_path, Case("dlopen", opening.binaries, loader=str(MUSL)), forge, MUSL)
    place(tmp_path, "/bin/prog").write_bytes(caller(str(MUSL), opening.caller))
    (tmp_path / "bin/prog").chmod(0o755)
    agree(opening, tmp_path, chamber, refused=bool(opening.refused))
