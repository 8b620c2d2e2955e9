"""A root file system that is already unpacked, read in place: `dir:PATH`.

The host's kernel never follows a link of the image: every path is opened part by part with O_NOFOLLOW, relative to
the directory before it. Owners and modes are the host's. PATH may also be an OCI runtime bundle (`config.json`
beside `rootfs`, as `umoci unpack` writes it); then the process's arguments and environment are taken from there.
"""

import errno
import json
import os
import stat
from pathlib import Path

from auditor.budget import Budget
from auditor.errors import AuditError, ImageNotFound, SourceUnavailable, UnsupportedFormat
from auditor.filetree import Content, FileKind, Node
from auditor.image.document import Document, parse_object
from auditor.image.layer import text_size
from auditor.image.merge import Directory
from auditor.image.reference import Reference
from auditor.image.source.interface import Candidate, Listing, Options, Source, StoredImage
from auditor.image.tree import MergedTree
from auditor.kept import Keep

_HEAD = 512
_OPEN = 16  # files at most that stay open between two reads
_NOFOLLOW = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
_DIRECTORY = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_DIRECTORY
_MOUNTED = frozenset({"/proc", "/sys", "/dev", "/run"})  # where a running system mounts what is no file of the image
_REMEDY = "run as a user who may read it"


class _OpenFile:
    """A descriptor that is closed when nobody has it any more."""

    __slots__ = ("descriptor",)

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def __del__(self) -> None:
        os.close(self.descriptor)


class _Root:
    """The directory that is the image's `/`, held open, with the files that were read last."""

    def __init__(self, path: Path) -> None:
        self.where = str(path)
        self._descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._files: dict[str, _OpenFile] = {}  # what was read last comes last

    def open_directory(self, path: str) -> int:
        """The descriptor of a directory that is named without links, "" for the root; the caller closes it."""
        here = os.dup(self._descriptor)
        for name in path.split("/")[1:]:
            try:
                below = os.open(_bytes(name), _DIRECTORY, dir_fd=here)
            finally:
                os.close(here)
            here = below
        return here

    def open_file(self, path: str) -> int:
        """The descriptor of a regular file that is named without links; the caller closes it."""
        directory, _, name = path.rpartition("/")
        parent = self.open_directory(directory)
        try:
            return os.open(_bytes(name), _NOFOLLOW, dir_fd=parent)
        finally:
            os.close(parent)

    def file(self, path: str) -> _OpenFile:
        """The same, kept open for a while: a program is read in many pieces."""
        found = self._files.pop(path, None) or _OpenFile(self.open_file(path))
        if len(self._files) >= _OPEN:
            del self._files[next(iter(self._files))]
        self._files[path] = found
        return found

    def close(self) -> None:
        self._files.clear()
        os.close(self._descriptor)


class HostContent:
    """One file's bytes, where they lie (`auditor.filetree.Content`)."""

    __slots__ = ("_path", "_root", "_size")

    def __init__(self, root: _Root, path: str, size: int) -> None:
        self._root = root
        self._path = path
        self._size = size

    @property
    def size(self) -> int:
        """Length in bytes."""
        return self._size

    def read(self, offset: int = 0, length: int = -1) -> bytes:
        """Up to `length` bytes from `offset`; to the end where negative."""
        if offset < 0:
            raise ValueError("negative offset")
        left = max(0, self._size - offset)
        left = left if length < 0 else min(length, left)
        parts = []
        try:
            file = self._root.file(self._path)
            while left and (data := os.pread(file.descriptor, left, offset)):
                parts.append(data)
                left -= len(data)
                offset += len(data)
        except OSError as error:
            raise SourceUnavailable(
                f"{self._path} can't be read ({error.strerror})", self._root.where, "it changed while it was audited"
            ) from error
        return b"".join(parts)


class RootDirectory:
    """The one image that a directory is."""

    name = "dir"

    def __init__(self, path: Path, options: Options) -> None:
        bundle = (path / "config.json").is_file() and (path / "rootfs").is_dir() and not (path / "etc").exists()
        self._config = path / "config.json" if bundle else None
        self._options = options
        try:
            self._root = _Root(path / "rootfs" if bundle else path)
        except OSError as error:
            raise SourceUnavailable(f"can't be opened ({error.strerror})", str(path), _REMEDY) from error

    def images(self) -> tuple[Listing, ...]:
        """The directory."""
        return (Listing((), None, lambda: (Candidate(None, None, self._image),)),)

    def close(self) -> None:
        """Contents can't be read from now on."""
        self._root.close()

    def _image(self) -> StoredImage:
        tree = _Scan(self._root, self._options.budget, self._options.keep).tree()
        return StoredImage(None, self._image_config(), None, str(self._config or ""), (), tree)

    def _image_config(self) -> bytes:
        """A bundle's config.json as an image config (image-spec, conversion.md, read backwards)."""
        if self._config is None:
            return b""
        where = str(self._config)
        limit = self._options.limits.json
        with self._config.open("rb") as file:
            bundle = parse_object(file.read(limit + 1), where, limit)
        process = bundle.object("process") or Document({}, where)
        labels = dict(bundle.pairs("annotations"))
        image = "org.opencontainers.image."
        return json.dumps(
            {
                "os": labels.get(f"{image}os", "linux"),
                "architecture": labels.get(f"{image}architecture", ""),
                "variant": labels.get(f"{image}variant", ""),
                "config": {
                    "Env": process.texts("env"),
                    "Entrypoint": process.texts("args"),
                    "WorkingDir": process.text("cwd"),
                },
            }
        ).encode()


class _Scan:
    """Lists every file once; the same policy as for layers says whose bytes may be asked for."""

    def __init__(self, root: _Root, budget: Budget, keep: Keep) -> None:
        self._root = root
        self._budget = budget
        self._keep = keep
        self._inodes: dict[tuple[int, int], int] = {}

    def tree(self) -> MergedTree:
        descriptor = self._root.open_directory("")
        status = os.fstat(descriptor)
        os.close(descriptor)
        root = Directory(None, "", self._node(status, FileKind.DIRECTORY))
        left = [root]
        while left:
            directory = left.pop()
            left += self._directory(directory, status.st_dev)
        return MergedTree(root, {}, self._budget)

    def _directory(self, directory: Directory, device: int) -> list[Directory]:
        """Fill in one directory; the directories in it."""
        below = []
        directory_path = directory.path
        try:
            descriptor = self._root.open_directory(directory_path)
        except OSError as error:
            raise self._unreadable(directory_path or "/", error) from error
        try:
            if directory_path in _MOUNTED and os.fstat(descriptor).st_dev != device:
                return []
            for host_name in os.listdir(descriptor):  # noqa: PTH208 - pathlib takes no descriptor
                name = os.fsencode(host_name).decode("utf-8", "surrogateescape")
                child = self._child(descriptor, name, directory, f"{directory_path}/{name}")
                if child is None:
                    continue
                directory.children[name] = child
                if isinstance(child, Directory):
                    below.append(child)
        except OSError as error:
            raise self._unreadable(directory_path or "/", error) from error
        finally:
            os.close(descriptor)
        return below

    def _child(self, parent: int, name: str, directory: Directory, path: str) -> Directory | Node | None:
        self._budget.entries.take(1, self._root.where)
        self._budget.names.take(text_size(name), self._root.where)
        status = os.stat(_bytes(name), dir_fd=parent, follow_symlinks=False)
        kind = FileKind.of_mode(status.st_mode)
        if kind is None:
            return None  # a socket: no layer can hold one
        if kind is FileKind.DIRECTORY:
            self._budget.directories.take(1, self._root.where)
            return Directory(directory, name, self._node(status, kind))
        if kind is FileKind.SYMLINK:
            target = os.readlink(_bytes(name), dir_fd=parent).decode("utf-8", "surrogateescape")
            return self._node(status, kind, target=target)
        if kind is FileKind.REGULAR:
            self._budget.stored(status.st_size)
            content, capabilities = self._content(parent, name, path, status)
            return self._node(status, kind, content=content, capabilities=capabilities)
        return self._node(status, kind)

    def _content(self, parent: int, name: str, path: str, status: os.stat_result) -> tuple[Content | None, bytes]:
        mode = stat.S_IMODE(status.st_mode)
        try:
            descriptor = os.open(_bytes(name), _NOFOLLOW, dir_fd=parent)
        except PermissionError as error:
            if mode & 0o111:  # a program that can't be looked at would be judged by nothing
                raise self._unreadable(path, error) from error
            return None, b""
        try:
            head = os.pread(descriptor, _HEAD, 0)
            capabilities = _capabilities(descriptor) if mode & 0o111 else b""
        finally:
            os.close(descriptor)
        kept = self._keep(path, mode, status.st_size, head)
        return HostContent(self._root, path, status.st_size) if kept else None, capabilities

    def _node(
        self,
        status: os.stat_result,
        kind: FileKind,
        *,
        target: str = "",
        capabilities: bytes = b"",
        content: Content | None = None,
    ) -> Node:
        inode = self._inodes.setdefault((status.st_dev, status.st_ino), len(self._inodes))
        size = status.st_size if kind in (FileKind.REGULAR, FileKind.SYMLINK) else 0
        mode = stat.S_IMODE(status.st_mode)
        return Node(kind, mode, status.st_uid, status.st_gid, size, inode, None, target, capabilities, content)

    def _unreadable(self, path: str, error: OSError) -> AuditError:
        return SourceUnavailable(f"{path} can't be read ({error.strerror})", self._root.where, _REMEDY)


def _bytes(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")


def _capabilities(descriptor: int) -> bytes:
    try:
        return os.getxattr(descriptor, "security.capability")
    except OSError as error:
        if error.errno in (errno.ENODATA, errno.ENOTSUP):
            return b""
        raise


def open_source(reference: Reference, options: Options) -> Source:
    """The directory that the reference names."""
    path = reference.path
    assert path is not None
    if not path.exists():
        raise ImageNotFound("no such directory", str(path), "check the path")
    if not path.is_dir():
        raise UnsupportedFormat("is a file, not a directory", str(path), "use docker-archive: or oci-archive:")
    return RootDirectory(path, options)
