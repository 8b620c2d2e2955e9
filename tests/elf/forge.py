"""Makes tiny programs and libraries without a C library, each with just the loader features that a case is about."""

import hashlib
import re
import shutil
import struct
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

# exit(0), without a C library.
_START = 'void _start(void) { __asm__ volatile ("mov $60, %eax; xor %edi, %edi; syscall"); }\n'


@dataclass(frozen=True)
class Need:
    """A DT_NEEDED, and what the library offered when the object was linked (`f`, `f@V1`, `f@@V2`)."""

    name: str
    offers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Binary:
    """One object. `uses`: `f` calls, `data:f` takes an address, `weak:f` either; `flags` are gcc's,
    -DSIZE=n gives it n bytes of thread-local storage.

    `change` alters the finished file's bytes.
    """

    path: str
    needs: tuple[str | Need, ...] = ()
    soname: str | None = None
    program: bool = False
    rpath: str | None = None
    runpath: str | None = None
    defines: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    mode: int = 0o755
    interpreter: str = "/lib64/ld-linux-x86-64.so.2"
    change: Callable[[bytes], bytes] | None = field(default=None, compare=False)


def program(path: str = "/bin/prog", *needs: str | Need, **rest: object) -> Binary:
    """A program."""
    return Binary(path, needs, program=True, **rest)  # type: ignore[arg-type]


def library(path: str, *needs: str | Need, **rest: object) -> Binary:
    """A library, without soname unless one is given."""
    return Binary(path, needs, **rest)  # type: ignore[arg-type]


class Forge:
    """A compiler with a memory."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @staticmethod
    def missing() -> str:
        """Why nothing can be made here; "" if it can."""
        for tool in ("gcc", "ld"):
            if shutil.which(tool) is None:
                return f"{tool} is not installed"
        machine = subprocess.run(["gcc", "-dumpmachine"], capture_output=True, text=True, check=False).stdout
        return "" if machine.startswith("x86_64") else f"gcc makes objects for {machine.strip()}, the cases for x86-64"

    def make(self, binary: Binary) -> bytes:
        """The file's bytes."""
        made = self._build(binary)
        data = made.read_bytes()
        return data if binary.change is None else binary.change(data)

    def _build(self, binary: Binary) -> Path:
        source = _source(binary)
        script = _version_script(binary.defines)
        links = [need if isinstance(need, Need) else Need(need) for need in binary.needs]
        linked = [self._stub(need, tuple(flag for flag in binary.flags if flag == "-m32")) for need in links]
        arguments = [
            "gcc", "-O1", "-nostdlib", "-fno-asynchronous-unwind-tables", "-w", "-Wl,--build-id=none",
            "-Wl,--no-as-needed", "-Wl,--unresolved-symbols=ignore-all", "-Wl,--hash-style=gnu",
        ]  # fmt: skip
        arguments += ["-pie", "-fpie"] if binary.program and "-no-pie" not in binary.flags else []
        arguments += [] if binary.program else ["-shared", "-fPIC"]
        arguments += [] if binary.soname is None else [f"-Wl,-soname,{binary.soname}"]
        if binary.rpath is not None:
            arguments += ["-Wl,--disable-new-dtags", f"-Wl,-rpath,{binary.rpath}"]
        if binary.runpath is not None:
            arguments += ["-Wl,--enable-new-dtags", f"-Wl,-rpath,{binary.runpath}"]
        if binary.program:
            arguments += [f"-Wl,--dynamic-linker,{binary.interpreter}"]
        arguments += binary.flags
        name = hashlib.sha256(repr((source, script, arguments, linked)).encode()).hexdigest()[:24]
        made = self._folder / name
        if not made.exists():
            made.with_suffix(".c").write_text(source)
            made.with_suffix(".map").write_text(script)
            extra = [f"-Wl,--version-script,{made.with_suffix('.map')}"] if script else []
            command = [*arguments, *extra, "-o", str(made), str(made.with_suffix(".c")), *map(str, linked)]
            subprocess.run(command, check=True, capture_output=True, text=True)
        return made

    def _stub(self, need: Need, flags: tuple[str, ...]) -> Path:
        """What the linker sees of a needed library."""
        return self._build(Binary("", soname=need.name, defines=need.offers, flags=flags))


def _source(binary: Binary) -> str:
    lines = [_START] if binary.program else [f"/* {binary.soname} */\n"]
    if any(flag.startswith("-DSIZE=") for flag in binary.flags):
        lines.append("__thread char big[SIZE];\nchar *get(void) { return big; }\n")
    for define in binary.defines:
        kind, _, define_name = define.rpartition(":")
        name, at, version = re.fullmatch(r"(\w+)(@*)([\w.]*)", define_name).groups()  # type: ignore[union-attr]
        symbol = f"{name}__{version.replace('.', '_')}" if at else name
        if kind == "data":
            lines.append(f"int {symbol} = 1;\n")
        elif kind == "ifunc":
            lines.append(f"static int {symbol}_i(void) {{ return 1; }}\nstatic void *{symbol}_r(void) ")
            lines.append(f'{{ return {symbol}_i; }}\nint {symbol}(void) __attribute__((ifunc("{symbol}_r")));\n')
        elif kind == "protected":
            lines.append(f'int __attribute__((visibility("protected"))) {symbol}(void) {{ return 1; }}\n')
        else:
            lines.append(f"int {symbol}(void) {{ return 1; }}\n")
        if at:
            lines.append(f'__asm__(".symver {symbol},{name}{at}{version}");\n')
    for number, use in enumerate(binary.uses):
        kind, _, name = use.rpartition(":")
        weak = "__attribute__((weak)) " if kind.startswith("weak") else ""
        if kind == "copy":
            lines.append(f"extern int {name}; int use{number}(void) {{ return {name}; }}\n")
        elif kind.endswith("data"):
            lines.append(f"extern int {weak}{name}(void); int (*use{number})(void) = {name};\n")
        else:
            lines.append(f"extern int {weak}{name}(void); int use{number}(void) {{ return {name}(); }}\n")
    return "".join(lines)


def _version_script(defines: tuple[str, ...]) -> str:
    versions = dict.fromkeys(define.rpartition("@")[2] for define in defines if "@" in define)
    return "".join(f"{version} {{ }};\n" for version in versions)


def poke(offset: int, data: bytes) -> Callable[[bytes], bytes]:
    """Overwrite bytes of the file."""
    return lambda old: old[:offset] + data + old[offset + len(data) :]


def cut(size: int) -> Callable[[bytes], bytes]:
    """Keep the first bytes."""
    return lambda old: old[:size]


def after_segments(old: bytes) -> bytes:
    """Cut behind the last segment: section headers are gone."""
    start, count = struct.unpack_from("<Q", old, 32)[0], struct.unpack_from("<H", old, 56)[0]
    ends = []
    for number in range(count):
        kind, _, offset, _, _, size = struct.unpack_from("<IIQQQQ", old, start + 56 * number)
        if kind == 1:
            ends.append(offset + size)
    return old[: max(ends)]


def without_tag(tag: int, *, nth: int = 0) -> Callable[[bytes], bytes]:
    """Turn the nth dynamic entry of that tag into DT_DEBUG, which says nothing to a loader of libraries."""
    return retag(tag, 21, nth=nth)


def retag(tag: int, other: int, *, nth: int = 0) -> Callable[[bytes], bytes]:
    """Change the tag of a dynamic entry."""

    def change(old: bytes) -> bytes:
        start, count = struct.unpack_from("<Q", old, 32)[0], struct.unpack_from("<H", old, 56)[0]
        seen = 0
        for number in range(count):
            kind, _, offset, _, _, size = struct.unpack_from("<IIQQQQ", old, start + 56 * number)
            if kind != 2:
                continue
            for place in range(offset, offset + size, 16):
                if struct.unpack_from("<q", old, place)[0] == tag:
                    if seen == nth:
                        return old[:place] + struct.pack("<q", other) + old[place + 8 :]
                    seen += 1
        raise AssertionError(f"no dynamic entry {tag}")

    return change
