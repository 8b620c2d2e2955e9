"""Versions that don't show in a program's own strings: of its package, of a Go module, of a Python or Node package."""

import json
import re
from collections.abc import Callable, Iterable, Mapping

from msgspec import Struct

from auditor.filetree import FileTree, read_file
from auditor.inventory.model import GoProgram
from auditor.inventory.owners import Owners
from auditor.kept import Kept
from auditor.tools.model import Evidence

_MAX_METADATA = 1 << 22  # bytes
_PYTHON = (".dist-info/METADATA", ".egg-info/PKG-INFO")
_FIELD = re.compile(r"^(Name|Version):[ \t]*(\S+)", re.MULTILINE)
_NORMALISED = re.compile(r"[-_.]+")
_RELEASE = re.compile(r"go(\d+(?:\.\d+)+(?:rc\d+|beta\d+)?)")


class Declared(Struct, frozen=True):
    """A version with where it was seen; None with a reason."""

    version: str | None
    evidence: tuple[Evidence, ...] = ()
    reason: str = ""


def kept_for(sources: Iterable[str]) -> Kept:
    """The files that tell the versions of these sources (`python:NAME`, …)."""
    kinds = [source.partition(":") for source in sources]
    endings = [*(_PYTHON if any(kind == "python" for kind, _, _ in kinds) else ())]
    endings += ["/package.json"] if any(kind == "node" for kind, _, _ in kinds) else []
    return Kept(endings=(("/", tuple(endings)),) if endings else ())


class DeclaredVersions:
    """Answers for one image. Packages of a language are looked for once, and only where one is asked for."""

    def __init__(self, tree: FileTree, owners: Owners, go: Iterable[GoProgram]) -> None:
        self._tree = tree
        self._owners = owners
        self._go = {program.path: program for program in go}
        self._paths: dict[tuple[str, ...], tuple[str, ...]] = {}  # by how they end
        self._readers: dict[str, Callable[[str, str], Declared]] = {
            "package": self._package,
            "go": self._module,
            "python": self._python,
            "node": self._node,
        }

    def version(self, source: str, real_path: str) -> Declared:
        """The version of the program at a real path by a source: `package`, `go:MODULE`, `python:NAME`, `node:NAME`."""
        kind, _, name = source.partition(":")
        return self._readers[kind](name, real_path)

    def _package(self, _: str, real_path: str) -> Declared:
        record = self._owners.record(real_path)
        if record is None:
            return Declared(None, reason="no package owns it")
        if not self._owners.vouches(real_path):
            return Declared(None, reason=f"the package database does not vouch for it as {record.package.name}'s")
        seen = Evidence("package", f"{record.package.name} {record.package.version}", real_path)
        return Declared(record.package.upstream_version, (seen,))

    def _module(self, name: str, real_path: str) -> Declared:
        program = self._go.get(real_path)
        if program is None:
            return Declared(None, reason="it has no build information of Go's")
        if name == "stdlib":
            release = _RELEASE.match(program.version)
            seen = Evidence("go-build", program.version, real_path)
            return Declared(release[1], (seen,)) if release else Declared(None, reason=f"built by {program.version}")
        modules = (*([program.module] if program.module else ()), *program.modules)
        module = next((one for one in modules if one.path == name), None)
        if module is None:
            return Declared(None, reason=f"the module {name} is not built in")
        if not re.match(r"v\d", module.version):
            return Declared(None, reason=f"the module {name} is built in as {module.version or 'no version'}")
        seen = Evidence("go-build", f"{name} {module.version}", real_path)
        return Declared(module.version.removeprefix("v").removesuffix("+incompatible"), (seen,))

    def _python(self, name: str, _: str) -> Declared:
        """Of all installed copies: which of them a script would import is for its interpreter to say."""
        wanted = _normalised(name)
        found = {}
        for path in self._ending(*_PYTHON):
            text = (read_file(self._tree, path, _MAX_METADATA) or b"").decode("utf-8", "replace")
            fields = dict(_FIELD.findall(text.partition("\n\n")[0]))
            if _normalised(fields.get("Name", "")) == wanted and "Version" in fields:
                found[path] = fields["Version"]
        return _agreed(found, f"the Python package {name}", "python-package")

    def _node(self, name: str, real_path: str) -> Declared:
        """Of the package that the program lies in, else of all installed copies."""
        found = {}
        for path in self._ending("/package.json"):
            package_name, version = self._manifest(path)
            if package_name == name and version:
                found[path] = version
        own = {path: version for path, version in found.items() if real_path.startswith(path[: -len("package.json")])}
        return _agreed(own or found, f"the Node package {name}", "node-package")

    def _manifest(self, path: str) -> tuple[str, str]:
        try:
            document = json.loads(read_file(self._tree, path, _MAX_METADATA) or b"null")
        except (ValueError, RecursionError):
            return "", ""
        if not isinstance(document, dict):
            return "", ""
        name, version = document.get("name"), document.get("version")
        return (name, version) if isinstance(name, str) and isinstance(version, str) else ("", "")

    def _ending(self, *endings: str) -> tuple[str, ...]:
        if endings not in self._paths:
            self._paths[endings] = tuple(path for path, _ in self._tree.walk() if path.endswith(endings))
        return self._paths[endings]


def _agreed(found: Mapping[str, str], what: str, kind: str) -> Declared:
    versions = sorted(set(found.values()))
    if not versions:
        return Declared(None, reason=f"{what} is not installed")
    if len(versions) > 1:
        return Declared(None, reason=f"ambiguous: {what} is there as {', '.join(versions)}")
    return Declared(versions[0], tuple(Evidence(kind, versions[0], path) for path in sorted(found)[:1]))


def _normalised(name: str) -> str:
    """A Python distribution's name as names are compared (PEP 503)."""
    return _NORMALISED.sub("-", name).lower()
