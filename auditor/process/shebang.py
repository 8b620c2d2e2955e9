"""The `#!` line as Linux reads it (fs/binfmt_script.c since 5.1; execve(2), "Interpreter scripts")."""

from msgspec import Struct

HEAD = 256
"""The kernel looks at this many bytes of a file (BINPRM_BUF_SIZE), and pads a shorter one with NUL."""

_BLANKS = b" \t"
_TERMINATORS = b" \t\0"


class Shebang(Struct, frozen=True):
    """What a `#!` line names. `argument` is all the rest of the line, inner blanks kept; None where there is none.

    An `interpreter` of "" (a NUL byte after the `#!`) leads to the working directory.
    """

    interpreter: str
    argument: str | None = None

    @property
    def carriage_return(self) -> bool:
        """The line ends in CR LF: the CR is part of the interpreter's name, or of the argument."""
        return (self.interpreter if self.argument is None else self.argument).endswith("\r")


def parse_shebang(head: bytes) -> Shebang | None:
    """Read the `#!` line of a file that begins with `head`, as the kernel would.

    None where it would refuse with ENOEXEC: no `#!` at the very start (a byte-order mark before it counts as
    something else), nothing but blanks after it, or an interpreter's path that doesn't end within the first 255
    bytes. An argument that goes on beyond is cut there.
    """
    buffer = head[:HEAD].ljust(HEAD, b"\0")
    if not buffer.startswith(b"#!"):
        return None
    end = buffer.find(b"\n")
    if end < 0:
        end = HEAD - 1
        first = _name(buffer, 2, end)
        if first is None or _terminator(buffer, first, end) is None:
            return None  # the path may go on beyond what the kernel sees
    while buffer[end - 1] in _BLANKS:
        end -= 1
    name = _name(buffer, 2, end)
    if name is None or name == end:
        return None
    separator = _terminator(buffer, name, end)
    argument = None
    if separator is not None and buffer[separator] != 0:
        argument = _name(buffer, separator, end)
    name_end = end if separator is None else separator
    return Shebang(
        interpreter=_text(buffer[name:name_end]),
        argument=None if argument is None else _text(buffer[argument:end]),
    )


def _name(buffer: bytes, start: int, last: int) -> int | None:
    """The first index from `start` to `last`, both included, whose byte is no blank."""
    return next((index for index in range(start, last + 1) if buffer[index] not in _BLANKS), None)


def _terminator(buffer: bytes, start: int, last: int) -> int | None:
    return next((index for index in range(start, last + 1) if buffer[index] in _TERMINATORS), None)


def _text(raw: bytes) -> str:
    return raw.split(b"\0", 1)[0].decode("utf-8", "surrogateescape")
