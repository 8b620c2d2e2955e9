"""glibc's check of needed versions, before any relocation (`_dl_check_map_versions` in its dl-version.c)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from auditor.elf.model import LoadFault, LoadNotice, LoadProblem, NoticeKind
from auditor.elf.read.file import Tag
from auditor.elf.read.versions import VersionNeed
from auditor.elf.search.loader import LoaderProfile
from auditor.elf.search.mapped import Mapped

_RELR_VERSION = "GLIBC_ABI_DT_RELR"


@dataclass(frozen=True, slots=True)
class VersionReport:
    """What the check of some objects came to."""

    problems: tuple[LoadProblem, ...]
    notices: tuple[LoadNotice, ...]


class VersionCheck:
    """The check under one loader; pairs of an object and a provider are compared once."""

    def __init__(self, profile: LoaderProfile) -> None:
        self._profile = profile
        self._known: dict[tuple[int, str, int], tuple[tuple[bool, str], ...]] = {}

    def check(self, objects: Iterable[Mapped], namespace: list[Mapped], absent: frozenset[str]) -> VersionReport:
        """Check each object's needs against what is mapped; names in `absent` have problems of their own."""
        problems: list[LoadProblem] = []
        notices: list[LoadNotice] = []
        for mapped in objects:
            for need in mapped.elf.needs:
                if need.file in absent:
                    continue
                provider = _provider(need.file, namespace)
                if provider is None:
                    problems.append(_unknown_file(mapped, need.file))
                    continue
                self._compare(mapped, need, provider, problems, notices)
            problems += self._relr(mapped)
        return VersionReport(tuple(problems), tuple(notices))

    def _compare(
        self,
        mapped: Mapped,
        need: VersionNeed,
        provider: Mapped,
        problems: list[LoadProblem],
        notices: list[LoadNotice],
    ) -> None:
        pair = (mapped.identity, need.file, provider.identity)
        lacking = self._known.get(pair)
        if lacking is None:
            lacking = self._known[pair] = tuple(_lacking(need, provider))
        for weak, version in lacking:
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
        """Packed relocations need a version of libc.so that says it knows them (since glibc 2.36)."""
        if not self._profile.checks_relr or mapped.elf.tag(Tag.RELR) is None:
            return
        libc = next((need for need in mapped.elf.needs if need.file.startswith("libc.so")), None)
        if libc is not None and all(version.name != _RELR_VERSION for version in libc.versions):
            message = f"{mapped.path}: DT_RELR without {_RELR_VERSION} dependency"
            yield LoadProblem(
                LoadFault.SYMBOL_VERSION_MISSING, mapped.real_path, f"{_RELR_VERSION} ({libc.file})", message
            )


def _provider(name: str, namespace: list[Mapped]) -> Mapped | None:
    return next((mapped for mapped in namespace if name in mapped.names), None)


def _lacking(need: VersionNeed, provider: Mapped) -> Iterator[tuple[bool, str]]:
    defined = {definition.name for definition in provider.elf.definitions}
    for version in need.versions:
        if version.name not in defined:
            yield version.weak, version.name


def _unknown_file(mapped: Mapped, file: str) -> LoadProblem:
    message = (
        "Inconsistency detected by ld.so: dl-version.c: _dl_check_map_versions: "
        f"Assertion `needed != NULL' failed! ({mapped.path} needs versions of {file}, which nothing loads)"
    )
    return LoadProblem(LoadFault.SYMBOL_VERSION_MISSING, mapped.real_path, f"({file})", message)
