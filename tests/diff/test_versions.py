"""Package versions are ordered as their package managers order them."""

import itertools
import shutil
import subprocess

import pytest

from auditor.packages.kinds import compare_versions

# Each row rises from left to right.
RISING = {
    "deb": [
        ["1.0~rc1-1", "1.0-1", "1.0-1+b1", "1.0-1+deb12u1", "1.0-2", "1.0.1-1", "1.1-1", "1.9-1", "1.10-1", "1:0.1-1"],
        ["1.0~~", "1.0~~a", "1.0~", "1.0", "1.0-0.1", "1.0-1", "1.0a", "1.0+"],
        ["0", "0.0", "00.1", "0.2", "2-1", "2a-1", "2z-1", "2+-1"],
        ["5.10.0-4", "6.1.0-3", "6.15.0-1"],
    ],
    "rpm": [
        ["1.0~rc1-1", "1.0-1", "1.0^git1-1", "1.0.1-1", "1.9-1", "1.10-1", "1:0.1-1"],
        ["1.0-1.el8", "1.0-1.el8_4", "1.0-1.el9", "1.0-10.el8"],
        ["2.a-1", "2.0-1", "2.0.a-1", "2.0.1-1"],
    ],
    "apk": [
        [
            "1.0_alpha1-r0",
            "1.0_beta-r0",
            "1.0_rc2-r0",
            "1.0-r0",
            "1.0-r1",
            "1.0_p1-r0",
            "1.0a-r0",
            "1.0.1-r0",
            "1.10-r0",
        ],
        ["20230101-r0", "20240101-r0"],
        ["0.9.8-r9", "0.9.8-r10", "0.10-r0"],
    ],
}


@pytest.mark.parametrize(("kind", "row"), [(kind, row) for kind, rows in RISING.items() for row in rows])
def test_versions_rise(kind: str, row: list[str]) -> None:
    for left, right in itertools.product(row, repeat=2):
        expected = (row.index(left) > row.index(right)) - (row.index(left) < row.index(right))
        assert compare_versions(kind, left, right) == expected, (left, right)


@pytest.mark.parametrize(
    ("kind", "left", "right", "expected"),
    [
        ("rpm", "xyz10-1", "xyz10.1-1", -1),
        ("rpm", "1.0-1", "1_0-1", 0),
        ("rpm", "a-1", "1-1", -1),
        ("deb", "1.0", "1.0-0", 0),
        ("deb", "0:1-1", "1-1", 0),
        ("deb", "1" * 5000, "1" * 5001, -1),
        ("rpm", "1" * 5000, "1" * 5001, -1),
        ("apk", "1" * 5000, "1" * 5001, -1),
        ("apk", "nonsense", "1.0-r0", -1),
        ("brew", "1", "2", None),
    ],
)
def test_odd_versions(kind: str, left: str, right: str, expected: int | None) -> None:
    assert compare_versions(kind, left, right) == expected


def test_debian_s_order_is_dpkg_s_own() -> None:
    dpkg = shutil.which("dpkg")
    if dpkg is None:
        pytest.skip("dpkg is not installed")
    for row in RISING["deb"]:
        for left, right in itertools.pairwise(row):
            command = [dpkg, "--compare-versions", left, "lt", right]
            assert subprocess.run(command, check=False).returncode == 0, (left, right)


def test_red_hat_s_order_is_rpm_s_own() -> None:
    rpm = shutil.which("rpm")
    if rpm is None:
        pytest.skip("rpm is not installed")
    for row in RISING["rpm"]:
        for left, right in itertools.pairwise(row):
            asked = f'%{{lua: print(rpm.vercmp("{left}", "{right}"))}}'
            answer = subprocess.run([rpm, "--eval", asked], capture_output=True, text=True, check=False).stdout
            assert answer.strip() == "-1", (left, right)
