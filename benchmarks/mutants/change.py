"""A mistake made in the functions of a process that has imported the module, instead of in a file."""

import functools
import gc
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FunctionType

from benchmarks.mutants.mistake import Mistake, changed_tree

_Key = tuple[str, str, int]  # file, qualified name, line


@dataclass
class Functions:
    """The functions of a process, looked for once; `caches` are those that remember what they answered."""

    by_code: dict[_Key, list[FunctionType]] = field(default_factory=dict)
    caches: list["functools._lru_cache_wrapper[object]"] = field(default_factory=list)

    def look(self) -> None:
        """Find them; what is there from now on stays where it is in memory, so that a child shares it."""
        for thing in gc.get_objects():
            if isinstance(thing, FunctionType):
                self.by_code.setdefault(_key(thing.__code__), []).append(thing)
            elif isinstance(thing, functools._lru_cache_wrapper) and thing.__module__.startswith(("auditor", "tests")):
                self.caches.append(thing)
        gc.freeze()

    def make_mistake(self, path: Path, mistake: Mistake) -> None:
        """Give every function that the mistake is in its new code, and forget what was computed by the old."""
        file, function = str(path.absolute()), mistake.place.function
        module = compile(changed_tree(path.read_text(encoding="utf-8"), mistake), file, "exec")
        within = [one for one in _codes(module) if f"{one.co_qualname}.".startswith(f"{function}.")]
        changed = [(one, code) for code in within for one in self.by_code.get(_key(code), ())]
        if not changed:
            raise LookupError(f"{function} of {path} is not there")
        for one, code in changed:
            one.__code__ = code
        for cache in self.caches:
            cache.cache_clear()


def _codes(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _codes(constant)


def _key(code: CodeType) -> _Key:
    return code.co_filename, code.co_qualname, code.co_firstlineno
