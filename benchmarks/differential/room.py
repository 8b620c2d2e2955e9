"""A process that lives in a root file system and starts programs there, for as long as it is open.

The root's files may change between two runs. Programs run as nobody (where the starter is root), for a few seconds,
without core dumps and without a network: nobody knows what a damaged program does.
"""

import contextlib
import json
import os
import resource
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from fixtures.namespace import own_mounts, why_not
from fixtures.tree import qemu_for
from fixtures.workspace import Unavailable

_SECONDS = 5
_NOBODY = 65534
_OUTPUT = 1 << 16
HANGS = -1000


@dataclass(frozen=True)
class Outcome:
    """How a program ended and what it printed on both streams.

    `code` is negative for a signal, `HANGS` where it had to be ended. `refused` is the error of execve(2), "" where
    the program was started.
    """

    code: int
    output: str
    refused: str = ""


class Room:
    """The process."""

    def __init__(self, root: Path, architecture: str) -> None:
        emulator = qemu_for(architecture) or ""
        (root / "proc").mkdir(exist_ok=True)
        self._worker = subprocess.Popen(
            [
                *own_mounts(),
                "--net",
                sys.executable,
                "-m",
                "benchmarks.differential.room",
                str(root.resolve()),
                emulator,
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).resolve().parents[2],
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._worker.communicate()

    def run(self, argv: Sequence[str], env: dict[str, str]) -> Outcome:
        """Start a program of the root by its absolute path."""
        assert self._worker.stdin is not None and self._worker.stdout is not None
        with contextlib.suppress(BrokenPipeError):  # then the worker has said why
            print(json.dumps([argv, env]), file=self._worker.stdin, flush=True)
        answer = self._worker.stdout.readline()
        if not answer:
            assert self._worker.stderr is not None
            raise Unavailable(why_not((self._worker.stderr.read().strip().splitlines() or [""])[-1]))
        return Outcome(*json.loads(answer))


def _serve(root: str, emulator: str) -> None:
    subprocess.run(["mount", "--rbind", "/proc", f"{root}/proc"], check=True)
    descriptor = os.open(emulator, os.O_RDONLY) if emulator else -1
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.chroot(root)
    os.chdir("/")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if Path("/proc/self/uid_map").read_text().split() == ["0", "0", "4294967295"]:
        os.setgroups([])
        os.setgid(_NOBODY)
        os.setuid(_NOBODY)
    for line in sys.stdin:
        argv, env = json.loads(line)
        print(json.dumps(_start(argv, env, descriptor, nothing)), flush=True)


def _start(argv: list[str], env: dict[str, str], emulator: int, nothing: int) -> tuple[int, str, str]:
    executable, pass_fds = argv[0], ()
    if emulator >= 0:
        # argv[0] of the emulator is not the program's own.
        argv = ["qemu", *(part for item in env.items() for part in ("-E", "=".join(item))), "-0", argv[0], *argv]
        executable, env, pass_fds = f"/proc/self/fd/{emulator}", {}, (emulator,)  # type: ignore[assignment]
    try:
        started = subprocess.Popen(
            argv, executable=executable, env=env, pass_fds=pass_fds,
            stdin=nothing, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
    except OSError as error:
        return 126, "", error.strerror or str(error)
    try:
        output, _ = started.communicate(timeout=_SECONDS)
    except subprocess.TimeoutExpired:
        started.kill()
        started.communicate()
        return HANGS, "", ""
    return started.returncode, output[:_OUTPUT].decode("utf-8", "replace"), ""


if __name__ == "__main__":
    _serve(*sys.argv[1:])
