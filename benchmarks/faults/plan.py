"""Every fault: a name, and a trial that says what was wrong."""

import errno
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from auditor.cache.shelf import FOLDER
from benchmarks.faults.bench import Bench, Done, write_image
from tests.image.build import Layout
from tests.image.misbehaving import Answer, Asked, Server, serving

# What each class of calls fails with.
_ERRORS = {
    "open": ("EIO", "EMFILE", "EACCES"),
    "read": ("EIO",),
    "write": ("ENOSPC", "EIO"),
    "close": ("EIO",),
    "mmap": ("ENOMEM",),
    "rename": ("EACCES",),
    "unlink": ("EACCES",),
    "fsync": ("EIO",),
    "socket": ("EMFILE",),
    "connect": ("ECONNREFUSED", "ETIMEDOUT"),
}
_STEP = 0.05  # seconds between two signals


@dataclass(frozen=True)
class Fault:
    """One fault. `trial` answers "" where all is well."""

    name: str
    trial: Callable[[], str]


def faults(bench: Bench, most: int, *, signals: bool = True) -> Iterator[Fault]:
    """All of them; of each kind of call at most `most` places, evenly spread."""
    yield from calls(bench, most)
    yield from full_disks(bench, most)
    yield from clocks(bench)
    yield from folders(bench)
    yield from registries(bench, most)
    yield Fault("ten at once", partial(ten_at_once, bench))
    if signals:
        yield from signalled(bench)
        yield from replaced(bench, most)


def counts(bench: Bench, reference: str = "", **settings: str) -> dict[str, int]:
    """How often a run calls each."""
    file = bench.folder / "counts"
    bench.audit({"FAULT_COUNTS": str(file), **settings}, reference=reference)
    return {name: int(number) for name, number in map(str.split, file.read_text().splitlines())}


def spread(count: int, most: int) -> list[int]:
    """At most so many of 1 to count, the last ones all: what is ours comes after Python's own."""
    step = max(1, count // max(1, most))
    return sorted({*range(1, count + 1, step), *range(max(1, count - most // 2), count + 1)})


def calls(bench: Bench, most: int) -> Iterator[Fault]:
    """Each kind of call fails once, at places all over the run, without a cache and with one in each of its states."""
    for state, settings in _STATES.items():
        found = counts(bench, **settings(bench))
        for call, errors in _ERRORS.items():
            for number in spread(found[call], most):
                name = errors[number % len(errors)]
                chosen = {"FAULT_CALL": call, "FAULT_NTH": str(number), "FAULT_ERRNO": str(getattr(errno, name))}
                told = f"{call} {number} of {found[call]}: {name}{state}"
                yield Fault(told, partial(_called, bench, chosen, call, settings))


def _uncached(_: Bench) -> dict[str, str]:
    return {}


def _warm(bench: Bench) -> dict[str, str]:
    return {"AUDIT_IMAGE_CACHE_DIR": str(bench.folder / "cache")}


def _empty(bench: Bench) -> dict[str, str]:
    folder = bench.folder / "another-cache"
    shutil.rmtree(folder, ignore_errors=True)
    return {"AUDIT_IMAGE_CACHE_DIR": str(folder)}


def _of_layers(bench: Bench) -> dict[str, str]:
    settings = _empty(bench)
    folder = Path(settings["AUDIT_IMAGE_CACHE_DIR"])
    folder.mkdir(mode=0o700)
    shutil.copytree(bench.folder / "cache" / FOLDER, folder / FOLDER)
    return settings


_STATES: dict[str, Callable[[Bench], dict[str, str]]] = {
    "": _uncached,
    ", with a cache": _warm,
    ", with an empty cache": _empty,
    ", with a cache of layers alone": _of_layers,
}


def _called(
    bench: Bench, chosen: dict[str, str], call: str, settings: Callable[[Bench], dict[str, str]] = _uncached
) -> str:
    return bench.wrong(
        bench.audit({**settings(bench), **chosen}), mute=call == "write", leaves=call == "unlink", dies=call == "mmap"
    )


def full_disks(bench: Bench, most: int) -> Iterator[Fault]:
    """From some write on there is no room."""
    found = counts(bench)["write"]
    for number in spread(found, most):
        chosen = {
            "FAULT_CALL": "write", "FAULT_NTH": str(number), "FAULT_STICKY": "1", "FAULT_ERRNO": str(errno.ENOSPC),
        }  # fmt: skip
        yield Fault(f"a full disk from write {number} of {found} on", partial(_called, bench, chosen, "write"))


def clocks(bench: Bench) -> Iterator[Fault]:
    """The time of day jumps."""
    for years in (-60, -10, -1, 1, 15):
        for number in (1, 2):
            chosen = {"FAULT_CALL": "clock", "FAULT_NTH": str(number), "FAULT_CLOCK": str(years * 31_556_952)}
            for sticky in "01":
                yield Fault(
                    f"the clock is {years} years off at look {number}{' and after' if sticky == '1' else ''}",
                    partial(_called, bench, {**chosen, "FAULT_STICKY": sticky}, "clock"),
                )


def folders(bench: Bench) -> Iterator[Fault]:
    """Folders that nothing can be made in, and folders that are gone."""
    for name in ("tmp", "out", "cache"):
        chosen = {"FAULT_READONLY": str(bench.folder / name), "AUDIT_IMAGE_CACHE_DIR": str(bench.folder / "cache")}
        yield Fault(f"{name} is read-only", partial(_told_or_sound, bench, chosen, name == "cache"))
    for name, gone in (("TMPDIR", "TMPDIR"), ("HOME", "HOME"), ("the cache", "AUDIT_IMAGE_CACHE_DIR")):
        chosen = {gone: str(bench.folder / "none")}
        yield Fault(f"{name} is gone", partial(_told_or_sound, bench, chosen, name != "TMPDIR"))
    chosen = {"FAULT_READONLY": f"{bench.folder}/layout"}
    yield Fault(
        "the working directory is read-only", lambda: bench.wrong(bench.audit(chosen, cwd=bench.folder / "layout"))
    )


def _told_or_sound(bench: Bench, chosen: dict[str, str], harmless: bool) -> str:
    done = bench.audit(chosen)
    if harmless and done.code != bench.sound.code:
        return f"exit code {done.code}: {done.said}"
    return bench.wrong(done)


def registries(bench: Bench, most: int) -> Iterator[Fault]:
    """A pull that is cut at every twentieth of a layer, once and each time; the network's calls fail."""
    stored = Layout()
    root = bench.folder / "layout/one"
    stored.files = {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}
    manifest = json.loads(stored.files["index.json"])["manifests"][0]["digest"]
    layer = max((name for name in stored.files if name.startswith("blobs/")), key=lambda name: len(stored.files[name]))
    with serving(Server(stored, {"v1": manifest})) as server:
        reference = f"registry:{server.host}/a/b:v1"
        sound = bench.audit({}, reference=reference)

        def cut(share: int, times: int) -> str:
            left = [times]

            def answer(asked: Asked) -> Answer | None:
                if not asked.path.endswith(layer.rpartition("/")[2]) or not left[0]:
                    return None
                left[0] -= 1
                whole = server.plain(asked)
                return replace(whole, cut=len(whole.body) * share // 100)

            server.always["blobs"] = answer
            try:
                return bench.wrong(bench.audit({}, reference=reference), sound=sound)
            finally:
                server.always.clear()

        for share in range(0, 100, 5):
            yield Fault(f"a layer is cut at {share} %", partial(cut, share, 1))
        for share in (0, 50):
            yield Fault(f"a layer is cut at {share} % each time", partial(cut, share, 100))
        found = counts(bench, reference)
        for call in ("socket", "connect", "read", "write"):
            numbers = spread(found[call], most)
            for number in numbers[-most:]:
                name = _ERRORS[call][number % len(_ERRORS[call])]
                chosen = {"FAULT_CALL": call, "FAULT_NTH": str(number), "FAULT_ERRNO": str(getattr(errno, name))}
                yield Fault(
                    f"{call} {number} of {found[call]} of a pull: {name}",
                    lambda chosen=chosen, mute=call == "write": bench.wrong(  # type: ignore[misc]
                        bench.audit(chosen, reference=reference), sound=sound, mute=mute
                    ),
                )


def ten_at_once(bench: Bench) -> str:
    """Ten audits that share the cache, the folder of temporary files and the report's name."""
    shared = {"AUDIT_IMAGE_CACHE_DIR": str(bench.folder / "cache")}
    expected = bench.sound
    running = [bench.start(shared) for _ in range(10)]
    said = [process.communicate(timeout=600)[1].decode() for process in running]
    codes = {process.returncode for process in running}
    if codes != {expected.code} or any(said):
        return f"exit codes {codes}: {[words for words in said if words]}"
    return bench.wrong(bench.finish(running[0]))


def signalled(bench: Bench) -> Iterator[Fault]:
    """SIGTERM and SIGKILL, from the start to the end."""
    start = time.monotonic()
    bench.audit({})
    steps = int((time.monotonic() - start) / _STEP) + 2
    for number in (signal.SIGTERM, signal.SIGKILL):
        for step in range(1, steps):
            name = f"{number.name} after {step * _STEP:.2f} s"
            yield Fault(name, partial(_signal, bench, number, step * _STEP))


def _signal(bench: Bench, number: signal.Signals, seconds: float) -> str:
    cache = _empty(bench)  # one that it writes
    process = bench.start(cache)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(number)
    done = bench.finish(process)
    if done.code == -number:
        # Before Python is up nobody listens; SIGKILL leaves what it leaves. The report is whole or not there.
        if done.report not in (None, bench.sound.report) or done.said or (number != signal.SIGKILL and done.left):
            return f"killed, and left {done.left}, said {done.said!r}"
        return bench.wrong(bench.audit(cache))
    return bench.wrong(done)


def replaced(bench: Bench, most: int) -> Iterator[Fault]:
    """The archive is replaced, cut or written over while it is read."""
    other = bench.folder / "other.tar.gz"
    write_image(bench.folder / "layout", other, b"two")
    first = bench.image.read_bytes()
    second = other.read_bytes()
    other.replace(bench.image)
    changed = bench.audit({})
    bench.image.write_bytes(first)
    ways: dict[str, Callable[[], object]] = {
        "replaced": lambda: [other.write_bytes(second), other.replace(bench.image)],
        "written over": lambda: bench.image.write_bytes(second),
        "cut": lambda: os.truncate(bench.image, len(first) // 2),
        "removed": bench.image.unlink,
    }
    for way, change in ways.items():
        for step in range(1, most + 1):
            yield Fault(
                f"the archive is {way} after {step * _STEP:.2f} s",
                partial(_replaced, bench, first, change, step * _STEP, changed),
            )


def _replaced(bench: Bench, first: bytes, change: Callable[[], object], seconds: float, changed: Done) -> str:
    process = bench.start({})
    time.sleep(seconds)
    change()
    done = bench.finish(process)
    bench.image.write_bytes(first)
    return bench.wrong(done) and bench.wrong(done, sound=changed)
