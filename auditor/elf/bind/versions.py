"""glibc's check of needed versions, before any relocation (`_dl_check_map_versions` in its dl-version.c)."""

from collections.abc import Iterable, Iterator

from msgspec import Struct

from auditor.elf.model import LoadFault, LoadNotice, LoadProblem, NoticeKind
from auditor.elf.read.file import Tag
from auditor.elf.read.versions import VersionNeed
from auditor.elf.search.loader import LoaderProfile
from auditor.elf.search.mapped import Mapped, Namespace

_REVISION = 1  # VER_NEED_CURRENT, VER_DEF_CURRENT
_RELR_VERSION = "GLIBC_ABI_DT_RELR"


class VersionReport(Struct, frozen=True):
    """What the check of some objects came to."""

    problems: tuple[LoadProblem, ...]
    notices: tuple[LoadNotice, ...]


class _Lack(Struct, frozen=True):
    """What a provider doesn't have of a need: (weak, version) each; or the record of it that stops the look."""

    versions: tuple[tuple[bool, str], ...]
    revision: int = _REVISION


class VersionCheck:
    """The check under one loader; pairs of an object and a provider are compared once."""

    def __init__(self, profile: LoaderProfile) -> None:
        self._profile = profile
        self._known: dict[tuple[int | Mapped, int, int | Mapped], _Lack] = {}

    def check(self, objects: Iterable[Mapped], namespace: Namespace, absent: frozenset[str]) -> VersionReport:
        """Check each object's needs against what is mapped; names in `absent` have problems of their own."""
        problems: list[LoadProblem] = []
        notices: list[LoadNotice] = []
        for mapped in objects:
            for number, need in enumerate(mapped.elf.needs):
                if number == 0 and need.revision != _REVISION:
                    problems.append(_unsupported(mapped, need.revision, "Verneed"))
                    break
                if need.file in absent:
                    continue
                provider = namespace.named(need.file)
                if provider is None:
                    problems.append(_unknown_file(mapped, need.file))
                    continue
                self._compare(mapped, number, provider, problems, notices)
            problems += self._relr(mapped)
        return VersionReport(tuple(problems), tuple(notices))

    def _compare(
        self,
        mapped: Mapped,
        number: int,
        provider: Mapped,
        problems: list[LoadProblem],
        notices: list[LoadNotice],
    ) -> None:
        need = mapped.elf.needs[number]
        pair = (mapped.alike, number, provider.alike)
        lacking = self._known.get(pair)
        if lacking is None:
            lacking = self._known[pair] = _lacking(need, provider)
        if lacking.revision != _REVISION:
            problems.append(_unsupported(provider, lacking.revision, "Verdef"))
        for weak, version in lacking.versions:
            label = f"{version} ({need.file})"
            if not provider.elf.has_verdef:
                message = f"{provider.path}: no version information available (required by {mapped.path})"
                notices.append(LoadNotice(NoticeKind.NO_VERSION_INFORMATION, mapped.real_path, label, message))
            elif weak:
                message = f"{provider.path}: weak version `{version}' not found (required by {mapped.path})"
                notices.append(LoadNotice(NoticeKind.WEAK_VERSION_MISSING, mapped.real_path, label, message))
            else:
                message = f"{provider.path}: version `{version}' not found (required by {mapped.path})"
                problems.append(
                    LoadProblem(
                        LoadFault.SYMBOL_VERSION_MISSING,
                        mapped.real_path,
                        label,
                        message,
                        provider=provider.real_path,
                    )
                )

    def _relr(self, mapped: Mapped) -> Iterator[LoadProblem]:
        """Packed relocations need a version that says it knows them (since glibc 2.36), where libc.so is needed."""
        tag, elf = mapped.elf.tag, mapped.elf
        if not self._profile.checks_relr or tag(Tag.RELR) is None or tag(Tag.VERNEED) is None:
            return
        libc = next((name for name in elf.needed if name.startswith("libc.so")), None)
        if libc is not None and all(each.name != _RELR_VERSION for need in elf.needs for each in need.versions):
            message = f"{mapped.path}: DT_RELR without {_RELR_VERSION} dependency"
            yield LoadProblem(LoadFault.SYMBOL_VERSION_MISSING, mapped.real_path, f"{_RELR_VERSION} ({libc})", message)


def _lacking(need: VersionNeed, provider: Mapped) -> _Lack:
    """The loader walks the definitions, for each version anew, until it comes to it or to a record that it doesn't
    know (`match_symbol`); it compares the hash, then the name.
    """
    definitions = provider.elf.definitions
    end = next((number for number, each in enumerate(definitions) if each.revision != _REVISION), len(definitions))
    defined = {(each.name, each.hash) for each in definitions[:end]}
    absent = [version for version in need.versions if (version.name, version.hash) not in defined]
    if absent and end < len(definitions):
        return _Lack((), definitions[end].revision)
    return _Lack(tuple((version.weak, version.name) for version in absent))


def _unsupported(mapped: Mapped, revision: int, record: str) -> LoadProblem:
    message = f"error while loading shared libraries: {mapped.path}: unsupported version {revision} of {record} record"
    return LoadProblem(LoadFault.ELF_MALFORMED, mapped.real_path, "", message)


def _unknown_file(mapped: Mapped, file: str) -> LoadProblem:
    message = (
        "Inconsistency detected by ld.so: dl-version.c: _dl_check_map_versions: "
        f"Assertion `needed != NULL' failed! ({mapped.path} needs versions of {file}, which nothing loads)"
    )
    return LoadProblem(LoadFault.SYMBOL_VERSION_MISSING, mapped.real_path, f"({file})", message)
