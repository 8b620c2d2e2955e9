"""What rules share, said of single values: how lists, layers, levels and platforms are told."""

import pytest
from msgspec.structs import replace

from auditor.elf.model import LoadFault, NoticeKind
from auditor.finding import Finding
from auditor.image.model import Platform
from auditor.inventory.model import (
    Drift,
    InstalledPackage,
    Inventory,
    LibraryFile,
    Notice,
    Place,
    Problem,
    Unusable,
    Whereabouts,
)
from auditor.rules import Options
from auditor.rules.context import enumerate_names, finding, outcome
from auditor.rules.image.config import _canonical
from auditor.rules.image.libraries import library_state
from auditor.rules.image.loading import _above_floor, _rank
from auditor.rules.image.tools import install_hint
from auditor.rules.index.platforms import _is
from auditor.rules.model import Subject, also, find_rule, rule
from auditor.rules.severity import weighed
from auditor.severity import Severity
from auditor.spec import Kind
from tests.inventories import context, sound, tool
from tests.rules.test_rules import Change, with_binary, with_problem, without
from tests.specs import own_row, own_spec


@pytest.mark.parametrize(
    ("count", "most", "words"),
    [
        (0, 4, ""),
        (1, 4, "a"),
        (4, 4, "a, b, c, d"),
        (5, 4, "a, b, c and 2 more"),
        (6, 4, "a, b, c and 3 more"),
        (2, 2, "a, b"),
        (3, 2, "a and 2 more"),
    ],
)
def test_a_list_fits_a_sentence(count: int, most: int, words: str) -> None:
    assert enumerate_names("abcdef"[:count], most) == words


@pytest.mark.parametrize(("layer", "words"), [(None, ""), (0, "layer 1 of 2"), (1, "layer 2 of 2"), (2, ""), (3, "")])
def test_a_layer_is_counted_as_people_do(layer: int | None, words: str) -> None:
    assert context(sound()).blame(layer) == words


def test_a_finding_has_its_rule_s_severity_and_mend_unless_it_says_otherwise() -> None:
    plain = finding("tool-too-old", "a", "x", "m", affects=("b", "a", "b"))
    assert (plain.severity, plain.fix, plain.affects) == (
        Severity.ERROR,
        "Install a newer release of the tool.",
        ("b",),
    )
    own = finding("tool-too-old", "a", "x", "m", severity=Severity.NOTE, fix="Wait.")
    assert (own.severity, own.fix) == (Severity.NOTE, "Wait.")
    with pytest.raises(KeyError):
        finding("no-such-rule", None, "x", "m")


def test_a_rule_is_explained_in_the_words_of_its_code(monkeypatch: pytest.MonkeyPatch) -> None:
    found = find_rule("tool-too-old")
    assert found is not None
    assert found.summary == "The upstream version is below the spec's minimum."
    assert found.explanation.startswith("Versions are compared as each project numbers its releases; epochs and")
    monkeypatch.setattr("auditor.rules.model._REGISTER", {"mine": found})
    with pytest.raises(ValueError, match="two rules are called mine"):
        rule("mine", Severity.NOTE, Subject.IMAGE, mend="")(lambda _: ())
    with pytest.raises(ValueError, match="no rule is called other"):
        also("other", Subject.IMAGE)(lambda _: ())


def against(*waived: str | None) -> list[Finding]:
    return [replace(finding("tool-too-old", "a", "x", f"m{n}"), waived_by=by) for n, by in enumerate(waived)]


@pytest.mark.parametrize(
    ("waived", "told"),
    [
        ((None,), ("not-met", "m0")),
        (("me", None), ("not-met", "m1")),
        (("me",), ("waived", "waived: me")),
        (("me", "you"), ("waived", "waived: me")),
    ],
)
def test_a_row_is_waived_where_all_that_breaks_it_is(waived: tuple[str | None, ...], told: tuple[str, str]) -> None:
    assert outcome(against(*waived)) == told


@pytest.mark.parametrize(
    ("severity", "rows", "told"),
    [
        (Severity.ERROR, ("file.warns",), Severity.WARNING),
        (Severity.ERROR, ("file.notes",), Severity.NOTE),
        (Severity.ERROR, ("file.notes", "file.warns"), Severity.WARNING),
        (Severity.ERROR, ("file.warns", "file.notes"), Severity.WARNING),
        (Severity.ERROR, ("file.warns", "file.plain"), Severity.ERROR),
        (Severity.ERROR, (), Severity.ERROR),
        (Severity.WARNING, ("file.notes",), Severity.WARNING),
    ],
)
def test_an_error_weighs_what_the_severest_row_weighs(
    severity: Severity, rows: tuple[str, ...], told: Severity
) -> None:
    spec = own_spec(
        own_row("file.warns", "x", path="/a", severity="warning"),
        own_row("file.notes", "x", path="/b", severity="note"),
        own_row("file.plain", "x", path="/c"),
    )
    first, others = (rows[0], rows[1:]) if rows else (None, ())
    (entry,) = weighed(spec, [finding("tool-too-old", first, "x", "m", severity=severity, affects=others)])
    assert entry.severity is told


@pytest.mark.parametrize(
    ("name", "same"),
    [
        ("linux/arm", True),
        ("linux/arm/v7", True),
        ("linux/arm/v6", False),
        ("linux/arm64", False),
        ("windows/arm/v7", False),
        ("linux", True),
        ("linux/arm/v7/x", False),
    ],
)
def test_a_platform_that_is_asked_for(name: str, same: bool) -> None:
    assert _is(Platform("linux", "arm", "v7"), name) is same


@pytest.mark.parametrize(
    ("floor", "levels", "above"),
    [
        ("x86-64", ["x86-64-v3", "x86-64-v2"], True),
        ("x86-64-v2", ["x86-64-v3", "x86-64-v2"], False),
        ("x86-64-v2", ["x86-64-v3"], True),
        ("x86-64-v3", ["x86-64-v2"], False),
        (None, ["x86-64-v4"], False),
    ],
)
def test_a_floor_below_all_levels_that_find_a_library(floor: str | None, levels: list[str], above: bool) -> None:
    options = Options(cpu=(("amd64", floor),) if floor else ())
    assert _above_floor(context(sound(), options=options), levels) is above


def test_levels_are_ordered_by_their_numbers() -> None:
    names = ["power10", "power9", "z13", "z14", "x86-64-v2", "x86-64-v4"]
    assert [_rank(low) < _rank(high) for low, high in (names[1::-1], names[2:4], names[4:])] == [True, True, True]


@pytest.mark.parametrize(
    ("user", "told"),
    [
        ("root", "root"),
        ("0", "root"),
        ("0:0", "root"),
        ("root:0", "root"),
        ("app", "app"),
        ("app:root", "app:root"),
        ("app:0", "app:root"),
        ("0:app", "root:app"),
        ("app:users", "app:users"),
    ],
)
def test_a_user_as_runtimes_see_it(user: str, told: str) -> None:
    assert _canonical(user) == told


@pytest.mark.parametrize(
    ("types", "packages", "hint"),
    [
        (("deb",), {"deb": "iproute2", "rpm": "iproute"}, "Install the package iproute2."),
        (("rpm", "deb"), {"deb": "iproute2", "rpm": "iproute"}, "Install the package iproute / iproute2."),
        (("apk",), {"deb": "iproute2", "rpm": "iproute"}, "Install the package iproute / iproute2."),
        ((), {"deb": "a|b"}, "Install the package a or b."),
        (("deb",), {}, ""),
    ],
)
def test_the_package_to_install_is_that_of_the_image_s_own_manager(
    types: tuple[str, ...], packages: dict[str, str], hint: str
) -> None:
    installed = tuple(InstalledPackage(kind, "x", "1", "", "") for kind in types)
    row = replace(context(sound()).rows(Kind.TOOL)[0], packages=packages)
    assert install_hint(context(replace(sound(), packages=installed)), row) == hint


# What the rules for an image are given


@pytest.mark.parametrize(("asked", "unknown"), [(None, ()), ((), ("ipip",)), (("ipip",), ()), (("vxlan",), ("ipip",))])
def test_link_types_that_nobody_looked_for(asked: tuple[str, ...] | None, unknown: tuple[str, ...]) -> None:
    judged = context(replace(sound(), link_types_asked=asked))
    (row,) = [row for row in judged.rows(Kind.FEATURE) if row.link_types]
    assert judged.link_types_not_looked_for(row) == unknown


def test_who_owned_what_is_lost_shows_by_its_name() -> None:
    lost = (
        Drift("missing", "/usr/sbin/ip", "iproute2", 0),
        Drift("missing", "/sbin/ip", "busybox", 0),
        Drift("missing", "/usr/sbin/ip2", "other", 0),
        Drift("changed", "/bin/ip", "changed", 0),
    )
    judged = context(replace(sound(), drift=lost))
    assert judged.owner_of_lost("ip") == {"package": "busybox, iproute2"}
    assert judged.owner_of_lost("usr") == {}


def test_a_name_that_is_there_and_can_not_be_started_is_not_missing() -> None:
    gone = without("ipset", "ipset")(sound())
    there = Whereabouts("ipset", unusable=(Unusable("/bin/ipset", "empty", 0),))
    assert context(gone).is_missing("ipset", "ipset")
    assert not context(replace(gone, whereabouts=(there,))).is_missing("ipset", "ipset")
    assert not context(sound()).is_missing("ipset", "ipset")
    elsewhere = Whereabouts("ipset", elsewhere=(Place("/opt/ipset", 0),))
    assert context(replace(gone, whereabouts=(elsewhere,))).is_missing("ipset", "ipset")


@pytest.mark.parametrize(("at_start", "starts"), [(True, False), (False, True)])
def test_what_is_missed_at_a_call_keeps_no_program_from_starting(at_start: bool, starts: bool) -> None:
    lost = with_problem("library-missing", "/usr/sbin/ipset", "libx.so", "libx.so: cannot open", at_start=at_start)
    judged = context(lost(sound()))
    (ipset,), (ip,) = tool("ipset").binaries, tool("iproute2").binaries
    assert (judged.can_start(ipset), judged.can_start(ip)) == (starts, True)


@pytest.mark.parametrize(
    ("kind", "name", "told"),
    [
        (NoticeKind.UNKNOWN, "/lib/ld.so", "no rules are known"),
        (NoticeKind.UNKNOWN, "", ""),
        (NoticeKind.PRELOAD_IGNORED, "/lib/ld.so", ""),
    ],
)
def test_why_it_is_not_known_what_a_start_loads(kind: NoticeKind, name: str, told: str) -> None:
    notice = Notice(kind, "/usr/sbin/ipset", name, "no rules are known", programs=("/usr/sbin/ipset",))
    judged = context(replace(sound(), notices=(notice,)))
    assert judged.unknown_start(tool("ipset").binaries[0]) == told
    assert judged.unknown_start(tool("iproute2").binaries[0]) == ""


# What is known of a documented library


def same(inventory: Inventory) -> Inventory:
    return inventory


def state_of(*problems: Problem, change: Change = same, row: str = "library.iproute2.libelf") -> str | None:
    judged = context(replace(change(sound()), problems=problems))
    (asked,) = [each for each in judged.rows(Kind.LIBRARY) if each.id == row]
    return library_state(judged, asked)


def lost(fault: LoadFault, name: str = "libelf.so.1", *programs: str) -> Problem:
    return Problem(fault, "/usr/sbin/ip", name, f"{name}: of no use", programs or ("/usr/sbin/ip",))


UNLINKED = with_binary("iproute2", closure=())


@pytest.mark.parametrize(
    ("problems", "change", "state"),
    [
        ((), same, "linked"),
        ((), UNLINKED, "not-linked"),
        ((), without("iproute2", "ip"), None),
        ((lost(LoadFault.LIBRARY_MISSING),), UNLINKED, "missing"),
        ((lost(LoadFault.LIBRARY_MISSING),), same, "missing"),
        ((lost(LoadFault.LIBRARY_MISSING, "libelfx.so.1"),), UNLINKED, "not-linked"),
        ((lost(LoadFault.LIBRARY_MISSING, "libelf.so.1", "/opt/ip"),), UNLINKED, "not-linked"),
        ((lost(LoadFault.SYMBOL_MISSING),), UNLINKED, "not-linked"),
        ((lost(LoadFault.SYMBOL_MISSING),), same, "linked"),
        # What its loader doesn't come to, or what nobody knows, shows in no way what it links.
        ((lost(LoadFault.INTERPRETER_MISSING, "/lib/ld.so"),), UNLINKED, None),
        ((lost(LoadFault.ARCHITECTURE_MISMATCH, "s390x"),), UNLINKED, None),
        ((lost(LoadFault.ELF_MALFORMED, ""),), UNLINKED, None),
        ((lost(LoadFault.ELF_MALFORMED, ""),), same, "linked"),
    ],
)
def test_whether_a_tool_links_a_library(problems: tuple[Problem, ...], change: Change, state: str | None) -> None:
    assert state_of(*problems, change=change) == state


@pytest.mark.parametrize(("library", "state"), [("libcrypto.so.3", "shipped"), ("libcrypt.so.3", "not-linked")])
def test_a_library_that_is_there_and_not_linked(library: str, state: str) -> None:
    there = (LibraryFile(library, f"/usr/lib/{library}"),)
    assert state_of(change=lambda one: replace(one, libraries=there), row="library.iputils.openssl") == state


def test_a_loader_that_nobody_knows_leaves_what_is_linked_unknown() -> None:
    notice = Notice(NoticeKind.UNKNOWN, "/usr/sbin/ip", "/lib/ld.so", "no rules are known", programs=("/usr/sbin/ip",))
    assert state_of(change=lambda one: replace(one, notices=(notice,))) is None
