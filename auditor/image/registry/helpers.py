"""A credential helper, run with an eye on the clock: it may want a person to unlock something, or hang for ever."""

import os
import select
import subprocess
import time

from auditor import events

SECONDS = 30.0
PATIENCE = 3.0  # seconds before somebody is told what is waited for
_LIMIT = 1 << 20


def ask(program: str, server: str, listener: events.Listener) -> bytes | str:
    """What the helper prints for a server (docker-credential-helpers, README: `get`).

    A text says why there is nothing; it is empty where the helper says that it has no credentials for this server.
    """
    try:
        process = subprocess.Popen(  # noqa: S603 - named by the user's own configuration
            [program, "get"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
    except FileNotFoundError:
        return f"{program} is not on the PATH"
    except (OSError, ValueError) as error:
        return f"{program}: {error}"
    try:
        output = _talk(process, server, program, listener)
        return output if isinstance(output, str) else _judge(process, program, output)
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


def _talk(process: "subprocess.Popen[bytes]", server: str, program: str, listener: events.Listener) -> bytes | str:
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(server.encode("utf-8", "surrogateescape"))  # short: a pipe takes it at once
        process.stdin.close()
    except OSError:
        process.stdin = None  # it doesn't want to know; its answer tells
    output = b""
    start = time.monotonic()
    said = False
    while True:
        waited = time.monotonic() - start
        if waited >= SECONDS:
            return f"{program} does not answer within {SECONDS:.0f} s"
        if waited >= PATIENCE and not said:
            said = True
            listener(events.Waiting(program, "is asked for the password and does not answer yet"))
        ready, _, _ = select.select([process.stdout], [], [], min(SECONDS - waited, PATIENCE))
        if not ready:
            continue
        data = os.read(process.stdout.fileno(), 1 << 16)
        if not data:
            return output
        output += data
        if len(output) > _LIMIT:
            return f"{program}: its answer has no end"


def _judge(process: "subprocess.Popen[bytes]", program: str, output: bytes) -> bytes | str:
    try:
        code = process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        return output  # it has said all, and lingers
    if code == 0:
        return output
    words = " ".join(output.decode(errors="replace").split())[:200]
    return "" if "not found" in words else f"{program}: {words or 'failed'}"
