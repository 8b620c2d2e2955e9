"""Real images of which one file asks for a newer processor or kernel: worse, for whoever has an old one."""

import json
from pathlib import Path

import pytest

from auditor.cli.main import run
from tests.images import built, layout
from tests.spec.products import Broken, alterable, broken, needs_kernel, needs_processor, nginx


def changes(old: Path, new: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, list[list[str | None]]]:
    """The exit code, and every change of a floor."""
    code = run(["diff", f"oci-dir:{old}", f"oci-dir:{new}", "-o", "json", "-q"])
    found = json.loads(capsys.readouterr().out)["changes"]
    floors = [one for one in found if one["kind"].endswith("-floor")]
    return code, [[one[key] for key in ("kind", "old", "new", "assessment")] for one in floors]


# bookworm's loader looks at the mark of a processor, bullseye's at that of a kernel.
CASES = (
    (
        "bookworm",
        broken("a program", "", needs_processor("usr/sbin/nginx", 3)),
        ["cpu-floor", None, "x86-64-v3", "regression"],
    ),
    (
        "bookworm",
        broken("a library", "", needs_processor("usr/lib/x86_64-linux-gnu/libc.so.6", 2)),
        ["cpu-floor", None, "x86-64-v2", "regression"],
    ),
    (
        "bookworm",
        broken("a kernel that nothing looks at", "", needs_kernel("usr/sbin/nginx", 6, 1, 0)),
        ["kernel-floor", "3.2.0", "6.1.0", "neutral"],
    ),
    (
        "bullseye",
        broken("a kernel", "", needs_kernel("usr/bin/runsv", 6, 1, 0)),
        ["kernel-floor", "3.2.0, enforced", "6.1.0, enforced", "regression"],
    ),
)


@pytest.mark.full
@pytest.mark.parametrize(("suite", "case", "expected"), CASES, ids=[case.name for _, case, _ in CASES])
def test_a_raised_floor_is_a_regression_where_a_loader_looks(
    suite: str, case: Broken, expected: list[str | None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = nginx() if suite == "bookworm" else alterable(built(suite))
    before, after = layout(image), layout(case.of(image, tmp_path))
    # Where no loader looks, a new warning says so.
    assert changes(before, after, capsys) == (1, [expected])
    back = changes(after, before, capsys)
    assert back[0] == 0 and back[1][0][-1] == ("improvement" if expected[-1] == "regression" else "neutral")
