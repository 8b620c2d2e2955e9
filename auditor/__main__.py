"""`python -m auditor` and the console script.

Signals are ours from the first line on: an interruption while modules are still being imported is one line too.
"""

import contextlib
import gc
import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType

# New objects between two rounds of the garbage collector. An audit makes hundreds of thousands that live to its end and
# are no cycles: at Python's 700, looking for some takes a tenth of the run. What an ordinary image makes stays below.
_COLLECT_AFTER = 500_000


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit with its code: 0 meets the spec, 1 doesn't, 2 not audited, 130 and 143 interrupted."""
    try:
        _listen_to_signals()
        gc.set_threshold(_COLLECT_AFTER)
        from auditor.cli.main import run  # noqa: PLC0415 - typer takes its time, and Ctrl-C may come meanwhile

        code = run(list(sys.argv[1:] if arguments is None else arguments))
    except BaseException as error:
        code = _last_line(error)
    with contextlib.suppress(Exception):
        sys.stderr.flush()
    # No thread that still waits for a server may hold up the exit. `run` has flushed the report; where that failed (a
    # closed pipe, a full disk) nothing tries once more.
    os._exit(code)


def _listen_to_signals() -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup and shells' background jobs ignore some
            signal.signal(number, _interrupt)


def _interrupt(number: int, frame: FrameType | None) -> None:
    from auditor.errors import Interrupted  # noqa: PLC0415

    del frame
    # A second one does not wait for the first one's tidying up.
    signal.signal(number, signal.SIG_DFL)
    raise Interrupted(number)


def _last_line(error: BaseException) -> int:
    if isinstance(error, SystemExit):  # completion ends so
        return error.code if isinstance(error.code, int) else 0
    code = getattr(error, "exit_code", 2)
    told = (
        "interrupted; nothing was judged" if code > 2 else f"it could not be started: {type(error).__name__}: {error}"
    )
    if sys.stderr is not None:
        print(f"audit-image: {told}", file=sys.stderr, flush=True)
    return int(code)


if __name__ == "__main__":
    main()
