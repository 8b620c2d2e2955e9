"""What a machine or a user can't do skips a test, with the reason: no test of its own need think of it."""

import os
import shutil
import signal
from collections.abc import Generator, Iterator
from contextlib import contextmanager

import pytest

from fixtures.workspace import Unavailable

# Nothing is remembered between tests, nor of them: each reads its images. Those of the cache name a folder.
os.environ["AUDIT_IMAGE_CACHE_DIR"] = ""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup() -> Generator[None, None, None]:
    """A fixture that can't be made here."""
    with _lacking():
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, None, None]:
    """The same, where the test itself asks for it."""
    with _lacking():
        return (yield)


@contextmanager
def _lacking() -> Iterator[None]:
    """What can't be made here, or a program that isn't installed, is a reason to skip."""
    try:
        yield
    except Unavailable as error:
        pytest.skip(str(error))
    except FileNotFoundError as error:
        # Popen names the program that it did not find; one that is there, but not where it was looked for, is a fault.
        name = str(error.filename or "")
        if name and "/" not in name and shutil.which(name) is None and _is_a_program(error):
            pytest.skip(f"{name} is not installed")
        raise


def _is_a_program(error: BaseException) -> bool:
    """Whether it was starting a program that failed: the last frames are those of subprocess."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and trace.tb_frame.f_globals.get("__name__") == "subprocess"


@pytest.fixture
def heeded_sigint() -> Iterator[None]:
    """A shell's background job, as these tests may be, hands an ignored SIGINT on to what it starts."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
