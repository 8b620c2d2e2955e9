"""The files that a spec asks for: whether they are there, whose they are, and what is in them."""

from collections.abc import Collection, Iterable, Mapping

from auditor.filetree import FileKind, FileTree, Node, read_file
from auditor.inventory.model import FileFact
from auditor.kept import Kept
from auditor.packages.content import hexdigest

KEPT = Kept(files=frozenset({"/etc/passwd", "/etc/group"}))

_MAX_TEXT = 1 << 20  # bytes of passwd(5) or group(5)


def file_facts(tree: FileTree, paths: Iterable[str], hashed: Collection[str]) -> tuple[FileFact, ...]:
    """What each path leads to, by path; those of `hashed` with the digest of their content."""
    users, groups = _names(tree, "/etc/passwd"), _names(tree, "/etc/group")
    return tuple(_fact(tree, path, path in hashed, users, groups) for path in sorted(set(paths)))


def _fact(tree: FileTree, path: str, hashed: bool, users: Mapping[int, str], groups: Mapping[int, str]) -> FileFact:
    found = tree.find(path)
    node = found.node
    if node is None:
        removals = [each for each in tree.removals(found.path.rpartition("/")[2]) if each.path == found.path]
        link = tree.lstat(found.links[-1]) if found.links else None
        layer = removals[-1].layer if removals else (link.layer if link else None)
        return FileFact(path, found.path, "", layer, reason=found.fault.value if found.fault else "missing")
    return FileFact(
        path=path,
        real_path=found.path,
        kind=node.kind.value,
        layer=node.layer,
        mode=node.mode,
        uid=node.uid,
        gid=node.gid,
        user=users.get(node.uid, ""),
        group=groups.get(node.gid, ""),
        empty=_is_empty(tree, path, node),
        sha256=hexdigest(node.content, "sha256") if hashed and node.content is not None else "",
    )


def _is_empty(tree: FileTree, path: str, node: Node) -> bool:
    return not tree.listdir(path) if node.kind is FileKind.DIRECTORY else not node.size


def _names(tree: FileTree, path: str) -> dict[int, str]:
    """Number to name, of the first line that has the number: passwd(5) and group(5) both begin NAME:PASSWORD:NUMBER."""
    found: dict[int, str] = {}
    for line in (read_file(tree, path, _MAX_TEXT) or b"").decode("utf-8", "replace").splitlines():
        name, _, number = (*line.split(":"), "", "")[:3]
        if name and number.isascii() and number.isdecimal() and len(number) < 11:
            found.setdefault(int(number), name)
    return found
