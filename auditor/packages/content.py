"""Does a file still have the content that its package was installed with?"""

import enum
import hashlib
import stat

from auditor.filetree import Content, FileKind, Node, facts_of
from auditor.packages.model import OwnedFile

CHUNK = 1 << 20


class Verdict(enum.Enum):
    """What the database's record of a file says about the file that is there."""

    SAME = "same"
    CHANGED = "changed"
    UNKNOWN = "unknown"  # the database has no digest of it, or the content was not kept


def verify(owned: OwnedFile, node: Node) -> Verdict:
    """Compare what a package says about one path with the node at that very path (last link not followed).

    Content and kind decide, as in `rpm -V` (rpm(8): 5, L) and `dpkg -V` (dpkg(1)); mode, owner and time don't.
    """
    if owned.mode is not None and stat.S_IFMT(owned.mode) != _TYPE_BITS[node.kind]:
        return Verdict.CHANGED
    if node.kind is FileKind.SYMLINK:
        return _verify_link(owned, node)
    if owned.target:
        return Verdict.CHANGED
    if node.kind is not FileKind.REGULAR:
        return Verdict.CHANGED if owned.digest else Verdict.UNKNOWN
    if not owned.digest or node.content is None:
        return Verdict.UNKNOWN
    algorithm, _, expected = owned.digest.partition(":")
    actual = hexdigest(node.content, algorithm)
    if not actual:
        return Verdict.UNKNOWN
    return Verdict.SAME if actual == expected else Verdict.CHANGED


def vouches_for(owned: OwnedFile, node: Node) -> bool:
    """Is the file at the path the very one that the package was installed with? Not knowing is no."""
    return verify(owned, node) is Verdict.SAME


_TYPE_BITS = {
    FileKind.REGULAR: stat.S_IFREG,
    FileKind.DIRECTORY: stat.S_IFDIR,
    FileKind.SYMLINK: stat.S_IFLNK,
    FileKind.CHARACTER_DEVICE: stat.S_IFCHR,
    FileKind.BLOCK_DEVICE: stat.S_IFBLK,
    FileKind.FIFO: stat.S_IFIFO,
}


def _verify_link(owned: OwnedFile, node: Node) -> Verdict:
    if owned.target:
        return Verdict.SAME if owned.target == node.target else Verdict.CHANGED
    if not owned.digest:
        return Verdict.UNKNOWN
    algorithm, _, expected = owned.digest.partition(":")
    if owned.package.type != "apk" or algorithm not in hashlib.algorithms_guaranteed:
        return Verdict.CHANGED  # the other databases have digests of regular files only
    target = node.target.encode("utf-8", "surrogateescape")
    actual = hashlib.new(algorithm, target, usedforsecurity=False).hexdigest()
    return Verdict.SAME if actual == expected else Verdict.CHANGED


def hexdigest(content: Content, algorithm: str) -> str:
    """The content's digest, worked out once for all images that have it; "" for an algorithm that this Python lacks."""
    if algorithm not in _ALGORITHMS:
        return ""
    facts, fact = facts_of(content), f"digest {algorithm}"
    known = facts.known.get(fact)
    if isinstance(known, str):
        return known
    state = hashlib.new(algorithm, usedforsecurity=False)
    for offset in range(0, content.size, CHUNK):
        state.update(content.read(offset, CHUNK))
    facts.known[fact] = found = state.hexdigest()
    return found


# Those that dpkg, RPM and apk write; not hashlib's whole list, some of which have no digest of fixed length.
_ALGORITHMS = frozenset({"md5", "sha1", "sha224", "sha256", "sha384", "sha512"})
