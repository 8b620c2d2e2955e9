"""Supervisors that run whatever a directory of services holds: runit (runsvdir(8), runsv(8)) and s6 (s6-svscan)."""

from collections.abc import Sequence

from msgspec import Struct

from auditor.process.path import absolute


class Supervision(Struct, frozen=True):
    """One directory of services. `helper` is the program that the supervisor starts for each, looked up on PATH."""

    supervisor: str
    directory: str
    helper: str


def supervision(name: str, arguments: Sequence[str | None], working_dir: str) -> Supervision | None:
    """What a command line supervises; None for other programs, and where the directory can't be told."""
    if name == "runsvdir":
        operands = [argument for argument in arguments if argument != "-P"]
        if operands and operands[0] and not operands[0].startswith("-"):
            return Supervision(name, absolute(operands[0], working_dir), "runsv")
    if name == "s6-svscan":
        return _s6(arguments, working_dir)
    return None


def _s6(arguments: Sequence[str | None], working_dir: str) -> Supervision | None:
    """s6-svscan [-S | -s] [-d FD] [-c MAX] [-C MAX] [-L MAX] [-t MS] [-X FD] [DIRECTORY]."""
    index = 0
    while index < len(arguments):
        argument = arguments[index]
        if argument is None:
            return None
        if not argument.startswith("-"):
            return Supervision("s6-svscan", absolute(argument, working_dir), "s6-supervise")
        index += 2 if argument[-1:] in "dcCLtX" else 1
    return Supervision("s6-svscan", absolute("", working_dir), "s6-supervise")
