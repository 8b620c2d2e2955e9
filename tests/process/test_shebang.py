"""The `#!` line, read as the kernel that runs these tests reads it."""

import errno
import random
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from auditor.process.shebang import Shebang, parse_shebang

ENOEXEC = errno.ENOEXEC


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"#!/bin/sh\n", Shebang("/bin/sh")),
        (b"#!/bin/sh", Shebang("/bin/sh")),
        (b"#! \t /bin/sh \t\n", Shebang("/bin/sh")),
        (b"#!/bin/sh -e\n", Shebang("/bin/sh", "-e")),
        (b"#!/bin/sh\ta b  c \n", Shebang("/bin/sh", "a b  c")),
        (b"#!sh\n", Shebang("sh")),
        (b"#!/bin/sh\r\n", Shebang("/bin/sh\r")),
        (b"#!/bin/sh -e\r\n", Shebang("/bin/sh", "-e\r")),
        (b"#!/bin/sh\0x y\n", Shebang("/bin/sh")),
        (b"#!\0\n", Shebang("")),
        (b"#!/bin/\xff\n", Shebang("/bin/\udcff")),
        (b"#!/bin/sh " + b"x" * 300, Shebang("/bin/sh", "x" * 245)),
        (b"", None),
        (b"#", None),
        (b"#!\n", None),
        (b"#! \t \n/bin/sh\n", None),
        (b"# !/bin/sh\n", None),
        (b"\n#!/bin/sh\n", None),
        (b"\xef\xbb\xbf#!/bin/sh\n", None),
        (b"#!/" + b"x" * 300 + b"\n", None),
        (b"#!" + b" " * 300 + b"/bin/sh\n", None),
        (b"\x7fELF", None),
    ],
)
def test_lines(head: bytes, expected: Shebang | None) -> None:
    assert parse_shebang(head) == expected


def test_a_carriage_return_is_part_of_the_last_word() -> None:
    assert Shebang("/bin/sh\r").carriage_return and Shebang("/bin/sh", "-e\r").carriage_return
    assert not Shebang("/bin/sh\r", "-e").carriage_return


def _lines(interpreter: bytes) -> list[bytes]:
    """Lines of every kind, and of every length around the kernel's limit, that name a real interpreter."""
    lines = [
        interpreter, b" \t" + interpreter + b" \t ", interpreter + b" a b  c ", b"", b"   ", interpreter + b"\r",
        interpreter + b" x\r", interpreter + b"\0foo bar", interpreter + b" a\0b", b" " * 300 + interpreter,
        interpreter + b" " + b"x" * 400, interpreter + b" " * 300 + b"x", interpreter + b" " + b"y " * 200,
    ]  # fmt: skip
    for length in range(240, 262):
        room = length - 2 - len(interpreter)
        folder, name = interpreter.rsplit(b"/", 1)
        lines += [folder + b"/" * (room + 1) + name, folder + b"/" * (room + 1) + name + b" a"]
        lines += [interpreter + b" " + b"z" * (room - 1), interpreter + b" " * room + b"z"]
    chance = random.Random(1)
    pieces = [interpreter, b" ", b"\t", b"\0", b"\n", b"a", b"\r", b"x" * 100, b"x" * 200]
    lines += [b"".join(chance.choices(pieces, k=chance.randint(1, 8))) for _ in range(100)]
    return lines


def test_against_the_kernel(tmp_path: Path) -> None:
    echo = shutil.which("echo")
    if echo is None:
        pytest.skip("there is no echo to serve as an interpreter")
    interpreter = tmp_path / "i"
    shutil.copy(echo, interpreter)
    compared = 0
    for line in _lines(str(interpreter).encode()):
        for end in (b"", b"\n"):
            script = tmp_path / "script"
            script.unlink(missing_ok=True)
            script.write_bytes(b"#!" + line + end)
            script.chmod(stat.S_IRWXU)
            assert _kernel(script) == _expected(script, interpreter), (line, end)
            compared += 1
    assert compared > 300


def _kernel(script: Path) -> bytes | int:
    try:
        done = subprocess.run([script], capture_output=True, check=False, env={"POSIXLY_CORRECT": "1"})
    except OSError as error:
        return ENOEXEC if error.errno == ENOEXEC else 0
    return done.stdout


def _expected(script: Path, interpreter: Path) -> bytes | int:
    """What echo would print, ENOEXEC, or 0 for any other error."""
    shebang = parse_shebang(script.read_bytes())
    if shebang is None:
        return ENOEXEC
    if not shebang.interpreter or Path(shebang.interpreter) != interpreter:
        return 0
    words = [] if shebang.argument is None else [shebang.argument]
    return " ".join([*words, str(script)]).encode("utf-8", "surrogateescape") + b"\n"
