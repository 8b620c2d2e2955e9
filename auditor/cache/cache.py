"""A cache that never stands in the way: where it can't be used, nothing is found in it, and that is said once."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from auditor.cache.code import code_version
from auditor.cache.folder import Unusable

if TYPE_CHECKING:
    from auditor.cache.shelf import Bytes, Shelf
    from auditor.cache.store import Store

_Kept = TypeVar("_Kept")
_Answer = TypeVar("_Answer")


class Cache:
    """What the code that runs has found out before: small bytes in a store, large ones on a shelf. `told` is called
    once, with the reason, where one of them can't be used; the other may be.
    """

    def __init__(self, folder: Path, told: Callable[[str], None]) -> None:
        self._folder = folder
        self._told = told
        self._store = _Part(self._open_store, self._tell)
        self._shelf = _Part(self._open_shelf, self._tell)

    def get(self, key: str) -> bytes | None:
        """What was put there; None where nothing is, or nothing can be known."""
        return self._store.ask(lambda store: store.get(key))

    def put(self, key: str, data: bytes) -> None:
        """Keep it, if that can be done."""
        self._store.ask(lambda store: store.put(key, data))

    def open(self, key: str) -> "Bytes | None":
        """Large bytes that were kept; None where none are, or nothing can be known."""
        return self._shelf.ask(lambda shelf: shelf.open(key))

    def keep(self, key: str, pieces: Iterable[bytes]) -> None:
        """Keep large bytes, if that can be done."""
        self._shelf.ask(lambda shelf: shelf.put(key, pieces))

    def _open_store(self) -> "Store":
        from auditor.cache.store import Store  # noqa: PLC0415 - brings SQLite along, for who audits an image

        return Store(self._folder, _code())

    def _open_shelf(self) -> "Shelf":
        from auditor.cache.shelf import Shelf  # noqa: PLC0415 - only where layers are read

        return Shelf(self._folder, _code())

    def _tell(self, reason: str) -> None:
        told, self._told = self._told, _ignore
        told(reason)


class _Part(Generic[_Kept]):
    """A store or a shelf, opened when it is first asked, and not asked again once it could not be used."""

    def __init__(self, make: Callable[[], _Kept], told: Callable[[str], None]) -> None:
        self._make = make
        self._told = told
        self._made: _Kept | None = None
        self._usable = True

    def ask(self, question: Callable[[_Kept], _Answer]) -> _Answer | None:
        """The answer; None where there is none."""
        if not self._usable:
            return None
        try:
            if self._made is None:
                self._made = self._make()
            return question(self._made)
        except Unusable as error:
            self._usable = False
            self._told(str(error))
            return None


def _code() -> str:
    if not (code := code_version()):
        raise Unusable("the modules of audit-image can't be read")
    return code


def _ignore(_: str) -> None:
    """Told already."""
