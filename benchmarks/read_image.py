"""`python -m benchmarks.read_image ARCHIVE`: reading alone, from each kind of file, beside the floor of its bytes."""

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.plain_debian import plain_debian
from benchmarks.timing import medians, run_pair

BUILD = Path("build/bench")
PORT = 15551
PLAIN = "plain-debian"
READ = (
    "import sys\nfrom auditor.auditing.load import load\n"
    "with load(sys.argv[1]) as image:\n    print(len(image.layers))\n"
)
HASH = """
import hashlib, sys
from pathlib import Path
for path in [Path(sys.argv[1])] if Path(sys.argv[1]).is_file() else Path(sys.argv[1]).glob("blobs/sha256/*"):
    with path.open("rb") as file:
        hashlib.file_digest(file, "sha256")
"""
UNPACK = """
import hashlib, sys
from pathlib import Path
from isal import igzip
import zstandard
for path in Path(sys.argv[1]).glob("blobs/sha256/*"):
    stored, plain = hashlib.sha256(), hashlib.sha256()
    stored.update(path.read_bytes())
    with path.open("rb") as file:
        magic = file.read(4)
        file.seek(0)
        if magic[:2] == b"\\x1f\\x8b":
            reader = igzip.IGzipFile(fileobj=file)
        elif magic == b"\\x28\\xb5\\x2f\\xfd":
            reader = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True)
        else:
            continue
        while data := reader.read(1 << 18):
            plain.update(data)
"""


def main() -> int:
    """One row for each kind of source: reading, its floor, and the ratio."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.read_image", description=__doc__)
    parser.add_argument("archive", type=Path, help="a docker-archive")
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    archive: Path = options.archive
    print(f"{archive.stat().st_size / 1e6:.0f} MB docker-archive, {options.runs} paired runs, medians")
    print(f"{'':16}{'wall s':>8}{'cpu s':>8}{'MiB':>6}{'floor s':>9}{'ratio':>7}")
    row("docker-archive", archive, HASH, options.runs)
    for form in ("gzip", "zstd"):
        row(f"oci-dir {form}", layout(archive, form), UNPACK, options.runs)
    if shutil.which("docker-registry"):
        from_registry(layout(archive, "gzip"), options.runs)
    else:
        print("docker-registry is not installed: not compared")
    return 0


def from_registry(path: Path, runs: int) -> None:
    """The same layout from a registry on loopback, beside the layout itself."""
    with registry_with(path) as name:
        python = [sys.executable, "-c", READ]
        pair = run_pair([*python, f"registry:{name}"], [*python, str(path.resolve())], runs)
    show("registry gzip", medians(pair.first), medians(pair.second)[0], pair.ratio)


@contextmanager
def registry_with(path: Path) -> Iterator[str]:
    """A registry on loopback that holds the layout's image; its name there."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Path(folder) / "config.yml"
        settings.write_text(
            "version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\n"
            f"storage: {{filesystem: {{rootdirectory: {folder}/data}}}}\nhttp: {{addr: 127.0.0.1:{PORT}}}\n"
        )
        server = subprocess.Popen(["docker-registry", "serve", str(settings)], stderr=subprocess.DEVNULL)
        try:
            time.sleep(1)
            name = f"127.0.0.1:{PORT}/bench:it"
            push = ["skopeo", "copy", "-q", "--dest-tls-verify=false", f"oci:{path}:it", f"docker://{name}"]
            subprocess.run(push, check=True)
            yield name
        finally:
            server.terminate()
            server.wait()


def can_be_made(recipe: str) -> bool:
    """Whether this machine has what makes the image; says so where it hasn't."""
    if recipe != PLAIN or shutil.which("mmdebstrap"):
        return True
    print("mmdebstrap can't be had here: its image is left out", file=sys.stderr)
    return False


def image(recipe: str) -> Path:
    """A fixture, or a plain Debian, as a docker-archive."""
    archive = BUILD / f"{recipe}.tar"
    if recipe == PLAIN:
        plain_debian(archive)
    if not archive.exists():
        BUILD.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "fixtures", "build", "--suite", "bookworm", "--recipe", recipe]
        command += ["--format", "docker-archive", "--output", str(archive)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return archive


def layout(archive: Path, form: str) -> Path:
    """The same image as an OCI layout whose layers are compressed."""
    path = BUILD / f"{archive.stem}-{archive.stat().st_size}-{form}"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        command = ["skopeo", "copy", "-q", "--dest-compress-format", form]
        subprocess.run([*command, f"docker-archive:{archive}", f"oci:{path}:it"], check=True)
    return path


def row(name: str, path: Path, floor: str, runs: int) -> None:
    """Measure one kind."""
    python = [sys.executable, "-c"]
    pair = run_pair([*python, READ, str(path.resolve())], [*python, floor, str(path)], runs)
    show(name, medians(pair.first), medians(pair.second)[0], pair.ratio)


def show(name: str, measured: tuple[float, float, float], floor: float, ratio: float) -> None:
    """One line of the table."""
    wall, cpu, peak = measured
    print(f"{name:16}{wall:8.2f}{cpu:8.2f}{peak:6.0f}{floor:9.2f}{ratio:7.2f}")


if __name__ == "__main__":
    sys.exit(main())
