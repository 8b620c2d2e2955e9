"""Fuzzes one reader, in a process of its own that libFuzzer ends.

A fault does not end it: the first input of each kind goes to `faults` in its folder, named by its digest, with the
traceback beside it. A hang, or more memory than is promised, does end it, with the input in the folder.
"""

import hashlib
import io
import os
import tempfile
import traceback
from collections.abc import Sequence
from contextlib import redirect_stderr
from pathlib import Path

import atheris

with redirect_stderr(io.StringIO()), atheris.instrument_imports(include=["auditor"]):
    from auditor.errors import AuditError
    from benchmarks.fuzz.readers import READERS

from benchmarks.fuzz.damage import damaged
from benchmarks.fuzz.model import Reader

_FRAMES = 3  # innermost ones, by which two faults are told apart


def fuzzed(name: str, folder: Path, options: Sequence[str]) -> tuple[int, str]:
    """The exit code and words of a child that fuzzes this reader; the code is shared, and instrumented once."""
    words = folder / "words"
    child = os.fork()
    if not child:
        try:
            with words.open("wb") as file:
                os.dup2(file.fileno(), 1)
                os.dup2(file.fileno(), 2)
            tempfile.tempdir = str(folder)
            _fuzz(READERS[name], folder, options)
        finally:
            traceback.print_exc()
            os._exit(1)  # libFuzzer itself never comes back
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), words.read_text(errors="replace")


def _fuzz(reader: Reader, folder: Path, options: Sequence[str]) -> None:
    corpus = folder / "corpus"
    corpus.mkdir()
    (folder / "faults").mkdir()
    for number, seed in enumerate(reader.seeds()):
        assert len(seed) <= reader.longest, f"seed {number} has {len(seed)} bytes"
        (corpus / f"seed{number}").write_bytes(seed)
    seen: set[tuple[object, ...]] = set()

    def once(data: bytes) -> None:
        try:
            reader.read(data)
        except AuditError:
            return
        except Exception as error:
            frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
            kind = (type(error), *((frame.filename, frame.lineno) for frame in frames))
            if kind in seen:
                return
            seen.add(kind)
            place = folder / "faults" / hashlib.sha256(data).hexdigest()[:16]
            place.write_bytes(data)
            place.with_suffix(".txt").write_text(traceback.format_exc())

    def change(data: bytes, longest: int, seed: int) -> bytes:
        made = damaged(data, longest, seed) if seed % 3 else None
        return bytes(atheris.Mutate(data, longest)) if made is None else made

    arguments = ["fuzz", str(corpus), f"-max_len={reader.longest}", f"-artifact_prefix={folder}/", *options]
    if reader.json:
        atheris.Setup(arguments, once, custom_mutator=change)
    else:
        atheris.Setup(arguments, once)
    atheris.Fuzz()
