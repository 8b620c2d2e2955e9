"""glibc's check of versions, said of single needs; real loaders judge whole programs in `test_start.py`."""

import pytest
from msgspec.structs import replace

from auditor.elf.bind.versions import VersionCheck
from auditor.elf.model import LoadFault, NoticeKind
from auditor.elf.read.file import Tag
from auditor.elf.read.hash_table import elf_hash
from auditor.elf.read.versions import DefinedVersion, NeededVersion, VersionNeed
from auditor.elf.search.mapped import Namespace
from tests.elf.made import ELF, GLIBC, mapped

PROFILE = replace(GLIBC, checks_relr=True)
MISSING, MALFORMED = LoadFault.SYMBOL_VERSION_MISSING, LoadFault.ELF_MALFORMED
NO_INFORMATION, WEAK = NoticeKind.NO_VERSION_INFORMATION, NoticeKind.WEAK_VERSION_MISSING


def wanted(name: str, *, weak: bool = False, hashed: int | None = None) -> NeededVersion:
    return NeededVersion(name, weak, 2, elf_hash(name.encode()) if hashed is None else hashed)


def need(*versions: NeededVersion, file: str = "b.so", revision: int = 1) -> VersionNeed:
    return VersionNeed(file, versions, revision)


def defined(name: str, revision: int = 1) -> DefinedVersion:
    return DefinedVersion(name, base=False, index=2, hash=elf_hash(name.encode()), revision=revision)


def told(
    *needs: VersionNeed, offers: tuple[DefinedVersion, ...] | None = (), absent: frozenset[str] = frozenset()
) -> list[tuple[object, str]]:
    """Of an object with these needs and a library `b.so`; None: without any versions."""
    offering = replace(ELF, definitions=offers or (), last_tags={} if offers is None else {Tag.VERDEF: 1})
    own, library = mapped("/lib/a.so", replace(ELF, needs=needs)), mapped("/lib/b.so", offering)
    report = VersionCheck(PROFILE).check([own], Namespace([own, library]), absent)
    faults: list[tuple[object, str]] = [(one.fault, one.message) for one in report.problems]
    return [*faults, *((one.kind, one.message) for one in report.notices)]


V1 = wanted("V1")
GONE = "/lib/b.so: version `V1' not found (required by /lib/a.so)"


@pytest.mark.parametrize(
    ("needs", "offers", "expected"),
    [
        ((), (), []),
        ((need(V1),), (defined("V1"),), []),
        ((need(V1),), (defined("V0"), defined("V1")), []),
        ((need(V1),), (defined("V2"),), [(MISSING, GONE)]),
        ((need(V1, wanted("V2")),), (defined("V2"),), [(MISSING, GONE)]),
        ((need(wanted("V1", hashed=7)),), (defined("V1"),), [(MISSING, GONE)]),
        (
            (need(wanted("V1", weak=True)),),
            (defined("V2"),),
            [(WEAK, "/lib/b.so: weak version `V1' not found (required by /lib/a.so)")],
        ),
        ((need(V1),), None, [(NO_INFORMATION, "/lib/b.so: no version information available (required by /lib/a.so)")]),
        # A record that it doesn't know ends the look, for what stands behind it.
        ((need(V1),), (defined("V1"), defined("V2", revision=2)), []),
        (
            (need(V1),),
            (defined("V2", revision=2), defined("V1")),
            [(MALFORMED, "error while loading shared libraries: /lib/b.so: unsupported version 2 of Verdef record")],
        ),
        (
            (need(V1, revision=2), need(wanted("V9"))),
            (),
            [(MALFORMED, "error while loading shared libraries: /lib/a.so: unsupported version 2 of Verneed record")],
        ),
        ((need(V1), need(wanted("V2"), revision=2)), (defined("V1"), defined("V2")), []),  # of the first alone
        (
            (need(V1, file="c.so"), need(V1)),
            (),
            [
                (
                    MISSING,
                    "Inconsistency detected by ld.so: dl-version.c: _dl_check_map_versions: Assertion `needed != NULL' "
                    "failed! (/lib/a.so needs versions of c.so, which nothing loads)",
                ),
                (MISSING, GONE),
            ],
        ),
    ],
)
def test_what_glibc_says_of_versions(
    needs: tuple[VersionNeed, ...], offers: tuple[DefinedVersion, ...] | None, expected: list[tuple[object, str]]
) -> None:
    assert told(*needs, offers=offers) == expected


def test_what_is_missed_already_has_no_versions_to_miss() -> None:
    assert told(need(V1, file="c.so"), need(V1), absent=frozenset(("c.so",))) == [(MISSING, GONE)]


PACKED = {Tag.RELR: 1, Tag.VERNEED: 1}
RELR = "/lib/a.so: DT_RELR without GLIBC_ABI_DT_RELR dependency"


@pytest.mark.parametrize(
    ("tags", "needed", "versions", "checks", "message"),
    [
        (PACKED, ("libc.so.6",), ("GLIBC_2.36",), True, RELR),
        (PACKED, ("libm.so.6", "libc.so.6"), ("GLIBC_2.36",), True, RELR),
        (PACKED, ("libc.so.6",), ("GLIBC_2.36", "GLIBC_ABI_DT_RELR"), True, ""),
        (PACKED, ("libc.so.6",), ("GLIBC_2.36",), False, ""),
        (PACKED, ("libm.so.6",), ("GLIBC_2.36",), True, ""),
        ({Tag.RELR: 1}, ("libc.so.6",), ("GLIBC_2.36",), True, ""),
        ({Tag.VERNEED: 1}, ("libc.so.6",), ("GLIBC_2.36",), True, ""),
    ],
)
def test_packed_relocations_need_a_version_that_knows_them(
    tags: dict[int, int], needed: tuple[str, ...], versions: tuple[str, ...], checks: bool, message: str
) -> None:
    needs = (need(*map(wanted, versions), file="libc.so.6"),)
    own = mapped("/lib/a.so", replace(ELF, needs=needs, needed=needed, last_tags=tags))
    check = VersionCheck(replace(PROFILE, checks_relr=checks))
    report = check.check([own], Namespace([own]), frozenset(("libc.so.6",)))
    assert [one.message for one in report.problems] == ([message] if message else [])
