"""What a machine or a user can't do skips a test, with the reason: no test of its own need think of it."""

import os
import shutil
from collections.abc import Generator

import pytest

from fixtures.workspace import Unavailable

# Nothing is remembered between tests, nor of them: each reads its images. Those of the cache name a folder.
os.environ["AUDIT_IMAGE_CACHE_DIR"] = ""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup() -> Generator[None, None, None]:
    """A fixture that can't be made here."""
    try:
        return (yield)
    except Unavailable as error:
        pytest.skip(str(error))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, None, None]:
    """The same, where the test itself asks for it; and a program that isn't installed."""
    try:
        return (yield)
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
