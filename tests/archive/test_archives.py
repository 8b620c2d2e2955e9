"""Packages of every kind, made by the distributions' own tools, and broken archives."""

import io
import random
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from auditor.archive.ar import read_ar
from auditor.archive.cpio import read_cpio
from auditor.archive.members import read_tar
from auditor.archive.stream import Stream, bounded
from auditor.errors import AuditError, CorruptImage, LimitExceeded, UnsupportedFormat, UsageError
from auditor.kernel.model import FeatureNeed, Presence, Replacement
from auditor.kernel.read import read_kernels
from auditor.kernel.source.open import open_source
from tests.kernel.made import RELEASE, ask, config, need, one, tree

LONG = "usr/share/" + "/".join(["a-folder-with-a-long-name"] * 3)  # as long as ustar can have it for a link
LONGER = "usr/share/" + "/".join(["a-folder-with-a-long-name"] * 12)


def stream(data: bytes, limit: int = 1 << 30) -> Stream:
    pieces = (data[start : start + 1000] for start in range(0, len(data), 1000))
    return Stream(bounded(pieces, limit, "x"))


class TestTar:
    def archive(self, form: int, folder: str = LONG) -> bytes:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
            for name in ("./lib/a", f"{folder}/b", "c", "empty"):
                info = tarfile.TarInfo(name)
                info.size = 0 if name == "empty" else 700
                archive.addfile(info, io.BytesIO(name.encode().ljust(700)))
            for name, kind, target in (("link", tarfile.SYMTYPE, f"{folder}/b"), ("folder", tarfile.DIRTYPE, "")):
                info = tarfile.TarInfo(name)
                info.type, info.linkname = kind, target
                archive.addfile(info)
            hard = tarfile.TarInfo("hard")
            hard.type, hard.linkname = tarfile.LNKTYPE, f"{folder}/b"
            archive.addfile(hard)
        return buffer.getvalue()

    @pytest.mark.parametrize(
        ("form", "folder"),
        [(tarfile.USTAR_FORMAT, LONG), (tarfile.GNU_FORMAT, LONGER), (tarfile.PAX_FORMAT, LONGER)],
    )
    def test_every_form(self, form: int, folder: str) -> None:
        data = self.archive(form, folder)
        members = list(read_tar(stream(data), lambda path, _: path != "c", "x"))
        assert [(member.path, member.size) for member in members] == [
            ("lib/a", 700),
            (f"{folder}/b", 700),
            ("c", 700),
            ("empty", 0),
            ("hard", 0),
        ]
        assert members[0].data == b"./lib/a".ljust(700)
        assert members[1].data == members[4].data == f"{folder}/b".encode().ljust(700)
        assert members[2].data is None

    def test_every_cut_is_told(self) -> None:
        data = self.archive(tarfile.PAX_FORMAT)
        end = len(data.rstrip(b"\0")) // 512 * 512
        for length in range(0, end, 101):
            with pytest.raises(CorruptImage):
                list(read_tar(stream(data[:length]), lambda *_: True, "x"))

    def test_flipped_bytes_never_end_in_a_traceback(self) -> None:
        random.seed(1)
        data = self.archive(tarfile.PAX_FORMAT)
        for _ in range(1500):
            broken = bytearray(data)
            for _ in range(random.randint(1, 3)):
                broken[random.randrange(len(broken))] = random.randrange(256)
            try:
                list(read_tar(stream(bytes(broken), 1 << 20), lambda *_: True, "x"))
            except AuditError:
                continue

    def test_too_much(self) -> None:
        with pytest.raises(LimitExceeded):
            list(read_tar(stream(self.archive(tarfile.GNU_FORMAT), 2000), lambda *_: True, "x"))


class TestAr:
    @pytest.mark.parametrize(
        "data", [b"", b"!<arch>\n" + b"x" * 30, b"!<arch>\n" + b"a".ljust(48) + b"99        `\n", b"PK\3\4"]
    )
    def test_broken(self, data: bytes) -> None:
        with pytest.raises(CorruptImage):
            read_ar(io.BytesIO(data), "x")


def cpio(*members: tuple[str, bytes, int, int], magic: bytes = b"070701") -> bytes:
    """(path, data, inode, links), all regular files."""
    parts = []
    for path, data, inode, links in (*members, ("TRAILER!!!", b"", 0, 1)):
        name = path.encode() + b"\0"
        mode = 0o100644 if path != "TRAILER!!!" else 0
        fields = (inode, mode, 0, 0, links, 0, len(data), 0, 0, 0, 0, len(name), 0)
        entry = magic + b"".join(b"%08x" % field for field in fields) + name
        entry += bytes(-len(entry) % 4)
        parts.append(entry + data + bytes(-len(data) % 4))
    return b"".join(parts)


class TestCpio:
    def test_hard_links_share_what_the_last_one_carries(self) -> None:
        data = cpio(("./a", b"", 7, 2), ("./b", b"other", 8, 1), ("./c", b"shared", 7, 2))
        members = list(read_cpio(stream(data), lambda *_: True, "x"))
        assert {member.path: member.data for member in members} == {"a": b"shared", "b": b"other", "c": b"shared"}

    def test_cut_or_broken(self) -> None:
        data = cpio(("./a", b"0123456789", 1, 1))
        for length in range(0, len(data) - 4, 7):
            with pytest.raises(CorruptImage):
                list(read_cpio(stream(data[:length]), lambda *_: True, "x"))
        random.seed(2)
        for _ in range(1000):
            broken = bytearray(data)
            broken[random.randrange(len(broken))] = random.randrange(256)
            try:
                list(read_cpio(stream(bytes(broken)), lambda *_: True, "x"))
            except AuditError:
                continue

    def test_the_stripped_form_is_not_guessed_at(self) -> None:
        with pytest.raises(UnsupportedFormat, match="version 6"):
            list(read_cpio(stream(b"07070X00000000"), lambda *_: True, "x"))


def kernel_root(tmp_path: Path, prefix: str = "") -> Path:
    """A root file system with one kernel: a module under net, one it depends on elsewhere, and a config."""
    root = tmp_path / "root"
    trees = root / prefix / "lib/modules"
    tree(trees, {"xt_set": ("alias=ipt_set", "depends=ip_set,far")}, order=["ip_set", "far"])
    (trees / RELEASE / "kernel/drivers").mkdir()
    other = tree(tmp_path / "other", {"ip_set": (), "far": ()})
    shutil.copy(other / "kernel/net/ip_set.ko", trees / RELEASE / "kernel/net")
    shutil.copy(other / "kernel/net/far.ko", trees / RELEASE / "kernel/drivers")
    (root / "boot").mkdir()
    config(root / "boot", "X86_64=y", 'MODPROBE_PATH="/usr/sbin/modprobe"')
    return root


def check(path: Path) -> None:
    asked = need("ipt_set", "NETFILTER_XT_SET", replaced_by=(Replacement("xt_set"),))
    kernel = one([path], FeatureNeed("f", (asked, need("xt_set"))))
    alias, module = kernel.features[0].modules
    assert (alias.presence, alias.provider) == (Presence.ALIAS, "xt_set")
    assert module.presence is Presence.MODULE
    assert module.path.endswith(f"lib/modules/{RELEASE}/kernel/net/xt_set.ko")
    assert (kernel.release, kernel.architecture, kernel.modprobe_path) == (RELEASE, "amd64", "/usr/sbin/modprobe")
    assert kernel.sources[0].holds == ("modules", "module lists", "config")


class TestDeb:
    def build(self, tmp_path: Path, root: Path, *options: str) -> Path:
        (root / "DEBIAN").mkdir(exist_ok=True)
        (root / "DEBIAN/control").write_text(
            "Package: linux-image\nVersion: 1\nArchitecture: amd64\nMaintainer: nobody <n@example.org>\n"
            "Description: a kernel\n of a few files\n"
        )
        command = ["dpkg-deb", *options, "--root-owner-group", "--build", str(root), str(tmp_path / "kernel.deb")]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if "unknown compression type" in done.stderr:  # zstd, to dpkg-deb of before 1.21.18
            pytest.skip(done.stderr.strip().splitlines()[0])
        assert done.returncode == 0, done.stderr
        return tmp_path / "kernel.deb"

    @pytest.mark.parametrize("options", [["-Zxz"], ["-Zgzip"], ["-Zzstd"], ["-Znone", "--no-uniform-compression"]])
    @pytest.mark.parametrize("prefix", ["", "usr"])
    def test_every_compression(self, tmp_path: Path, options: list[str], prefix: str) -> None:
        check(self.build(tmp_path, kernel_root(tmp_path, prefix), *options))

    def test_cut_at_any_place(self, tmp_path: Path) -> None:
        data = self.build(tmp_path, kernel_root(tmp_path)).read_bytes()
        for length in range(8, len(data), len(data) // 40):
            cut = tmp_path / "cut.deb"
            cut.write_bytes(data[:length])
            with pytest.raises(CorruptImage) as caught:
                ask([cut], need("xt_set"))
            assert str(caught.value).startswith(str(cut))

    def test_a_package_is_not_an_installed_tree_even_with_modules_dep(self, tmp_path: Path) -> None:
        tree(tmp_path / "root/lib/modules", {"a": ()}, order=["b"], installed=True)
        (answer,) = ask([self.build(tmp_path, tmp_path / "root")], need("b"))
        assert answer.presence is Presence.UNKNOWN

    def test_no_kernel_in_it(self, tmp_path: Path) -> None:
        (tmp_path / "root/usr/share/doc").mkdir(parents=True)
        with pytest.raises(UsageError, match="nothing of a kernel"):
            ask([self.build(tmp_path, tmp_path / "root")], need("xt_set"))

    def test_the_same_release_of_two_architectures_is_two_kernels(self, tmp_path: Path) -> None:
        paths = []
        for architecture in ("amd64", "arm64"):
            folder = tmp_path / architecture
            root = folder / "root"
            tree(root / "lib/modules", {"xt_set": ()})
            (root / "DEBIAN").mkdir(parents=True)
            (root / "DEBIAN/control").write_text(
                f"Package: k\nVersion: 1\nArchitecture: {architecture}\nMaintainer: n <n@example.org>\nDescription: k\n"
            )
            subprocess.run(["dpkg-deb", "-b", str(root), str(folder / "k.deb")], check=True, capture_output=True)
            paths.append(folder / "k.deb")
        kernels = read_kernels([open_source(path) for path in paths], [])
        assert [(kernel.release, kernel.architecture) for kernel in kernels] == [(RELEASE, "amd64"), (RELEASE, "arm64")]
        lists = tree(tmp_path / "lists", {}, order=["xt_set"])
        with pytest.raises(UsageError, match="may belong to the amd64 or the arm64 kernel"):
            read_kernels([open_source(path) for path in (*paths, lists)], [])


class TestRpm:
    def build(self, tmp_path: Path, payload: str) -> Path:
        if shutil.which("rpmbuild") is None:
            pytest.skip("rpmbuild is not installed (Debian package rpm)")
        root = kernel_root(tmp_path)
        spec = tmp_path / "kernel.spec"
        spec.write_text(
            "Name: kernel-core\nVersion: 6.1.0\nRelease: 9\nSummary: a kernel\nLicense: GPL-2.0\n"
            "%description\na kernel\n%install\n"
            f"mkdir -p %{{buildroot}}\ncp -r {root}/* %{{buildroot}}/\n%files\n/lib/modules/*\n/boot/*\n"
        )
        defines = {
            "_topdir": str(tmp_path / "rpm"),
            "_binary_payload": payload,
            "__os_install_post": "%{nil}",
            "_build_id_links": "none",
            "__spec_install_post": "%{nil}",
            "debug_package": "%{nil}",
            "__find_provides": "%{nil}",
            "__find_requires": "%{nil}",
            "_use_internal_dependency_generator": "0",
        }
        options = [part for key, value in defines.items() for part in ("--define", f"{key} {value}")]
        command = ["rpmbuild", "-bb", "--target", "x86_64-linux", "--dbpath", str(tmp_path / "db"), *options, str(spec)]
        subprocess.run(command, capture_output=True, check=True)
        (made,) = tmp_path.glob("rpm/RPMS/*/*.rpm")
        return made

    @pytest.mark.parametrize("payload", ["w9.gzdio", "w6.xzdio", "w3.zstdio", "w9.bzdio", "w6.lzdio", "w.ufdio"])
    def test_every_payload(self, tmp_path: Path, payload: str) -> None:
        check(self.build(tmp_path, payload))

    def test_cut_at_any_place(self, tmp_path: Path) -> None:
        data = self.build(tmp_path, "w6.xzdio").read_bytes()
        for length in range(8, len(data), len(data) // 40):
            cut = tmp_path / "cut.rpm"
            cut.write_bytes(data[:length])
            with pytest.raises(CorruptImage) as caught:
                ask([cut], need("xt_set"))
            assert str(caught.value).startswith(str(cut))
