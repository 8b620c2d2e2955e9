"""Audits one damaged image by the command line, in this process, and says what it kept of its promise."""

import io
import json
import os
import random
import re
import shutil
import signal
import time
import traceback
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from auditor.cli import main as command
from auditor.report.register import Kind, formats
from benchmarks.fuzz.images.mutate import make, written
from benchmarks.fuzz.images.sample import Sample

_MEMORY, _SECONDS = 512, 20.0  # MiB and seconds of CPU, as an audit promises
_FORMATS = ("json", "sarif", "html")
_HANG = 200.0  # seconds of CPU
_AGAIN = 10  # every which one is audited again, and with a cache
_VERBOSE = 4  # every which one is told with all that there is to tell
_PEAK = re.compile(r"^VmHWM:\s+(\d+)", re.MULTILINE)


@dataclass(frozen=True)
class Said:
    """What a run left: its code, what it printed, and the files that it wrote."""

    code: int
    out: str
    err: str
    files: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class Trial:
    """How one image fared. `outcome`: pass, fail, or not audited; `unknown`: whether a row could not be told."""

    number: int
    kind: str
    what: str
    outcome: str
    unknown: bool
    seconds: float
    memory: int  # MiB
    faults: tuple[str, ...]


class Bench:
    """One process's place to audit in."""

    def __init__(self, folder: Path, samples: Sequence[Sample]) -> None:
        self._folder = folder
        self._samples = samples
        for sample in samples:
            (folder / f"{sample.name}.toml").write_text(sample.spec)

    def sound(self) -> Iterator[Said]:
        """The samples as they are, in every form."""
        for sample in self._samples:
            for form in ("docker-archive", "oci-dir", "dir"):
                with self._place() as place:
                    yield self._audit(sample, f"{form}:{written(sample, form, place)}", place)

    def trial(self, number: int, seed: int) -> Trial:
        """Make it and audit it."""
        chance = random.Random(f"{seed}/{number}")  # noqa: S311 - not for secrets
        with self._place() as place:
            sample = chance.choice(self._samples)
            image = make(sample, chance, place)
            faults: list[str] = []
            signal.setitimer(signal.ITIMER_PROF, _HANG)  # ends the process
            verbose = number % _VERBOSE == 1
            _forget_peak()
            began = time.process_time()
            with _watched(faults):
                said = self._audit(sample, image.reference, place, verbose=verbose)
                seconds = time.process_time() - began
                memory = _peak()
                faults += _broken(said, seconds, memory, verbose=verbose)
                if said.code != 2:
                    faults += self._billed(place)
                if number % _AGAIN == 0:
                    faults += self._compared(sample, image.reference, place, said)
            document = json.loads(said.files[0]) if said.files else {}
            rows = document.get("requirements", ())
            outcome = {0: "pass", 1: "fail"}.get(said.code, "not audited")
            unknown = any(row.get("status") == "unknown" for row in rows)
            return Trial(number, image.kind, image.what, outcome, unknown, seconds, memory, tuple(faults))

    @contextmanager
    def _place(self) -> Iterator[Path]:
        place = self._folder / "trial"
        place.mkdir()
        try:
            yield place
        finally:
            shutil.rmtree(place, ignore_errors=True)

    def _audit(self, sample: Sample, reference: str, place: Path, cache: str = "", *, verbose: bool = False) -> Said:
        files = [place / f"report.{name}" for name in _FORMATS]
        for file in files:
            file.unlink(missing_ok=True)
        outputs = [f"-o{name}={file}" for name, file in zip(_FORMATS, files, strict=True)]
        with mock.patch.dict(os.environ, AUDIT_IMAGE_CACHE_DIR=cache):
            spec = f"--spec={self._folder / sample.name}.toml"
            code, out, err = _run(["check", reference, spec, "-otext", *outputs, *(["-v"] if verbose else [])])
        return Said(code, out, err, tuple(file.read_bytes() for file in files if file.exists()))

    def _billed(self, place: Path) -> Iterator[str]:
        """The saved report is good for a bill."""
        for name in formats(Kind.BILL):
            code, out, err = _run(["sbom", f"report:{place / 'report.json'}", f"-o{name}={place / 'bill'}"])
            if code or out or any(map(_is_control, err)):
                yield f"sbom {name} ended with {code}: {out}{err!r}"

    def _compared(self, sample: Sample, reference: str, place: Path, first: Said) -> Iterator[str]:
        """The same again, and with a cache the first time and the second."""
        for what, cache in (("again", ""), ("into a cache", "cache"), ("out of a cache", "cache")):
            found = self._audit(sample, reference, place, str(place / cache) if cache else "")
            if found != first:
                yield f"{what} it is another: {found.code} instead of {first.code}, {found.err}"


def _run(arguments: list[str]) -> tuple[int, str, str]:
    """The exit code, and what came out on the two streams."""
    raw = io.BytesIO(), io.BytesIO()
    out, err = (io.TextIOWrapper(each, encoding="utf-8", write_through=True) for each in raw)
    with redirect_stdout(out), redirect_stderr(err):
        code = command.run(arguments)
    return code, *(each.getvalue().decode() for each in raw)  # type: ignore[return-value]


@contextmanager
def _watched(faults: list[str]) -> Iterator[None]:
    """What ends a run as a fault of its own is one line to a user; here it is a fault."""
    last: Callable[[Exception, Sequence[str]], int] = command._last_resort

    def told(error: Exception, arguments: Sequence[str]) -> int:
        faults.append("".join(traceback.format_exception(error)))
        return last(error, arguments)

    with mock.patch.object(command, "_last_resort", told):
        try:
            yield
        except Exception:
            faults.append(traceback.format_exc())


def _broken(said: Said, seconds: float, memory: int, *, verbose: bool) -> Iterator[str]:
    if said.code not in (0, 1, 2):
        yield f"the exit code is {said.code}"
    if said.code == 2 and (said.out or said.files or not (verbose or _is_one_line(said.err))):
        yield f"it says more than its one line: {said.out!r} {said.err!r}"
    if said.code != 2 and (not said.out or len(said.files) != len(_FORMATS)):
        yield "there is no report"
    for text in (said.out, said.err):
        if signs := {sign for sign in text if _is_control(sign)}:
            yield f"the text has {sorted(signs)!r} in it"
    if seconds > _SECONDS:
        yield f"it took {seconds:.0f} s"
    if memory > _MEMORY:
        yield f"it took {memory} MiB"


def _is_control(sign: str) -> bool:
    """Whether a terminal would do something else than show it."""
    return sign != "\n" and (unicodedata.category(sign) in ("Cc", "Cs") or sign in _TURNS)


_TURNS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def _is_one_line(text: str) -> bool:
    return text.startswith("audit-image: ") and text.count("\n") == 1 and text.endswith("\n")


def _forget_peak() -> None:
    """From now on the peak is that of what comes (proc(5))."""
    Path("/proc/self/clear_refs").write_text("5")


def _peak() -> int:
    found = _PEAK.search(Path("/proc/self/status").read_text())
    return int(found[1]) // 1024 if found else 0
