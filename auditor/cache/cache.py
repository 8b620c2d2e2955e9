"""A cache that never stands in the way: where it can't be used, nothing is found in it, and that is said once."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.cache.code import code_version
from auditor.cache.folder import Unusable

if TYPE_CHECKING:
    from auditor.cache.store import Store


class Cache:
    """What the code that runs has found out before. `told` is called once, with the reason, where it can't be used."""

    def __init__(self, folder: Path, told: Callable[[str], None]) -> None:
        self._folder = folder
        self._told = told
        self._store: Store | None = None
        self._usable = True

    def get(self, key: str) -> bytes | None:
        """What was put there; None where nothing is, or nothing can be known."""
        try:
            return self._opened().get(key) if self._usable else None
        except Unusable as error:
            self._give_up(error)
            return None

    def put(self, key: str, data: bytes) -> None:
        """Keep it, if that can be done."""
        try:
            if self._usable:
                self._opened().put(key, data)
        except Unusable as error:
            self._give_up(error)

    def _opened(self) -> "Store":
        if self._store is None:
            from auditor.cache.store import Store  # noqa: PLC0415 - brings SQLite along, for who audits an image

            if not (code := code_version()):
                raise Unusable("the modules of audit-image can't be read")
            self._store = Store(self._folder, code)
        return self._store

    def _give_up(self, error: Unusable) -> None:
        self._usable = False
        self._told(str(error))
