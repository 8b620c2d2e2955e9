"""What the program's own loader makes of a damage, what the auditor does, and whether they agree."""

import enum
import re
from dataclasses import dataclass

from benchmarks.differential.damage import Damage
from benchmarks.differential.room import HANGS, Outcome
from benchmarks.differential.scene import Scene, binds_lazily, environment, put

#: What loaders, C libraries and kernels say when they refuse (glibc 2.17 to 2.41, musl).
_REFUSALS = re.compile(
    r"error while loading shared libraries: |symbol lookup error: |relocation error: |"
    r"Inconsistency detected by ld\.so: |version `.*' not found|unsupported version \d+ of Ver|FATAL: |"
    r"Fatal glibc error: |Error loading shared library |Error relocating |: Not a valid dynamic program|"
    r"cannot execute binary|CPU ISA level is lower than required|Unsupported relocation type|"
    r"qemu: \S+: (Invalid|Ill-formed) .*GNU_PROPERTY"  # what it says for the kernel that it is taken for
)
#: The exit code of a loader that gives up, whatever it says; no program here has it.
_GIVES_UP = 127
#: What glibc's loader says when it calls itself wrongly: a call that is bound to another function is damaged code.
_ASTRAY = "DYNAMIC LINKER BUG!!!"
#: What binds a call of the loader's own to another function, or in another call's place, and leaves its table sound.
_REBOUND = ("PLT relocations", ("symbol", "r_offset"))
_OF_ITS_TABLES = re.compile("symbol lookup error: |reloc type |version `")  # what it says of them all the same
#: What a loader remarks before it goes on.
_REMARKS = re.compile(
    r"^\S+: (\S+: no version information available \(required by \S+\)|"
    r"\S+: weak version `.*' not found \(required by \S+\)|Symbol `.*' has different size in shared object, .*)\n",
    re.MULTILINE,
)


#: What the auditor says of files that a loader maps without a word; whether a start survives it is a matter of luck:
#: of what lies behind the memory of the object, or what of the loader's own this start needs. And what goes past a
#: limit of its own: told, not read.
_BY_LUCK = re.compile(
    "a segment lies beyond the memory|a segment reaches beyond the end of the file|more .* than any real|"
    "lies? outside the loaded segments|the string at .* has no end|a version index beyond the versions|"
    "what they ask for is never looked up|"
    "beyond the memory of the object|out of range of where its symbol|"
    "of the loader's own (lies? beyond|begin with|leads)|"
    "looked up when it is called|== ELF_MACHINE_JMP_SLOT"  # at a call that this start doesn't make
)


class Verdict(enum.StrEnum):
    """What a start came to."""

    REFUSED = "refused"  # by the kernel or the loader, with an error
    REFUSED_LATER = "refused when all is bound"  # at a call that this start didn't make
    RUNS = "runs"  # as before
    OTHERWISE = "runs otherwise"  # another output or exit code, and no word from the loader
    KILLED = "killed"  # by a signal, or it hangs


class Agreement(enum.StrEnum):
    """The auditor's answer beside the loader's."""

    FOUND = "found"
    FALSE_PASS = "false pass"  # noqa: S105 - no password
    PASSED = "passed"
    FALSE_FAIL = "false failure"
    BY_LUCK = "runs by luck"  # and is told
    APART = "not claimed"  # killed, or runs otherwise: counted, never judged


@dataclass(frozen=True)
class Judgement:
    """Both answers: the loader's words and the auditor's first problem."""

    damage: Damage
    verdict: Verdict
    words: str
    problems: tuple[str, ...]
    agreement: Agreement


def judge(scene: Scene, damage: Damage) -> Judgement:
    """Try the damage on both."""
    problems = _audited(scene, damage)
    node = scene.tree.find(damage.path).node
    assert node is not None and node.content is not None
    put(scene.root, damage.path, damage.data, damage.mode)
    try:
        verdict, words = _started(scene, damage)
    finally:
        put(scene.root, damage.path, node.content.read(), node.mode)
    agreement = _agreement(verdict, bool(problems))
    if agreement is Agreement.FALSE_FAIL and all(map(_BY_LUCK.search, problems)):
        agreement = Agreement.BY_LUCK
    if agreement is Agreement.FALSE_PASS and _is_rebound(scene, damage) and not _OF_ITS_TABLES.search(words):
        verdict, agreement = Verdict.OTHERWISE, Agreement.APART  # it calls itself wrongly, whatever it says then
    return Judgement(damage, verdict, words, problems, agreement)


def _is_rebound(scene: Scene, damage: Damage) -> bool:
    table, fields = _REBOUND
    loader = scene.tree.find(damage.program.closure.interpreter or "").path
    return damage.path == loader and damage.table == table and damage.what.startswith(fields)


def _audited(scene: Scene, damage: Damage) -> tuple[str, ...]:
    closure = scene.linker(damage.tree(scene.tree)).closure(damage.program.argv[0])
    unknown = () if closure.loader is not None or closure.problems else ("the loader is not known",)
    return (*(problem.message for problem in closure.problems), *unknown)


def _started(scene: Scene, damage: Damage) -> tuple[Verdict, str]:
    program = damage.program
    outcome = scene.room.run(program.argv, environment(eager=False))
    verdict = _verdict(outcome, program.outcome)
    if verdict is not Verdict.RUNS or not binds_lazily(program.closure):
        return verdict, _words(outcome)
    eager = scene.room.run(program.argv, environment(eager=True))
    verdict = _verdict(eager, program.eager)
    return (Verdict.REFUSED_LATER if verdict is Verdict.REFUSED else verdict), _words(eager)


def _verdict(outcome: Outcome, sound: Outcome) -> Verdict:
    if outcome.refused:
        return Verdict.REFUSED
    if outcome.code < 0 or outcome.code == HANGS:
        return Verdict.KILLED
    if (outcome.code, _REMARKS.sub("", outcome.output)) == (sound.code, sound.output):
        return Verdict.RUNS
    if _ASTRAY in outcome.output:
        return Verdict.OTHERWISE
    said = outcome.code == _GIVES_UP or _REFUSALS.search(outcome.output)
    return Verdict.REFUSED if said and outcome.code else Verdict.OTHERWISE


def _words(outcome: Outcome) -> str:
    text = outcome.refused or outcome.output.strip() or ""
    return f"{outcome.code} {text[-300:]}"


def _agreement(verdict: Verdict, audited: bool) -> Agreement:
    if verdict in (Verdict.REFUSED, Verdict.REFUSED_LATER):
        return Agreement.FOUND if audited else Agreement.FALSE_PASS
    if verdict is Verdict.RUNS:
        return Agreement.FALSE_FAIL if audited else Agreement.PASSED
    return Agreement.APART
