"""What `--version` says: the release, the commit that it was made from where that is known, and the Python."""

import platform
import subprocess
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

_PACKAGE = Path(__file__).parents[1]
_COMMIT_FILE = _PACKAGE / "commit.txt"  # written into a wheel when it is built from a checkout
_SHOWN = 12


def version_text() -> str:
    """`audit-image 0.1.0 (commit 0123456789ab, Python 3.13.1, linux x86_64)`."""
    try:
        version = str(distribution("audit-image").version)
    except PackageNotFoundError:
        version = "(not installed)"
    commit = _commit()
    built = [f"commit {commit}"] if commit else []
    machine = f"{platform.system().lower()} {platform.machine()}"
    return f"audit-image {version} ({', '.join([*built, f'Python {platform.python_version()}', machine])})"


def issues_address() -> str:
    """Where the project takes reports of faults, as its metadata says; empty where it says nothing."""
    try:
        urls = distribution("audit-image").metadata.get_all("Project-URL") or []
    except PackageNotFoundError:
        return ""
    named = dict(entry.split(", ", 1) for entry in urls)
    return str(named.get("Issues", ""))


def _commit() -> str:
    if _COMMIT_FILE.is_file():
        return _COMMIT_FILE.read_text().strip()[:_SHOWN]
    root = _PACKAGE.parent
    if not (root / ".git").exists():
        return ""
    try:
        done = subprocess.run(  # noqa: S603 - no word of it comes from outside
            ["git", "-C", str(root), "rev-parse", "HEAD"],  # noqa: S607 - the git of whoever works in the checkout
            capture_output=True,
            text=True,
            check=True,
            timeout=5,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()[:_SHOWN]
