"""Names of architectures, in the way of OCI platforms."""

_OCI = {
    "x86_64": "amd64",
    "i386": "386",
    "i686": "386",
    "aarch64": "arm64",
    "arm64": "arm64",
    "amd64": "amd64",
    "ppc64el": "ppc64le",
    "ppc64le": "ppc64le",
    "s390x": "s390x",
    "riscv64": "riscv64",
    "loongarch64": "loong64",
    "loong64": "loong64",
    "armhf": "arm",
    "armv7hl": "arm",
    "armv7l": "arm",
}


def oci_architecture(name: str) -> str:
    """What dpkg, rpm or `uname -m` call `name`; "" for what isn't known, or belongs to none (`all`, `noarch`)."""
    return _OCI.get(name, "")
