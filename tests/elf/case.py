"""What a case of a loader rule is."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.elf.forge import Binary


@dataclass(frozen=True)
class Case:
    """A root with its program, and what must come of it."""

    name: str
    binaries: tuple[Binary, ...]
    finds: Mapping[str, str | None] = field(default_factory=dict)
    fails: str = ""
    files: Mapping[str, bytes] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)
    hard_links: Mapping[str, str] = field(default_factory=dict)
    folders: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: str = "/"
    start: str = "/bin/prog"
    loader: str = "/lib64/ld-linux-x86-64.so.2"
    since: tuple[int, int] = (0, 0)
    before: tuple[int, int] = (99, 0)
    patches: Mapping[bytes, bytes] = field(default_factory=dict)  # strings of the loader, each as long as before
    set_gid: bool = False
    traced: bool = True  # False where ld.so's tracing tells something else than a start
    lives: bool = False  # starts, though something is missing that is only called later

    def holds_for(self, version: tuple[int, int]) -> bool:
        return self.since <= version < self.before
