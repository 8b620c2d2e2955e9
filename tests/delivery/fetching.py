"""What pip fetches for these tests, where it reaches any packages."""

import subprocess

import pytest

# pip's own words, and those of the library that connects for it.
_UNREACHABLE = ("Failed to establish a new connection", "Temporary failure in name resolution", "Connection refused")


def fetched(done: subprocess.CompletedProcess[str]) -> None:
    """Skip where there is no way to any packages; whatever else pip says is a fault of what it was asked for."""
    if done.returncode and any(words in done.stderr for words in _UNREACHABLE):
        pytest.skip("pip reaches no packages")
    assert done.returncode == 0, done.stderr
