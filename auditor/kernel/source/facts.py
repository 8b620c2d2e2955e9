"""What `audit-image node-facts` wrote on a node: its kernel, the lists of its modules, and its processor."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from auditor.errors import CorruptImage, LimitExceeded
from auditor.kernel.lists import parse_dep
from auditor.kernel.names import module_file
from auditor.kernel.source.interface import MIB, Files, Keep
from auditor.kernel.version import RELEASE
from auditor.machine import oci_name
from auditor.processor import Seen, level_of

MAGIC = b"audit-image node-facts "
_FIRST = MAGIC + b"1\n"
_LIMIT = 64 * MIB
_MAX_LINES = 1_000_000  # a distribution's kernel makes 40,000
_MAX_SECTIONS = 64
_MAX_FILES = 500_000
_REMEDY = "write it anew: audit-image node-facts > facts.sh, and sh facts.sh on the node"
_NODE = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,252}")  # hostname(7)
_LISTS = ("modules.dep", "modules.builtin", "modules.order", "modules.alias")
#: What modules say of themselves, as `modules.builtin.modinfo` has it: the modules' files stay on the node.
TOLD = "modules.told.modinfo"


@dataclass(frozen=True)
class FactsSource:
    """A node's facts, decompressed."""

    path: Path
    data: bytes = field(repr=False)
    kind: str = field(default="facts", init=False)

    @property
    def label(self) -> str:
        """The file as it was given."""
        return str(self.path)

    def open(self, keep: Keep) -> Files:  # noqa: ARG002 - all of it is at hand
        """The files that the facts stand for. CorruptImage where they are not whole, LimitExceeded where too large."""
        sections = _sections(self.data, self.label)
        release = _word(sections, "release")
        if not RELEASE.fullmatch(release):
            raise CorruptImage("no release of a kernel is in it", self.label, _REMEDY)
        return FactsFiles(self.label, release, sections)


class FactsFiles:
    """Canonical paths; a module's file is known to be there, and what it says is in a list of its own."""

    def __init__(self, label: str, release: str, sections: dict[str, bytes]) -> None:
        self.release = release
        machine = _word(sections, "machine")
        self.architecture = oci_name(machine) if machine else ""
        name = _word(sections, "node")
        self.node = name if _NODE.fullmatch(name) else Path(label).name.partition(".")[0]
        self._cpu = sections.get("cpu", b"").decode("utf-8", "replace")
        self._label = label
        tree = f"lib/modules/{release}"
        self._held = {f"{tree}/{name}": sections[name] for name in _LISTS if name in sections}
        if "modules.builtin.modinfo" in sections:
            self._held[f"{tree}/modules.builtin.modinfo"] = sections["modules.builtin.modinfo"].replace(b"\n", b"\0")
        for name, path in (
            ("config", f"boot/config-{release}"),
            ("loaded", "proc/modules"),
            ("modprobe", "proc/sys/kernel/modprobe"),
        ):
            if name in sections:
                self._held[path] = sections[name]
        # Only what modules.dep lists can be asked what it needs; without it, modules are not known for good.
        depends = parse_dep(sections.get("modules.dep", b""))
        if depends:
            self._held[f"{tree}/{TOLD}"] = _told(sections)
        files = sections.get("files", b"").decode("utf-8", "replace").splitlines() if depends else []
        if len(files) > _MAX_FILES:
            raise LimitExceeded("it lists too many files", label, _REMEDY)
        self._modules = {f"{tree}/{path}" for path in files if module_file(path)}

    def cpu(self, architecture: str) -> Seen:
        """The level of the node's processor; architecture as in OCI platforms."""
        return level_of(architecture, self._cpu)

    def paths(self) -> Collection[str]:
        """The canonical paths."""
        return {*self._held, *self._modules}

    def shown(self, path: str) -> str:
        """The path on the node."""
        return f"{self._label}: /{path}"

    def fetch(self, paths: Iterable[str]) -> None:
        """Nothing to make ready."""

    def read(self, path: str, limit: int) -> bytes:
        """A list's or config's bytes; a module's own are on the node."""
        data = self._held.get(path)
        if data is None:
            raise CorruptImage("the facts don't tell what this module says of itself", self.shown(path), _REMEDY)
        if len(data) > limit:
            raise LimitExceeded(f"it is larger than {limit} bytes", self.shown(path), "no kernel's file of it is")
        return data


def _sections(data: bytes, where: str) -> dict[str, bytes]:
    """The sections' bytes by name, their lines without the blank before them."""
    if len(data) > _LIMIT:
        raise LimitExceeded(f"facts larger than {_LIMIT} bytes", where, _REMEDY)
    if not data.startswith(_FIRST):
        raise CorruptImage("facts of another version", where, _REMEDY)
    if data.count(b"\n") > _MAX_LINES:
        raise LimitExceeded(f"facts of more than {_MAX_LINES} lines", where, _REMEDY)
    found: dict[str, list[bytes]] = {}
    current: list[bytes] = []
    lines = data[len(_FIRST) :].split(b"\n")
    if lines[-2:] != [b"@end", b""]:
        raise CorruptImage("the facts are cut short: their last line is not @end", where, _REMEDY)
    for number, line in enumerate(lines[:-2], 2):
        if not line:
            current = []
        elif line.startswith(b"@"):
            _unbreak(current)
            name = line[1:].decode("ascii", "replace")
            if name in found:
                raise CorruptImage(f"line {number}: a second section of one name", where, _REMEDY)
            current = found[name] = []
            if len(found) > _MAX_SECTIONS:
                raise LimitExceeded(f"facts of more than {_MAX_SECTIONS} sections", where, _REMEDY)
        elif line.startswith(b" ") and found:
            current.append(line[1:] + b"\n")
        else:
            raise CorruptImage(f"line {number}: neither a section nor a line of one", where, _REMEDY)
    _unbreak(current)
    return {name: b"".join(rows) for name, rows in found.items()}


def _unbreak(rows: list[bytes]) -> None:
    """Without an empty line after it, what was read ended without a line break: it may have been cut short."""
    if rows:
        rows[-1] = rows[-1].removesuffix(b"\n")


def _word(sections: dict[str, bytes], name: str) -> str:
    return sections.get(name, b"").decode("utf-8", "replace").strip()


def _told(sections: dict[str, bytes]) -> bytes:
    """What each module of modules.dep needs, and the descriptions, as entries that end in NUL."""
    entries = []
    for line in sections["modules.dep"].decode("utf-8", "replace").splitlines():
        path, _, rest = line.partition(":")
        file = module_file(path)
        if file is not None:
            names = ",".join(needed[0] for word in rest.split() if (needed := module_file(word)))
            entries.append(f"{file[0]}.depends={names}")
    described = sections.get("descriptions", b"").decode("utf-8", "replace").splitlines()
    return "\0".join([*entries, *described]).encode()
