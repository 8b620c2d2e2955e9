"""Versions compare as each project numbers its releases."""

import pytest

from auditor.tools.catalogue import compare_versions

OLDER = [
    ("iptables", "1.4.7", "1.8.9"),
    ("iptables", "1.8.9", "1.8.10"),
    ("iptables", "1.4.21-18.3.el7_4", "1.6.0"),
    ("iptables", "1.4.0rc1", "1.4.0"),
    ("iptables", "1.4.1-rc1", "1.4.1"),
    ("ip6tables", "1.6.0", "1.6.0+snapshot20161117"),
    ("ip6tables", "1.8.0~git20180701", "1.8.0"),
    ("iptables", "1.2.7", "1.2.7a"),
    ("iptables", "1.2.7a", "1.2.7b"),
    ("iptables", "1.2.7a", "1.2.8"),
    ("iptables", "1." * 499 + "10", "2.0"),  # as long as one that is read can be
    ("ipset", "6.9", "6.11"),
    ("ipset", "6.38", "7.1"),
    ("ipset", "6.38", "7"),
    ("conntrack-tools", "1.4.1", "1.4.6"),
    ("conntrack-tools", "1:1.4.6-2", "1.4.7"),
    ("conntrack-tools", "0.9.15", "1.0.0"),
    ("iproute2", "4.9.0", "4.20.0"),
    ("iproute2", "5.9.0", "5.10.0"),
    ("iproute2", "6.1.0", "6.1.0-12-gabcdef0"),
    ("iproute2", "ss150210", "ss150413"),
    ("iproute2", "ss091226", "ss150210"),
    # A date against a number: by the kernel that was current on that day.
    ("iproute2", "ss150210", "4.0.0"),
    ("iproute2", "3.18.0", "ss150210"),
    ("iproute2", "20120521-3", "3.10.0"),
    ("iproute2", "ss091226", "3.0.0"),
    ("iproute2", "ss110720", "3.0.0"),  # a day before the first kernel that is numbered so
    ("iproute2", "ss190107", "5.0.0"),
    ("iproute2", "ss200602", "5.8.0"),
    ("iproute2", "ss200602", "6.1.0"),
    ("iputils", "s20161105", "20221126"),
    ("iputils", "s20161105", "s20180629"),
    ("iputils", "ss020927", "s20161105"),
    ("iputils", "20250605", "20250605-12-g0123abc"),
]
SAME = [
    ("iptables", "1.8.9", "1.8.9-2"),
    ("iptables", "1.8.9", "1.8.9-2+b1"),
    ("iptables", "1.8.5", "1.8.5-11.el8_9"),
    ("iptables", "1.8.3", "1.8.3-r1"),
    ("iptables", "v1.8.9", "1.8.9"),
    ("iproute2", "6.1.0", "6.1.0-3"),
    ("iproute2", "ss120521", "20120521-3"),
    ("iproute2", "150210", "ss150210"),
    # What Debian's, Ubuntu's and Red Hat's packages of these releases print.
    ("iproute2", "ss110721", "3.0.0"),
    ("iproute2", "ss110722", "3.0.0"),
    ("iproute2", "ss130716", "3.10.0"),
    ("iproute2", "ss131122", "3.12.0"),
    ("iproute2", "ss140804", "3.16.0"),
    ("iproute2", "ss151103", "4.3.0"),
    ("iproute2", "ss161212", "4.9.0"),
    ("iproute2", "ss170501", "4.11.0"),
    ("iproute2", "ss180129", "4.15.0"),
    ("iproute2", "ss180813", "4.18.0"),
    ("iproute2", "ss190107", "4.20.0-2+deb10u1"),
    ("iproute2", "ss190319", "5.0.0"),
    ("iproute2", "ss200127", "5.5.0"),
    ("iputils", "s20161105", "20161105"),
    ("iputils", "20221126", "3:20221126-1+deb12u1"),
    ("iputils", "sss20101006", "s20101006"),
    ("conntrack-tools", "1.4.7", "1:1.4.7-1+b2"),
]
UNKNOWN = [
    ("iptables", "", "1.4.7"),
    ("iptables", "legacy", "1.4.7"),
    ("iptables", "1.8.9", "20221126"),
    ("iptables", "1.8.\u0663", "1.8.3"),  # a digit, but not one of a version
    ("iptables", "1." * 500 + "1", "1.8.9"),
    ("iputils", "6.1.0", "20221126"),
    ("iputils", "20221126", ""),
    # The snapshot may be the release or its first correction; before 3.0 the numbers say less than the days.
    ("iproute2", "ss171113", "4.14.1"),
    ("iproute2", "ss091226", "2.6.32"),
    ("iproute2", "6.1.0", "s"),
]  # fmt: skip


@pytest.mark.parametrize(("tool", "older", "newer"), OLDER)
def test_order(tool: str, older: str, newer: str) -> None:
    assert compare_versions(tool, older, newer) == -1
    assert compare_versions(tool, newer, older) == 1


@pytest.mark.parametrize(("tool", "left", "right"), SAME)
def test_same_release(tool: str, left: str, right: str) -> None:
    assert compare_versions(tool, left, right) == 0
    assert compare_versions(tool, right, left) == 0


@pytest.mark.parametrize(("tool", "left", "right"), UNKNOWN)
def test_no_answer_rather_than_a_guess(tool: str, left: str, right: str) -> None:
    assert compare_versions(tool, left, right) is None
    assert compare_versions(tool, right, left) is None
