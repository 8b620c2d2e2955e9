"""Objects as a loader has them in memory, and what it notes while it maps them."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from auditor.elf.model import LoadedObject, LoadNotice, LoadProblem
from auditor.elf.read.file import ElfFile
from auditor.elf.search.store import StoredFile
from auditor.elf.search.tokens import EMPTY, PathList


@dataclass(eq=False, slots=True)
class Mapped:
    """One mapped object. `needer` is the object whose need came first; None for the program and its interpreter."""

    name: str
    path: str
    stored: StoredFile
    elf: ElfFile
    needer: "Mapped | None"
    found_by: str
    names: set[str] = field(default_factory=set)
    rpath: PathList = EMPTY
    runpath: PathList = EMPTY

    @property
    def real_path(self) -> str:
        """The file behind all links."""
        return self.stored.real_path

    @property
    def identity(self) -> int:
        """What two names of one file share."""
        return self.stored.identity

    def loaded(self) -> LoadedObject:
        """The value for others."""
        needed_by = "" if self.needer is None else self.needer.real_path
        return LoadedObject(self.name, self.path, self.real_path, self.found_by, needed_by, self.elf.soname)


@dataclass(frozen=True, slots=True)
class Absent:
    """A need that was not met: symbols that only it would have given are its evidence.

    `problem` is the index of its problem in the record.
    """

    needer: Mapped
    name: str
    problem: int


@dataclass(slots=True)
class Record:
    """What one load came to. `scope` is the list that symbols are looked up in, in order."""

    program: Mapped
    namespace: list[Mapped] = field(default_factory=list)  # everything mapped, in the order of mapping
    scope: list[Mapped] = field(default_factory=list)
    problems: list[LoadProblem] = field(default_factory=list)
    notices: list[LoadNotice] = field(default_factory=list)
    absent: list[Absent] = field(default_factory=list)
    missed: set[tuple[Mapped, str]] = field(default_factory=set)  # needs already told to be absent
    levels: set[str] = field(default_factory=set)

    def miss(self, needer: Mapped, name: str, problem: LoadProblem) -> None:
        """Note that a need was not met, once."""
        if (needer, name) not in self.missed:
            self.missed.add((needer, name))
            self.absent.append(Absent(needer, name, len(self.problems)))
            self.problems.append(problem)

    def fork(self) -> "Record":
        """A record that goes on from this one and leaves it as it is: copies of the objects, none of the remarks."""
        copies: dict[Mapped, Mapped] = {}
        for mapped in (self.program, *self.namespace):
            copies.setdefault(mapped, replace(mapped, names={*mapped.names}))
        for copy in copies.values():
            if copy.needer is not None:
                copy.needer = copies[copy.needer]
        return Record(
            copies[self.program], [copies[each] for each in self.namespace], [copies[each] for each in self.scope]
        )

    def objects(self) -> tuple[LoadedObject, ...]:
        """The scope, then what is mapped beside it (an interpreter that nothing needs)."""
        return loaded_objects([*self.scope, *self.namespace])


def loaded_objects(mapped: Iterable[Mapped]) -> tuple[LoadedObject, ...]:
    """The values of the objects, each once."""
    return tuple(each.loaded() for each in dict.fromkeys(mapped))
