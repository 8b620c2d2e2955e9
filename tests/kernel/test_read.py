"""A kernel's other properties, and where sources are found."""

import gzip
from pathlib import Path

import pytest

from auditor.errors import AuditError, CorruptImage, ImageNotFound, LimitExceeded, UsageError
from auditor.filetree import FileKind, FileTree, Found, LookupFault, Node, Removal
from auditor.kernel.model import FeatureNeed, Presence
from auditor.kernel.read import read_kernels
from auditor.kernel.source.directory import DirectorySource
from auditor.kernel.source.imagetree import ImageSource, is_kernel_path
from auditor.kernel.source.open import open_source
from fixtures.contents import Bytes
from tests.kernel.made import HEADER, RELEASE, ask, config, need, one, tree


class TestModprobePath:
    def path(self, tmp_path: Path, *lines: str, version: str = "6.1.27") -> str | None:
        header = HEADER.replace("6.1.27", version)
        return one([config(tmp_path, *lines, header=header, name=f"config-{version}-x")]).modprobe_path

    def test_from_the_config(self, tmp_path: Path) -> None:
        assert self.path(tmp_path, "MODULES=y", 'MODPROBE_PATH="/usr/bin/modprobe"') == "/usr/bin/modprobe"

    def test_fixed_in_old_kernels(self, tmp_path: Path) -> None:
        assert self.path(tmp_path, "MODULES=y", version="5.10.223") == "/sbin/modprobe"

    def test_never_without_modules(self, tmp_path: Path) -> None:
        assert self.path(tmp_path, "MODULES") == ""
        assert self.path(tmp_path, "MODULES=y", 'MODPROBE_PATH=""') == ""

    def test_unknown(self, tmp_path: Path) -> None:
        assert self.path(tmp_path, "MODULES=y") is None
        kernel = one([tree(tmp_path, {})])
        assert (kernel.modprobe_path, kernel.modprobe_reason) == (None, "no source holds the kernel's config")


@pytest.mark.parametrize(
    ("lines", "expected", "decompresses"),
    [
        (("# x",), "", False),
        (("MODULE_COMPRESS_NONE=y", "MODULE_COMPRESS_XZ"), "", False),
        (("MODULE_COMPRESS_XZ=y", "MODULE_DECOMPRESS=y"), "xz", True),
        (("MODULE_COMPRESS=y", "MODULE_COMPRESS_ZSTD=y", "MODULE_COMPRESS_ALL=y"), "zst", False),
        (("MODULE_COMPRESS=y", "MODULE_COMPRESS_ZSTD=y", "MODULE_COMPRESS_ALL"), "", False),
        (("MODULE_COMPRESS=y", "MODULE_COMPRESS_GZIP=y"), "gz", False),
        (("MODULE_COMPRESS",), "", False),
    ],
)
def test_compression(tmp_path: Path, lines: tuple[str, ...], expected: str, decompresses: bool) -> None:
    kernel = one([config(tmp_path, "NET=y", *(line for line in lines if not line.startswith("#")))])
    assert (kernel.compression_config, kernel.decompresses) == (expected, decompresses)


def test_compression_of_the_files(tmp_path: Path) -> None:
    root = tree(tmp_path, {"a": (), "b": ()}, kind="zst")
    (root / "kernel/net/c.ko").write_bytes(b"")
    kernel = one([root])
    assert kernel.module_compression == ("zst", "")
    assert (kernel.compression_config, kernel.decompresses) == (None, None)


class TestPlaces:
    """Where in a folder or image the kernels are looked for."""

    def test_a_root_file_system_with_two_kernels(self, tmp_path: Path) -> None:
        tree(tmp_path / "usr/lib/modules", {"a": ()}, release="5.10.0-1")
        tree(tmp_path / "usr/lib/modules", {"a": ()}, release="6.1.0-1")
        (tmp_path / "lib").symlink_to("usr/lib")
        (tmp_path / "boot").mkdir()
        config(tmp_path / "boot", "A=y", name="config-6.1.0-1")
        kernels = read_kernels([open_source(tmp_path)], [FeatureNeed("f", (need("a"),))])
        assert [(kernel.release, kernel.sources[0].holds[-1]) for kernel in kernels] == [
            ("6.1.0-1", "config"),
            ("5.10.0-1", "module lists"),
        ]

    def test_a_link_of_the_root_does_not_lead_out_of_it(self, tmp_path: Path) -> None:
        tree(tmp_path / "outside/modules", {"a": ()})
        (tmp_path / "root").mkdir()
        (tmp_path / "root/lib").symlink_to(tmp_path / "outside")
        with pytest.raises(UsageError, match="no kernel in this folder"):
            read_kernels([open_source(tmp_path / "root")], [])

    def test_a_folder_of_trees(self, tmp_path: Path) -> None:
        tree(tmp_path, {"a": ()})
        (tmp_path / "6.6.6").mkdir()  # left over, with nothing in it
        assert [kernel.release for kernel in read_kernels([open_source(tmp_path)], [])] == [RELEASE]

    def test_a_tree_of_another_name_tells_its_release(self, tmp_path: Path) -> None:
        root = tree(tmp_path, {"a": ()}, kind="gz").rename(tmp_path / "modules-to-ship")
        assert one([root]).release == RELEASE
        (root / "kernel/net/a.ko.gz").unlink()
        with pytest.raises(UsageError, match="name the folder"):
            one([root])

    def test_links_of_a_tree(self, tmp_path: Path) -> None:
        root = tree(tmp_path, {"a": ()})
        (root / "build").symlink_to("/")
        (root / "weak-updates").mkdir()
        (root / "weak-updates/b.ko").symlink_to("../kernel/net/a.ko")
        (root / "kernel/net/c.ko").symlink_to("/dev/zero")
        (root / "kernel/net/d.ko").symlink_to("nowhere")
        presence = [answer.presence for answer in ask([root], need("a"), need("b"), need("c"), need("d"))]
        assert presence == [Presence.MODULE, Presence.MODULE, Presence.UNKNOWN, Presence.UNKNOWN]

    def test_depmod_prefers_updates(self, tmp_path: Path) -> None:
        root = tree(tmp_path, {"a": ()})
        (root / "updates").mkdir()
        (root / "updates/a.ko").write_bytes((root / "kernel/net/a.ko").read_bytes())
        assert ask([root], need("a"))[0].path == str(root / "updates/a.ko")

    def test_names_of_configs(self, tmp_path: Path) -> None:
        plain = config(tmp_path, "A=y")
        packed = tmp_path / f"config-{RELEASE}.gz"
        packed.write_bytes(gzip.compress(plain.read_bytes()))
        assert one([packed]).release == one([plain]).release == RELEASE
        unnamed = config(tmp_path, "A=y", name="my.config")
        assert one([unnamed]).release == "6.1.27"
        (tmp_path / "modules" / RELEASE).mkdir(parents=True)
        assert one([config(tmp_path / "modules" / RELEASE, "A=y", name="config")]).release == RELEASE

    def test_an_unnamed_config_of_no_version(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="name the file config-RELEASE"):
            one([config(tmp_path, "A=y", header="", name="my.config")])

    def test_a_config_of_another_kernel(self, tmp_path: Path) -> None:
        with pytest.raises(CorruptImage, match=r"a config of Linux 6\.1\.27, not of 5\.10\.0-1"):
            one([config(tmp_path, "A=y", name="config-5.10.0-1")])


class TestErrors:
    def test_no_such_file(self, tmp_path: Path) -> None:
        with pytest.raises(ImageNotFound) as caught:
            open_source(tmp_path / "none")
        assert str(caught.value) == f"{tmp_path}/none: there is no such file; check the path"

    def test_a_device(self) -> None:
        with pytest.raises(AuditError):
            open_source(Path("/dev/zero"))

    @pytest.mark.parametrize("data", [b"", b"\x7fELF", b"\xfd7zXZ\0broken"])
    @pytest.mark.parametrize("suffix", ["", ".xz"])
    def test_a_broken_module(self, tmp_path: Path, data: bytes, suffix: str) -> None:
        root = tree(tmp_path, {})
        (root / f"kernel/net/xt_set.ko{suffix}").write_bytes(data)
        with pytest.raises(CorruptImage) as caught:
            ask([root], need("xt_set"))
        assert str(root / "kernel/net/xt_set.ko") in str(caught.value)

    def test_what_is_not_needed_is_not_read(self, tmp_path: Path) -> None:
        root = tree(tmp_path, {"a": ()})
        (root / "kernel/net/broken.ko.xz").write_bytes(b"broken")
        assert ask([root], need("a"))[0].presence is Presence.MODULE

    def test_a_circle_of_dependencies(self, tmp_path: Path) -> None:
        root = tree(tmp_path, {"a": ("depends=b",), "b": ("depends=c",), "c": ("depends=a",)})
        assert ask([root], need("a"))[0].presence is Presence.MODULE

    def test_a_list_that_is_too_large(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("auditor.kernel.evidence._LIST_LIMIT", 10)
        root = tree(tmp_path, {"a": ()}, installed=True)
        with pytest.raises(LimitExceeded):
            ask([root], need("a"))


class FolderTree:
    """A folder as if it were an image; links are followed in it for paths and nothing else."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()

    def find(self, path: str) -> Found:
        place = (self._root / path.lstrip("/")).resolve()
        if not place.is_relative_to(self._root) or not place.exists():
            return Found(path, None, fault=LookupFault.MISSING)
        return Found("/" + str(place.relative_to(self._root)).lstrip("."), self._node(place))

    def lstat(self, path: str) -> Node | None:
        place = self._root / path.lstrip("/")
        return self._node(place) if place.is_symlink() or place.exists() else None

    def listdir(self, path: str) -> tuple[str, ...]:
        place = (self._root / path.lstrip("/")).resolve()
        inside = place.is_relative_to(self._root) and place.is_dir()
        return tuple(sorted(entry.name for entry in place.iterdir())) if inside else ()

    def walk(self) -> "object":
        raise NotImplementedError

    def removals(self, name: str) -> tuple[Removal, ...]:
        raise NotImplementedError

    def _node(self, place: Path) -> Node:
        if place.is_symlink():
            return Node(FileKind.SYMLINK, 0o777, 0, 0, 0, 1, 0, target=str(place.readlink()))
        if place.is_dir():
            return Node(FileKind.DIRECTORY, 0o755, 0, 0, 0, 1, 0)
        data = place.read_bytes()
        return Node(FileKind.REGULAR, 0o644, 0, 0, len(data), 1, 0, content=Bytes(data))


class TestImage:
    def image(self, tmp_path: Path) -> FileTree:
        tree(tmp_path / "usr/lib/modules", {"xt_set": ("alias=ipt_set",)}, installed=True)
        (tmp_path / "lib").symlink_to("usr/lib")
        (tmp_path / "boot").mkdir()
        config(tmp_path / "boot", "X86_64=y")
        return FolderTree(tmp_path)  # type: ignore[return-value]

    def test_the_whole_image(self, tmp_path: Path) -> None:
        source = ImageSource(self.image(tmp_path), "some/image:1")
        kernel = one([source], FeatureNeed("f", (need("ipt_set"),)))
        (answer,) = kernel.features[0].modules
        assert (answer.presence, answer.provider) == (Presence.ALIAS, "xt_set")
        assert answer.path == f"/usr/lib/modules/{RELEASE}/kernel/net/xt_set.ko"
        assert (kernel.architecture, kernel.sources[0].label) == ("amd64", "some/image:1")
        assert kernel.sources[0].holds == ("modules", "module lists", "config")

    def test_one_tree_of_it(self, tmp_path: Path) -> None:
        source = ImageSource(self.image(tmp_path), "some/image:1", f"/lib/modules/{RELEASE}")
        kernel = one([source])
        assert kernel.sources[0].label == f"some/image:1:/lib/modules/{RELEASE}"
        assert kernel.sources[0].holds == ("modules", "module lists")

    def test_what_to_keep_of_an_image(self) -> None:
        kept = [
            "/usr/lib/modules/6.1/kernel/a.ko",
            "lib/modules/6.1/modules.dep",
            "/boot/config-6.1",
            "boot/vmlinuz-6.1",
        ]
        assert all(map(is_kernel_path, kept))
        left = ["/usr/lib/module/a", "/boot/grub/grub.cfg", "/boot/System.map-6.1", "/srv/lib/modules/6.1/a.ko"]
        assert not any(map(is_kernel_path, left))

    def test_an_image_without_a_kernel(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="no kernel in the image"):
            one([ImageSource(FolderTree(tmp_path), "some/image:1")])  # type: ignore[arg-type]


def test_sources_are_values(tmp_path: Path) -> None:
    assert DirectorySource(tmp_path) == DirectorySource(tmp_path)
