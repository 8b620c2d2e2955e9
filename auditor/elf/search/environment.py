"""The environment that a program is started with, as far as loaders look at it."""

import posixpath
from collections.abc import Mapping

from msgspec import Struct

from auditor.filetree import Node

_SET_UID, _SET_GID, _GROUP_EXECUTE = 0o4000, 0o2000, 0o010


class Surroundings(Struct, frozen=True):
    """LD_* of the image's environment and its working directory."""

    library_path: str = ""
    preload: str = ""
    bind_now: bool = False
    working_dir: str = "/"

    def absolute(self, path: str) -> str:
        """A path as open(2) takes it from the working directory."""
        return path if path.startswith("/") else posixpath.join(self.working_dir, path)


def surroundings(env: Mapping[str, str], working_dir: str) -> Surroundings:
    """What loaders take from an environment (ld.so(8), "ENVIRONMENT")."""
    return Surroundings(
        library_path=env.get("LD_LIBRARY_PATH", ""),
        preload=env.get("LD_PRELOAD", ""),
        bind_now=bool(env.get("LD_BIND_NOW", "")),
        working_dir=posixpath.join("/", working_dir),
    )


def runs_secure(node: Node) -> bool:
    """Whether the kernel sets AT_SECURE for the program's plain callers (getauxval(3)): set-id or capabilities.

    The set-group-ID bit means that only where the group may execute the file (inode(7)).
    """
    set_gid = node.mode & _SET_GID and node.mode & _GROUP_EXECUTE
    return bool(node.mode & _SET_UID or set_gid or node.capabilities)
