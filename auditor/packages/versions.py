"""Upstream's own version inside a distribution's version."""

import re

# What distributions append to an upstream version that they repacked or patched without a revision of its own:
# Debian Policy 3.2.1 and the Developer's Reference 5.11, 6.7.8.2 (+dfsg, +ds, +debNuM, +nmuN, ~bpoN), Ubuntu's ubuntuN,
# buildN. `~rc1`, `+git20181103.0eebece` and the like are upstream's own and stay.
_DEBIAN_SUFFIX = re.compile(
    r"(?:[+~.-]?(?:dfsg|ds|repack)[\d.]*|[+~]deb\d+u\d+|\+nmu\d+|~bpo[\d.]+\+\d+|~deb\d+u\d+|\+b\d+"
    r"|ubuntu[\d.]+|build\d+)$",
    re.ASCII,
)
_REALLY = re.compile(r"\+really(?=\d)")
_LONGEST = 256  # a longer version is nobody's; it is left as it is
_APK_REVISION = re.compile(r"-r\d+$", re.ASCII)


def deb_upstream(version: str) -> str:
    """`1:1.8.9+dfsg-2+deb12u1` is 1.8.9 (deb-version(7): epoch, upstream, revision after the last hyphen).

    `2.0+really1.9-1` is 1.9: the archive needed a higher number for an older release.
    """
    if len(version) > _LONGEST:
        return version
    upstream = version.partition(":")[2] if ":" in version else version
    if "-" in upstream:
        upstream = upstream.rpartition("-")[0]
    upstream = _REALLY.split(upstream)[-1]
    while (shorter := _DEBIAN_SUFFIX.sub("", upstream)) != upstream:
        if not shorter:
            return upstream
        upstream = shorter
    return upstream


def rpm_upstream(version: str) -> str:
    """`3:1.8.10-2.el9` is 1.8.10: an RPM version has no hyphen but the one before the release (rpm-version(7))."""
    return version.rpartition(":")[2].partition("-")[0]


def apk_upstream(version: str) -> str:
    """`1.8.3-r1` is 1.8.3 (apk-package(5))."""
    return _APK_REVISION.sub("", version)
