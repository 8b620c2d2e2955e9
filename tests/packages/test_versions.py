"""What is left of a distribution's version when the distribution's part is taken off."""

import pytest

from auditor.packages.versions import apk, deb, rpm


@pytest.mark.parametrize(
    ("version", "upstream"),
    [
        ("1.8.9-2", "1.8.9"),
        ("3:20221126-1+deb12u1", "20221126"),
        ("1.60+git20181103.0eebece-1", "1.60+git20181103.0eebece"),
        ("2.10-0.1+deb12u2", "2.10"),
        ("30+20221128-1", "30+20221128"),
        ("5.10.0-4~bpo10+1", "5.10.0"),
        ("6.1.0-3+b1", "6.1.0"),
        ("5.15.0-1ubuntu2", "5.15.0"),
        ("20211016ubuntu0.22.04.1", "20211016"),
        ("20230311+deb12u1", "20230311"),
        ("20230311~deb11u1", "20230311"),
        ("6.4+nmu1", "6.4"),
        ("2.3~bpo11+1", "2.3"),
        ("1.2+dfsg-1", "1.2"),
        ("1.2+dfsg1.1-1", "1.2"),
        ("1.2~dfsg-1", "1.2"),
        ("1.2.dfsg-1", "1.2"),
        ("1.2+ds1+dfsg-1", "1.2"),
        ("1.2+repack-1", "1.2"),
        ("2.0+really1.9-1", "1.9"),
        ("1.8.0~rc1-1", "1.8.0~rc1"),
        ("1-2-3", "1-2"),
        ("1:2:3-1", "2:3"),
        ("", ""),
        ("1" + "+1" * 100_000, "1" + "+1" * 100_000),
    ],
)
def test_debian(version: str, upstream: str) -> None:
    assert deb.upstream(version) == upstream


@pytest.mark.parametrize(
    ("version", "upstream"),
    [
        ("1.8.10-2.el9", "1.8.10"),
        ("0:20210202-7.el9", "20210202"),
        ("1.8.5~rc1^git1-3.fc40", "1.8.5~rc1^git1"),
        ("7.11", "7.11"),
    ],
)
def test_rpm(version: str, upstream: str) -> None:
    assert rpm.upstream(version) == upstream


@pytest.mark.parametrize(
    ("version", "upstream"), [("1.8.3-r1", "1.8.3"), ("6.1_p1-r12", "6.1_p1"), ("20221126-r0", "20221126"), ("2", "2")]
)
def test_apk(version: str, upstream: str) -> None:
    assert apk.upstream(version) == upstream
