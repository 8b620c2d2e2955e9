"""A Debian as mmdebstrap makes it, in one layer: apt, documentation and locales are left in, the tools of calico/node
are added. 190 MB, 900 ELF files, and 8,000 entries that an audit passes over.
"""

import hashlib
import io
import json
import subprocess
import tarfile
import tempfile
from pathlib import Path

from fixtures.base import TOOL_PACKAGES
from fixtures.image import PLATFORMS

SUITE = "bookworm"


def plain_debian(archive: Path) -> None:
    """Write the image as a docker-archive, where it isn't there."""
    if archive.exists():
        return
    archive.parent.mkdir(parents=True, exist_ok=True)
    packages = ",".join(name.split("|")[-1].rstrip("?") for name in TOOL_PACKAGES)
    with tempfile.TemporaryDirectory(dir=archive.parent) as folder:
        layer, made = Path(folder, "layer.tar"), Path(folder, "image.tar")
        command = ["mmdebstrap", "--quiet", "--variant=apt", f"--include={packages}", SUITE, str(layer)]
        subprocess.run(command, check=True)
        _write_archive(layer, made)
        made.rename(archive)


def _write_archive(layer: Path, archive: Path) -> None:
    """A docker-archive of one layer."""
    with layer.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    own = subprocess.run(["dpkg", "--print-architecture"], check=True, capture_output=True, text=True).stdout.strip()
    architecture, variant = PLATFORMS.get(own, (own, ""))
    config = {
        "architecture": architecture,
        "variant": variant,
        "os": "linux",
        "config": {"Cmd": ["/bin/bash"], "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
    }
    manifest = [{"Config": "config.json", "RepoTags": ["debian:with-tools"], "Layers": [f"{digest}/layer.tar"]}]
    with tarfile.open(archive, "w") as tar:
        tar.add(layer, f"{digest}/layer.tar")
        for name, value in (("config.json", config), ("manifest.json", manifest)):
            data = json.dumps(value).encode()
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
