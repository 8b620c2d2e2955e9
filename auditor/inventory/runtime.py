"""What the image says of itself: to a runtime, in an index, and as a distribution."""

import re

from auditor.filetree import FileTree, read_file
from auditor.image.model import Image, Platform
from auditor.inventory.model import Distribution, RuntimeConfig
from auditor.kept import Kept

KEPT = Kept(files=frozenset({"/etc/os-release", "/usr/lib/os-release"}))

_MAX_TEXT = 1 << 16
_OS_RELEASE = re.compile(r"""^(ID|VERSION_ID|PRETTY_NAME)=(["']?)(.*)\2$""", re.MULTILINE)


def runtime_config(image: Image) -> RuntimeConfig:
    """What the image config tells a runtime; a tree of files has none, a bundle only says what it starts."""
    config = image.config
    return RuntimeConfig(
        entrypoint=config.entrypoint,
        cmd=config.cmd,
        env=config.env,
        user=config.user,
        working_dir=config.working_dir,
        labels=dict(config.labels),
        ports=config.ports,
        stated=bool(image.layers or image.config_digest),
    )


def contradicting(image: Image) -> Platform | None:
    """The platform that an index promises, where the config has another."""
    offered, claimed = image.offered_as, image.config.platform
    if offered is None or (offered.os, offered.architecture) == (claimed.os, claimed.architecture):
        return None
    return offered


def distribution(tree: FileTree) -> Distribution:
    """Which distribution os-release(5) names."""
    data = read_file(tree, "/etc/os-release", _MAX_TEXT) or read_file(tree, "/usr/lib/os-release", _MAX_TEXT) or b""
    fields = {key: value for key, _, value in _OS_RELEASE.findall(data.decode("utf-8", "replace"))}
    return Distribution(fields.get("ID", ""), fields.get("VERSION_ID", ""), fields.get("PRETTY_NAME", ""))
