"""Runs programs in a root of their own, as the kernel and the root's own loader would: chroot, with /proc there.

One helper process lives in a mount namespace that nobody else sees and takes jobs, one per line.
"""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from fixtures.namespace import own_mounts, why_not
from fixtures.workspace import Unavailable

PROJECT = Path(__file__).resolve().parents[2]
_SECONDS = 20


@dataclass(frozen=True)
class Outcome:
    """How a program ended (negative: by that signal; 126: not started) and what it printed on both streams."""

    code: int
    output: str


class Chamber:
    """The helper process. Unavailable where nothing can be run in a root here."""

    def __init__(self) -> None:
        self._helper = subprocess.Popen(
            [*own_mounts(), sys.executable, "-m", "tests.elf.chamber"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=PROJECT,
        )
        if self._ask(["hello"]) != "hello":
            assert self._helper.stderr is not None
            raise Unavailable(why_not(self._helper.stderr.read().strip()))

    def run(self, root: Path, argv: list[str], env: dict[str, str], cwd: str = "/") -> Outcome:
        """Run a program of the root."""
        (root / "proc").mkdir(exist_ok=True)
        answer = self._ask([str(root), argv, env, cwd])
        assert isinstance(answer, list)
        return Outcome(int(answer[0]), str(answer[1]))

    def close(self) -> None:
        assert self._helper.stdin is not None
        self._helper.stdin.close()
        self._helper.wait()
        for stream in (self._helper.stdout, self._helper.stderr):
            if stream is not None:
                stream.close()

    def _ask(self, job: list[object]) -> object:
        assert self._helper.stdin is not None and self._helper.stdout is not None
        try:
            self._helper.stdin.write(json.dumps(job) + "\n")
            self._helper.stdin.flush()
        except BrokenPipeError:
            return None
        line = self._helper.stdout.readline()
        answer: object = json.loads(line) if line else None
        return answer


def _serve() -> None:
    for line in sys.stdin:
        job = json.loads(line)
        if job == ["hello"]:
            print(json.dumps("hello"), flush=True)
            continue
        root, argv, env, cwd = job
        subprocess.run(["mount", "--rbind", "/proc", f"{root}/proc"], check=True)
        try:
            print(json.dumps(_run(root, argv, env, cwd)), flush=True)
        finally:
            subprocess.run(["umount", "--lazy", f"{root}/proc"], check=True)


def _run(root: str, argv: list[str], env: dict[str, str], cwd: str) -> tuple[int, str]:
    def enter() -> None:
        os.chroot(root)
        os.chdir(cwd)

    try:
        done = subprocess.run(
            argv,
            env=env,
            preexec_fn=enter,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        return 126, str(error)
    return done.returncode, done.stdout.decode("utf-8", "replace")


if __name__ == "__main__":
    _serve()
