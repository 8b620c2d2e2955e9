"""Random layers merge to what `umoci unpack` makes of them, where it takes them at all."""

import os
import random
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from auditor.auditing.load import load
from auditor.errors import CorruptImage
from auditor.filetree import FileKind, FileTree
from tests.image.build import Layout, Member, file, folder, hard, link, opaque, tar, whiteout

pytestmark = [
    pytest.mark.skipif(shutil.which("umoci") is None, reason="umoci is not installed"),
    pytest.mark.skipif(os.geteuid() != 0, reason="umoci keeps owners and devices only for root"),
]


def unpack(layout: Path, tag: str, target: Path) -> Path | None:
    """The root file system that umoci makes; None where it refuses the image."""
    command = ["umoci", "unpack", "--image", f"{layout}:{tag}", str(target)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return target / "rootfs" if done.returncode == 0 else None


def on_disk(root: Path) -> dict[str, tuple[object, ...]]:
    """Every path with what can be compared of it; hard links by their lowest name."""
    first: dict[int, str] = {0: ""}
    found: dict[str, tuple[object, ...]] = {}
    for base, folders, files in os.walk(root):
        for name in folders + files:
            path = Path(base, name)
            status = path.lstat()
            inside = "/" + str(path.relative_to(root))
            kind = stat.S_IFMT(status.st_mode)
            mode = 0 if stat.S_ISLNK(kind) else stat.S_IMODE(status.st_mode)
            content: object = None
            if stat.S_ISREG(kind):
                content = path.read_bytes()
            elif stat.S_ISLNK(kind):
                content = str(path.readlink())
            found[inside] = (kind, mode, status.st_uid, content, status.st_ino if not stat.S_ISDIR(kind) else 0)
    for path_text in sorted(found):
        first.setdefault(int(str(found[path_text][4])), path_text)
    return {path: (*entry[:4], first[int(str(entry[4]))]) for path, entry in found.items()}


_FORMATS = {
    FileKind.REGULAR: stat.S_IFREG,
    FileKind.DIRECTORY: stat.S_IFDIR,
    FileKind.SYMLINK: stat.S_IFLNK,
    FileKind.FIFO: stat.S_IFIFO,
    FileKind.CHARACTER_DEVICE: stat.S_IFCHR,
    FileKind.BLOCK_DEVICE: stat.S_IFBLK,
}


def in_tree(tree: FileTree) -> dict[str, tuple[object, ...]]:
    """The same of a merged tree."""
    first: dict[int, str] = {0: ""}
    found = {}
    for path, node in tree.walk():
        inode = 0 if node.kind is FileKind.DIRECTORY else node.inode
        if inode:
            first.setdefault(inode, path)
        content: object = None
        if node.kind is FileKind.REGULAR:
            assert node.content is not None
            content = node.content.read()
        elif node.kind is FileKind.SYMLINK:
            content = node.target
        mode = 0 if node.kind is FileKind.SYMLINK else node.mode
        found[path] = (_FORMATS[node.kind], mode, node.uid, content, inode)
    first[0] = ""
    return {path: (*entry[:4], first[int(str(entry[4]))]) for path, entry in found.items()}


def everything(path: str, mode: int, size: int, head: bytes) -> bool:
    del path, mode, size, head
    return True


def random_layers(dice: random.Random) -> list[list[Member]]:
    """Layers over few names, so that they meet; mostly such as an unpacker takes.

    Names of links are never parents and whiteouts stand in directories that are there: runtimes differ elsewhere.
    """
    here: dict[str, str] = {}  # what there is by now, roughly: path to kind
    return [_random_layer(dice, number, here) for number in range(dice.randint(1, 4))]


def _random_layer(  # noqa: PLR0912 - one branch for each kind of member
    dice: random.Random, number: int, here: dict[str, str]
) -> list[Member]:
    members: list[Member] = []
    lower = dict(here)
    written: set[str] = set()

    def put(member: Member) -> None:
        if member.kind != "dir":
            for path in [path for path in here if path.startswith(f"{member.name}/")]:
                del here[path]
        for end in range(1, member.name.count("/") + 1):
            here["/".join(member.name.split("/")[:end])] = "dir"
        here[member.name] = member.kind
        written.add(member.name)
        members.append(member)

    for _ in range(dice.randint(1, 12)):
        parents = [dice.choice("abcd") for _ in range(dice.randint(0, 2))]
        prefixes = ["/".join(parents[: end + 1]) for end in range(len(parents))]
        if any(here.get(prefix, "dir") != "dir" and prefix in written for prefix in prefixes):
            continue  # a file of the same layer as a directory: refused everywhere
        if dice.random() < 0.6:
            for prefix in prefixes:
                put(folder(prefix, dice.choice([0o755, 0o700])))
        where = "".join(f"{parent}/" for parent in parents)
        path = where + dice.choice("abcd")
        files = [name for name, kind in here.items() if kind == "file"]
        match dice.randint(0, 10):
            case 0 | 1 | 2:
                put(file(path, f"{number} {path}", dice.choice([0o644, 0o4755]), uid=number))
            case 3 | 4:
                put(folder(path, 0o750))
            case 5:
                put(link(where + dice.choice("st"), dice.choice(["/a/b", "../c", "b"])))
            case 6 | 7 if lower:
                gone = dice.choice(sorted(lower))
                if all(here.get(gone[:at]) == "dir" for at, letter in enumerate(gone) if letter == "/"):
                    members.append(whiteout(gone))
            case 8:
                folders = [name for name, kind in lower.items() if kind == "dir" and here.get(name) == "dir"]
                if folders:
                    members.append(opaque(dice.choice(sorted(folders))))
            case 9 if files and (target := dice.choice(sorted(files))) != path and not target.startswith(f"{path}/"):
                put(hard(path, target))
            case _:
                put(Member(where + "f", "fifo"))
    for mark in members:
        base = mark.name.rpartition("/")[2]
        if base.startswith(".wh.") and base != ".wh..wh..opq":
            gone = mark.name.replace(".wh.", "")
            for path in [path for path in here if path == gone or path.startswith(f"{gone}/")]:
                if path not in written:
                    del here[path]
    return members


def alike(tree: dict[str, tuple[object, ...]], layers: list[list[Member]]) -> dict[str, tuple[object, ...]]:
    """Less what runtimes differ in: a directory that a layer deletes and makes again without naming it keeps its mode
    in umoci; one that only a whiteout speaks of is made by Docker and containerd, and not by umoci.
    """
    marks = [member.name for layer in layers for member in layer if ".wh." in member.name]
    parents = {"/" + mark[:at] for mark in marks for at, letter in enumerate(mark) if letter == "/"}
    hidden = tuple("/" + mark.replace("/.wh..wh..opq", "").replace(".wh.", "") for mark in marks)
    kept: dict[str, tuple[object, ...]] = {}
    for path in sorted(tree, reverse=True):
        kind, _, *rest = tree[path]
        empty = not any(other.startswith(f"{path}/") for other in kept)
        if kind == stat.S_IFDIR and path in parents and empty:
            continue
        made_again = any(path == gone or path.startswith(f"{gone}/") for gone in hidden)
        kept[path] = (kind, None, *rest) if kind == stat.S_IFDIR and made_again else tree[path]
    return kept


@pytest.mark.parametrize("seed", range(150))
def test_random_layers_merge_as_umoci_unpacks_them(seed: int, tmp_path: Path) -> None:
    dice = random.Random(seed)
    members = random_layers(dice)
    layers = [tar(layer) for layer in members]
    layout = Layout()
    layout.add(layout.manifest(layers), "it")
    directory = layout.write(tmp_path / "layout")
    root = unpack(directory, "it", tmp_path / "bundle")
    try:
        with load(f"oci-dir:{directory}", keep=everything) as image:
            ours = in_tree(image.tree)
    except CorruptImage:
        assert root is None, "umoci takes what was refused"
        return
    if root is not None:
        assert alike(ours, members) == alike(on_disk(root), members)
