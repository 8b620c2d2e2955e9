"""The declared interface for Python: every name is there, says what it is, and costs nothing before it is used."""

import subprocess
import sys

import pytest

import auditor


@pytest.mark.parametrize("name", auditor.__all__)
def test_a_public_name_is_there_and_documented(name: str) -> None:
    assert name in dir(auditor)
    value = getattr(auditor, name)
    assert (value.__doc__ or "").strip(), "it has no docstring"


def test_a_name_that_is_not_there() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = auditor.nonsense


def test_help_reads_no_image_and_no_spec() -> None:
    script = "import sys; from auditor.cli.main import run; run(['--help']); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    costly = {"auditor.image", "auditor.spec", "auditor.elf", "msgspec", "docker", "urllib3", "elftools"}
    assert costly.isdisjoint(done.stderr.split())
