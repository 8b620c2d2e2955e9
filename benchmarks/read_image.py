"""`python -m benchmarks.read_image ARCHIVE`: reading alone, from each kind of file, beside the floor of its bytes."""

import argparse
import subprocess
import sys
from pathlib import Path

from benchmarks.timing import medians, run_pair

BUILD = Path("build/bench")
READ = "import sys\nfrom auditor.image import load\nwith load(sys.argv[1]) as image:\n    print(len(image.layers))\n"
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
    return 0


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
    wall, cpu, peak = medians(pair.first)
    print(f"{name:16}{wall:8.2f}{cpu:8.2f}{peak:6.0f}{medians(pair.second)[0]:9.2f}{pair.ratio:7.2f}")


if __name__ == "__main__":
    sys.exit(main())
