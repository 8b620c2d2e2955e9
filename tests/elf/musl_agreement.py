"""The same for images with musl's loader, which lists what it loads (`--list`, ldd's way) and has no trace."""

import re
from collections.abc import Iterator

from auditor.auditing.load import load
from auditor.elf.linker import Linker
from auditor.elf.model import Closure
from auditor.machine import architecture
from fixtures.elfhead import MACHINES, read_head
from fixtures.image import PLATFORMS, BuiltImage
from fixtures.inside import Command, Result, run_inside
from fixtures.oracle import executables
from tests.elf.agreement import Agreement

_LISTED = re.compile(r"^\t(\S+) => (\S+) \(0x", re.MULTILINE)
_REFUSED = re.compile(r"^Error (?:loading shared library|relocating) .*$", re.MULTILINE)


def musl_agreement(image: BuiltImage) -> Agreement:
    """Compare every dynamic program of an image that PATH reaches; its plug-ins have no loader of their own."""
    programs = dict(_programs(image))
    env = dict(entry.split("=", 1) for entry in image.run.env)
    commands = [Command((interpreter, "--list", path), env) for path, interpreter in programs.items()]
    answers = run_inside(image.tree, image.architecture, commands)
    with load(f"dir:{image.tree}") as audited:
        linker = Linker(audited.tree, env=env, machine=architecture(PLATFORMS[image.architecture][0]))
        told = {path: _differences(linker.closure(path), said) for path, said in zip(programs, answers, strict=True)}
    return Agreement(len(told), 0, {path: words for path, words in told.items() if words})


def _programs(image: BuiltImage) -> Iterator[tuple[str, str]]:
    for path in executables(image, image.merged()):
        head = read_head(image.tree / path.lstrip("/"))
        if head is not None and head.interpreter and head.machine == MACHINES[image.architecture]:
            yield path, head.interpreter


def _differences(closure: Closure, said: Result) -> list[str]:
    if said.code == 126:  # not started: the interpreter itself is what is missing
        return [] if closure.problems else [f"not started ({said.output}), and the auditor says nothing"]
    mine = {each.name: each.path for each in closure.objects[1:] if each.found_by != "interpreter"}
    theirs = dict(_LISTED.findall(said.output))
    told = [] if mine == theirs else [f"paths: {sorted(set(mine.items()) ^ set(theirs.items()))}"]
    refused = set(_REFUSED.findall(said.output))
    complained = {problem.message for problem in closure.problems}
    # What a missing library would have given is not found, too.
    complained |= {
        f"Error relocating {problem.path}: {name}: symbol not found"
        for problem in closure.problems
        for name in problem.symbols
    }
    if refused != complained:
        told.append(f"messages: {complained} instead of {refused}")
    return told
