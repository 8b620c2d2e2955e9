"""Files that their packager exempts from verification: what `rpm -V` is silent about is no change of a file."""

import subprocess
from pathlib import Path

import pytest

from auditor.packages import Verdict, read_packages, verify
from tests.packages.rpm_files import needs
from tests.packages.trees import DirectoryTree

SPEC = """\
Name: sample
Version: 1
Release: 1
Summary: a package
License: GPL-2.0
BuildArch: noarch
%description
a package
%install
mkdir -p %{buildroot}/usr/share/s
for name in plain config state owner ghost size; do echo "first $name" >%{buildroot}/usr/share/s/$name; done
ln -s plain %{buildroot}/usr/share/s/link
ln -s plain %{buildroot}/usr/share/s/freelink
%files
/usr/share/s/plain
%config /usr/share/s/config
%verify(not md5 size mtime) /usr/share/s/state
%verify(not owner group) /usr/share/s/owner
%verify(not size) /usr/share/s/size
%ghost /usr/share/s/ghost
/usr/share/s/link
%verify(not link) /usr/share/s/freelink
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root with the package installed by rpm, and then every file of it changed."""
    needs("rpm", "rpmbuild")
    place = tmp_path_factory.mktemp("verify")
    (place / "s.spec").write_text(SPEC)
    subprocess.run(
        ["rpmbuild", "-bb", "--define", f"_topdir {place}/rpm", "--dbpath", f"{place}/none", f"{place}/s.spec"],
        check=True,
        capture_output=True,
    )
    (package,) = place.glob("rpm/RPMS/*/*.rpm")
    root = place / "root"
    (root / "var/lib/rpm").mkdir(parents=True)
    command = ["rpm", "--dbpath", f"{root}/var/lib/rpm", "--relocate", f"/={root}", "--badreloc", "--nodeps", "-i"]
    done = subprocess.run([*command, "--nosignature", str(package)], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"rpm can't install here: {done.stderr.strip()}")
    files = root / "usr/share/s"
    for name in ("plain", "config", "state", "owner", "ghost", "size"):
        (files / name).write_text(f"other {name}")
    for name in ("link", "freelink"):
        (files / name).unlink()
        (files / name).symlink_to("config")
    return root


def test_what_rpm_is_silent_about_is_exempt(root: Path) -> None:
    said = subprocess.run(
        ["rpm", "--dbpath", f"{root}/var/lib/rpm", "-V", "sample"], capture_output=True, text=True, check=False
    ).stdout
    changed = {line.rpartition("/")[2] for line in said.splitlines() if {"5", "L"} & set(line[:9])}
    tree = DirectoryTree(root)
    packages = read_packages(tree)
    (package,) = packages.packages
    prefix = str(root)
    found = set()
    for owned in packages.files(package):
        node = tree.lstat(owned.path.removeprefix(prefix))
        if node is not None and not owned.exempt and verify(owned, node) is Verdict.CHANGED:
            found.add(owned.path.rpartition("/")[2])
    assert changed == {"plain", "config", "owner", "size", "link"}
    assert found == changed
    assert {owned.path.rpartition("/")[2] for owned in packages.files(package) if owned.configuration} == {"config"}
