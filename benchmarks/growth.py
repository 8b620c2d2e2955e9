"""How an audit grows: a sound image with 1, 2, 4 and 8 times as much of what images have.

`python -m benchmarks.growth BASE OUT NAME TIMES` writes one such image; it takes as much memory as the image has bytes.
"""

import hashlib
import io
import json
import random
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.timing import medians, run_once

TIMES = (1, 2, 4, 8)
_SLACK, _TOLD_APART = 1.15, 0.1  # what a measurement may be off: a share, and seconds
Files = Iterator[tuple[str, bytes]]


@dataclass(frozen=True)
class Growth:
    """One way to grow: `unit` says what stands for 1, `layers` makes the layers that are put on top."""

    name: str
    unit: str
    layers: Callable[[int], Iterator[Files]]


@dataclass(frozen=True)
class Grown:
    """CPU seconds and peak MiB at nothing added (0) and at each of TIMES."""

    growth: Growth
    cpu: tuple[float, ...]
    peak: tuple[float, ...]

    @property
    def linear(self) -> bool:
        """Whether the last four eighths cost no more than the first four."""
        nothing, four, eight = self.cpu[0], self.cpu[-2], self.cpu[-1]
        return eight - four <= (four - nothing) * _SLACK + _TOLD_APART


def measured(base: Path, runs: int) -> Iterator[Grown]:
    """Each growth of a docker-archive in turn; `runs` audits of each size, medians."""
    for growth in growths(base):
        figures = []
        with tempfile.TemporaryDirectory(prefix="growth-") as scratch:
            archive = Path(scratch) / "image.tar"
            for times in (0, *TIMES):
                # In a process of its own: the peak of a child begins with that of its parent.
                make = [sys.executable, "-m", "benchmarks.growth", str(base), str(archive), growth.name, str(times)]
                subprocess.run(make, check=True)
                audit = [str(Path(sys.executable).with_name("audit-image")), "check", "--no-cache", "-q"]
                timed = [run_once([*audit, f"docker-archive:{archive}"]) for _ in range(runs)]
                assert {run.code for run in timed} == {0}, f"{growth.name} times {times} is not met any more"
                figures.append(medians(timed))
        yield Grown(growth, tuple(cpu for _, cpu, _ in figures), tuple(peak for _, _, peak in figures))


def growths(base: Path) -> tuple[Growth, ...]:
    """Every way; programs are copies of one of the image's, no two of the same bytes."""
    return (
        Growth("layers", "15 layers of a file each", lambda times: _layers(15 * times)),
        Growth("files", "5,000 files of 100 bytes", lambda times: iter([_files(5_000 * times)])),
        Growth("megabytes", "100 MB in ten files", lambda times: iter([_bytes(10 * times)])),
        Growth("programs", "100 programs on PATH", lambda times: iter([_programs(base, 100 * times)])),
        Growth("libraries", "40 libraries of 20 functions, all needed by one program", _libraries),
    )


def main() -> None:
    """Write one image."""
    base, out, name, times = sys.argv[1:]
    growth = next(growth for growth in growths(Path(base)) if growth.name == name)
    put_on(Path(base), Path(out), growth.layers(int(times)))


def put_on(base: Path, out: Path, layers: Iterator[Files]) -> None:
    """Write the docker-archive `base` to `out` with further layers on top."""
    with tarfile.open(base) as old, tarfile.open(out, "w") as new:
        manifest = json.loads(_read(old, "manifest.json"))[0]
        config = json.loads(_read(old, manifest["Config"]))
        for name in manifest["Layers"]:
            _add(new, name, _read(old, name))
        for number, files in enumerate(layers):
            layer = tar_of(files)
            manifest["Layers"].append(f"added-{number}.tar")
            config["rootfs"]["diff_ids"].append(f"sha256:{hashlib.sha256(layer).hexdigest()}")
            config.setdefault("history", []).append({"created_by": f"added {number}"})
            _add(new, f"added-{number}.tar", layer)
        text = json.dumps(config).encode()
        manifest["Config"] = f"{hashlib.sha256(text).hexdigest()}.json"
        _add(new, manifest["Config"], text)
        _add(new, "manifest.json", json.dumps([manifest]).encode())


def _layers(count: int) -> Iterator[Files]:
    for number in range(count):
        yield iter([(f"opt/layer-{number}", b"x")])


def _files(count: int) -> Files:
    for number in range(count):
        yield f"opt/files/{number // 1000}/{number}", f"{number:0100}".encode()


def _bytes(count: int) -> Files:
    chance = random.Random(1)  # noqa: S311 - not for secrets
    for number in range(count):
        yield f"opt/large/{number}", chance.randbytes(10_000_000)


def _programs(base: Path, count: int) -> Files:
    with tarfile.open(base) as archive:
        found = next(
            content
            for name in json.loads(_read(archive, "manifest.json"))[0]["Layers"]
            if (content := _inside(_read(archive, name), "usr/sbin/conntrack"))
        )
    for number in range(count):
        yield f"usr/local/bin/program-{number}", found + str(number).encode()


def _libraries(times: int) -> Iterator[Files]:
    count = 40 * times
    with tempfile.TemporaryDirectory(prefix="libraries-") as scratch:
        folder = Path(scratch)
        (folder / "library.c").write_text("".join(f"int F({at})(void) {{ return {at}; }}\n" for at in range(20)))
        names = [f"libgrown{number}.so.1" for number in range(count)]
        for number, name in enumerate(names):
            _gcc(folder, "-shared", "-fPIC", f"-DF(n)=f{number}_##n", f"-Wl,-soname,{name}", "-o", name, "library.c")
        calls = [f"f{number}_{at}" for number in range(count) for at in range(20)]
        (folder / "program.c").write_text(
            "".join(f"int {call}(void);\n" for call in calls)
            + f"int main(void) {{ return {'+'.join(f'{call}()' for call in calls) or 0}; }}\n"
        )
        _gcc(folder, "-o", "program", "program.c", *names)
        yield iter(
            [("usr/local/bin/program", (folder / "program").read_bytes())]
            + [(f"usr/lib/x86_64-linux-gnu/{name}", (folder / name).read_bytes()) for name in names]
        )


def _gcc(folder: Path, *arguments: str) -> None:
    subprocess.run(["gcc", "-O0", "-w", *arguments], cwd=folder, check=True)


def _read(archive: tarfile.TarFile, name: str) -> bytes:
    file = archive.extractfile(name)
    assert file is not None
    return file.read()


def _inside(layer: bytes, path: str) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(layer)) as archive:
        return _read(archive, path) if path in archive.getnames() else b""


def tar_of(files: Files) -> bytes:
    """A layer of executable files: path and content each."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, content in files:
            _add(archive, name, content)
    return out.getvalue()


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), 0o755
    archive.addfile(entry, io.BytesIO(content))


def table(grown: Sequence[Grown]) -> list[str]:
    """Rows of Markdown: CPU seconds at each size, and whether they grow with it."""
    head = " | ".join(f"× {times}" for times in TIMES)
    lines = [
        f"| what grows | × 1 is | nothing added | {head} | linear | MiB at × 8 |",
        f"|--|--|--|{'--|' * len(TIMES)}--|--|",
    ]
    for one in grown:
        seconds = " | ".join(f"{cpu:.2f}" for cpu in one.cpu)
        told = "yes" if one.linear else "worse"
        lines.append(f"| {one.growth.name} | {one.growth.unit} | {seconds} | {told} | {one.peak[-1]:.0f} |")
    return lines


def chart(grown: Sequence[Grown]) -> list[str]:
    """The same as a picture, in mermaid's words."""
    most = max(cpu for one in grown for cpu in one.cpu)
    lines = ["```mermaid", "xychart-beta", f'  title "CPU seconds: {", ".join(one.growth.name for one in grown)}"']
    lines += [f"  x-axis [{', '.join(map(str, (0, *TIMES)))}]", f'  y-axis "s" 0 --> {most:.1f}']
    lines += [f"  line [{', '.join(f'{cpu:.2f}' for cpu in one.cpu)}]" for one in grown]
    return [*lines, "```"]


if __name__ == "__main__":
    main()
