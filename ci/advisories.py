"""What the database of advisories knows of every locked dependency: python ci/advisories.py PIP-AUDIT LOCK…

Exit code 0: nothing; 1: an advisory; 2: not asked of all, since the database can't be reached or doesn't know one.
pip-audit itself passes over what it could not ask for.
"""

import json
import subprocess
import sys
from typing import Any


def asked(program: str, lock: str) -> tuple[list[str], list[str]]:
    """The advisories, and why a dependency was not asked for."""
    command = [program, "--disable-pip", "--require-hashes", "--progress-spinner=off", "--format=json", "-r", lock]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        found: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        return [], [(done.stderr.strip().splitlines() or ["no answer"])[-1]]
    told = [
        f"{each['name']} {each['version']}: {entry['id']}, mended in {', '.join(entry['fix_versions']) or 'no version'}"
        for each in found
        for entry in each.get("vulns", ())
    ]
    return told, [each["skip_reason"] for each in found if "skip_reason" in each]


def main() -> int:
    """Ask for each lock file."""
    program, *locks = sys.argv[1:]
    code = 0
    for lock in locks:
        advisories, skipped = asked(program, lock)
        for line in advisories:
            print(f"{lock}: {line}")
        if skipped:
            print(f"{lock}: not asked for {len(skipped)} of its dependencies ({skipped[0][:200]})", file=sys.stderr)
        if not advisories and not skipped:
            print(f"{lock}: no advisory")
        code = 1 if advisories or code == 1 else 2 if skipped else code
    return code


if __name__ == "__main__":
    sys.exit(main())
