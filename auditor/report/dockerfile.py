"""Which line of a Dockerfile made a layer: known where exactly one instruction is the command in the image's history.

Instructions are read as the reference has them (docs.docker.com/reference/dockerfile): a line that ends in the escape
character goes on, comments and empty lines between do not end it, and a here-document belongs to its instruction.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from auditor.errors import UsageError

_MAX_BYTES = 1 << 20
_FLAG = re.compile(r"--[a-z]+(?:=\S*)? ")
_HISTORY = re.compile(r"^(?:\|\d+ .*?)?/bin/sh -c (?:#\(nop\) +)?|^RUN ")
_ESCAPE = re.compile(r"#\s*escape\s*=\s*(?P<char>[\\`])\s*", re.IGNORECASE)
_HEREDOC = re.compile(r"<<-?([\"']?)(?P<word>\w+)\1")


class Dockerfile(Struct, frozen=True):
    """The instructions that make layers: where each begins, and its command as a history has it."""

    path: str
    steps: tuple[tuple[int, str], ...]

    def line_of(self, created_by: str) -> int | None:
        """The line, from 1, of the one instruction that is this command; None where it is none or several."""
        wanted = _from_history(created_by)
        lines = [line for line, command in self.steps if command and command == wanted]
        return lines[0] if len(lines) == 1 else None


def read_dockerfile(path: str) -> Dockerfile:
    """Read a Dockerfile; UsageError where there is none."""
    try:
        with Path(path).open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(f"can't read the Dockerfile: {error.strerror}", path) from error
    if len(data) > _MAX_BYTES:
        raise UsageError(f"a Dockerfile is at most {_MAX_BYTES} bytes", path)
    text = data.decode("utf-8", "surrogateescape")
    return Dockerfile(path, tuple((line, _command(words)) for line, words in _instructions(text)))


def _instructions(text: str) -> Iterator[tuple[int, str]]:
    lines = text.splitlines()
    directive = _ESCAPE.fullmatch(lines[0]) if lines else None
    escape = directive["char"] if directive else "\\"
    start, parts, until = 0, [], ""
    for number, line in enumerate(lines, start=1):
        if until:
            until = "" if line.strip() == until else until
            continue
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        start = start or number
        goes_on = line.rstrip().endswith(escape)
        parts.append(line.rstrip()[:-1] if goes_on else line)
        if not goes_on:
            heredoc = _HEREDOC.search(line)
            until = heredoc["word"] if heredoc else ""
            yield start, " ".join(parts)
            start, parts = 0, []
    if parts:
        yield start, " ".join(parts)


def _command(words: str) -> str:
    """What the history says of the instruction: of RUN what the shell runs, of all others the instruction itself."""
    name, _, rest = " ".join(words.split()).partition(" ")
    while flag := _FLAG.match(rest):
        rest = rest[flag.end() :]
    if name.upper() != "RUN":
        return f"{name.upper()} {rest}" if rest else ""
    if not rest.startswith("["):
        return rest
    try:
        return " ".join(json.loads(rest))
    except (ValueError, TypeError):
        return rest


def _from_history(created_by: str) -> str:
    command = " ".join(created_by.split()).removesuffix("# buildkit").rstrip()
    while prefix := _HISTORY.match(command):
        command = command[prefix.end() :]
    while flag := _FLAG.match(command):
        command = command[flag.end() :]
    return command
