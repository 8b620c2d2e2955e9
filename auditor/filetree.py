"""The door between an image and everything that looks into it: an immutable tree of files.

Paths are absolute POSIX paths inside the image, as text (undecodable bytes kept by `surrogateescape`),
without trailing slash. No path ever leaves the root: `..` above the root is the root.
"""

import enum
import stat
from collections.abc import Iterator
from itertools import count
from typing import Protocol

from msgspec import Struct


class FileKind(enum.Enum):
    """What an inode is (inode(7))."""

    REGULAR = "file"
    DIRECTORY = "directory"
    SYMLINK = "symlink"
    CHARACTER_DEVICE = "character device"
    BLOCK_DEVICE = "block device"
    FIFO = "fifo"

    @classmethod
    def of_mode(cls, mode: int) -> "FileKind | None":
        """By the type bits of st_mode; None for a socket, which no image can hold."""
        return _OF_MODE.get(stat.S_IFMT(mode))


_OF_MODE = {
    stat.S_IFREG: FileKind.REGULAR,
    stat.S_IFDIR: FileKind.DIRECTORY,
    stat.S_IFLNK: FileKind.SYMLINK,
    stat.S_IFCHR: FileKind.CHARACTER_DEVICE,
    stat.S_IFBLK: FileKind.BLOCK_DEVICE,
    stat.S_IFIFO: FileKind.FIFO,
}


class Content(Protocol):
    """The bytes of one regular file, read on demand."""

    @property
    def size(self) -> int:
        """Length in bytes."""

    def read(self, offset: int = 0, length: int = -1) -> bytes:
        """Up to `length` bytes from `offset`; to the end where negative."""


_NUMBERS = count(1)


class Facts:
    """What readers found out about bytes that don't change, for all images that have them. Each reader has a key of
    its own, and draws from an image's limits as if it had read them for it.

    `number` is never given to other bytes: what was found out about several files together names them by it.
    """

    __slots__ = ("known", "number")

    def __init__(self) -> None:
        self.known: dict[str, object] = {}
        self.number = next(_NUMBERS)


def facts_of(content: Content) -> Facts:
    """The facts that go with a content; of none where it may change, as the files of a directory do."""
    facts = getattr(content, "facts", None)
    return facts if isinstance(facts, Facts) else Facts()


class Node(Struct, frozen=True):
    """One inode. Hard-linked names share an `inode` number; `layer` is the index of the layer that wrote it."""

    kind: FileKind
    mode: int  # permission, set-id and sticky bits: 0o7777
    uid: int
    gid: int
    size: int
    inode: int
    layer: int | None
    target: str = ""  # of a symlink, as written
    capabilities: bytes = b""  # the raw security.capability attribute (capabilities(7))
    content: Content | None = None  # of a regular file; None where the reader did not keep it


class LookupFault(enum.Enum):
    """Why a path leads to no file."""

    MISSING = "missing"
    DANGLING = "dangling link"
    LOOP = "too many levels of symbolic links"
    NOT_A_DIRECTORY = "not a directory"


class Found(Struct, frozen=True):
    """Where a path leads when every link is followed inside the root.

    `path` is the real path (of what is missing, where `node` is None: as far as it could be followed);
    `links` are the symlinks that were crossed, by their own real paths, in order.
    """

    path: str
    node: Node | None
    links: tuple[str, ...] = ()
    fault: LookupFault | None = None


class Removal(Struct, frozen=True):
    """A path that an earlier layer had and `layer` deleted: a whiteout, or a parent directory replaced."""

    path: str
    layer: int
    node: Node


class LinkedWhiteout(Struct, frozen=True):
    """A whiteout in `layer` below what a lower layer has as a symbolic link: storage drivers differ over it.

    overlayfs leaves `target`, the file that the whiteout would name through the link, and hides the link behind a
    directory of its own, as the tree here does; vfs and umoci follow the link and delete `target`.
    """

    path: str
    target: str
    layer: int


class FileTree(Protocol):
    """One merged root file system."""

    def find(self, path: str) -> Found:
        """Follow every link, also the last, as open(2) would in a chroot: 40 at most (path_resolution(7))."""

    def lstat(self, path: str) -> Node | None:
        """The node at `path`; links in its directory part are followed, the last name isn't."""

    def listdir(self, path: str) -> tuple[str, ...]:
        """Sorted names in the directory that `path` leads to; empty where it leads to none."""

    def walk(self) -> Iterator[tuple[str, Node]]:
        """Every path but the root with its node, sorted by path; no link followed."""

    def removals(self, name: str) -> tuple[Removal, ...]:
        """What layers deleted and no later one restored, of this file name (last component), in path order."""


def read_file(tree: FileTree, path: str, limit: int) -> bytes | None:
    """The bytes of the regular file that `path` leads to; None where there is none, or over `limit` bytes."""
    node = tree.find(path).node
    if node is None or node.kind is not FileKind.REGULAR or node.content is None or node.size > limit:
        return None
    return node.content.read()
