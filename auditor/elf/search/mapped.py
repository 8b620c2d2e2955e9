"""Objects as a loader has them in memory, and what it notes while it maps them."""

from collections.abc import Iterable, Iterator

from msgspec import Struct, field
from msgspec.structs import replace

from auditor.budget import Allowance
from auditor.elf.model import LoadedObject, LoadNotice, LoadProblem
from auditor.elf.read.file import ElfFile
from auditor.elf.search.store import StoredFile
from auditor.elf.search.tokens import EMPTY, PathList


class Mapped(Struct, eq=False):
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

    @property
    def alike(self) -> "int | Mapped":
        """What it shares with all that are mapped from the same file as it was read. A file of which more is in memory
        than was read, as of some programs and under musl, shares nothing.
        """
        return self.identity if self.elf is self.stored.elf else self

    def loaded(self) -> LoadedObject:
        """The value for others."""
        needed_by = "" if self.needer is None else self.needer.real_path
        return LoadedObject(self.name, self.path, self.real_path, self.found_by, needed_by, self.elf.soname)


class Namespace:
    """Everything mapped, in the order of mapping, the program first. An object is found at once, however many there
    are; of several that would do, the first.
    """

    def __init__(self, objects: Iterable[Mapped] = ()) -> None:
        self._places: dict[Mapped, int] = {}
        self._named: dict[str, Mapped] = {}
        self._sonames: dict[str, Mapped] = {}
        self._files: dict[int, Mapped] = {}
        for mapped in objects:
            self.add(mapped)

    def __iter__(self) -> Iterator[Mapped]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def add(self, mapped: Mapped) -> None:
        """Take in one more object, with the names that it has."""
        if self._places:  # no need leads to the program's own file
            self._files.setdefault(mapped.identity, mapped)
        self._places[mapped] = len(self._places)
        for name in mapped.names:
            self._named.setdefault(name, mapped)
        if mapped.elf.soname is not None:
            self._sonames.setdefault(mapped.elf.soname, mapped)

    def call(self, mapped: Mapped, name: str) -> None:
        """Give an object one more name."""
        mapped.names.add(name)
        known = self._named.setdefault(name, mapped)
        if self._places[mapped] < self._places[known]:
            self._named[name] = mapped

    def named(self, name: str) -> Mapped | None:
        """The object that was asked for by this name."""
        return self._named.get(name)

    def named_or_titled(self, name: str) -> Mapped | None:
        """The object that was asked for by this name, or has it as its soname."""
        found = [mapped for mapped in (self._named.get(name), self._sonames.get(name)) if mapped is not None]
        return min(found, key=self._places.__getitem__, default=None)

    def of_file(self, identity: int) -> Mapped | None:
        """The object that was mapped from this file; never the program."""
        return self._files.get(identity)


class Absent(Struct, frozen=True):
    """A need that was not met: symbols that only it would have given are its evidence.

    `problem` is the index of its problem in the record.
    """

    needer: Mapped
    name: str
    problem: int


class Record(Struct):
    """What one load came to. `scope` is the list that symbols are looked up in, in order."""

    program: Mapped
    needed: Allowance  # needs that may still be looked at, of all loads of the image
    namespace: Namespace = field(default_factory=Namespace)
    scope: list[Mapped] = field(default_factory=list)
    problems: list[LoadProblem] = field(default_factory=list)
    notices: list[LoadNotice] = field(default_factory=list)
    absent: list[Absent] = field(default_factory=list)
    missed: set[tuple[Mapped, str]] = field(default_factory=set)  # needs already told to be absent
    levels: set[str] = field(default_factory=set)

    def count_needs(self, mapped: Mapped) -> None:
        """Account for the needs of one object; LimitExceeded where an image has more than any real one."""
        self.needed.take(len(mapped.elf.needed), mapped.real_path)

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
        namespace = Namespace(copies[each] for each in self.namespace)
        return Record(copies[self.program], self.needed, namespace, [copies[each] for each in self.scope])

    def objects(self) -> tuple[LoadedObject, ...]:
        """The scope, then what is mapped beside it (an interpreter that nothing needs)."""
        return loaded_objects([*self.scope, *self.namespace])


def loaded_objects(mapped: Iterable[Mapped]) -> tuple[LoadedObject, ...]:
    """The values of the objects, each once."""
    return tuple(each.loaded() for each in dict.fromkeys(mapped))
