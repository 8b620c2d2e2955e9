"""Each rule on the smallest inventory that shows it, and silence on the sound one."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from auditor.elf.model import LoadFault, NoticeKind
from auditor.family import Family
from auditor.finding import Finding
from auditor.image.model import Platform
from auditor.inventory.model import (
    UNOWNED,
    Drift,
    FileFact,
    Floors,
    Inventory,
    KernelFloor,
    MissingFiles,
    Notice,
    Place,
    Problem,
    StartProblem,
    StartUnknown,
    Tool,
    Unusable,
    Whereabouts,
)
from auditor.rules import ImageContext, Options, Subject, run_rules
from auditor.rules.image.rows import judge_rows
from auditor.rules.index.context import IndexContext
from auditor.severity import Severity
from tests.inventories import LAYERS, binary, context, sound, tool, with_tool
from tests.specs import own_row, own_spec

Change = Callable[[Inventory], Inventory]


def without(name: str, *programs: str) -> Change:
    def change(inventory: Inventory) -> Inventory:
        one = tool(name)
        kept = tuple(entry for entry in one.binaries if entry.name not in programs)
        return with_tool(inventory, replace(one, binaries=kept))

    return change


def with_binary(name: str, **fields: object) -> Change:
    def change(inventory: Inventory) -> Inventory:
        one = tool(name)
        changed = tuple(replace(entry, **fields) for entry in one.binaries)
        return with_tool(inventory, replace(one, binaries=changed))

    return change


def with_whereabouts(change: Change, **fields: object) -> Change:
    return lambda inventory: replace(change(inventory), whereabouts=(Whereabouts(**fields),))  # type: ignore[arg-type]


def with_problem(fault: str, path: str, name: str, message: str, *programs: str, **fields: object) -> Change:
    problem = Problem(LoadFault(fault), path, name, message, programs or (path,), **fields)  # type: ignore[arg-type]
    return lambda inventory: replace(inventory, problems=(problem,))


def findings(
    change: Change, spec: str = "calico-system-requirements", options: Options | None = None
) -> tuple[Finding, ...]:
    return run_rules(Subject.IMAGE, context(change(sound()), spec, options))


def errors_of(found: tuple[Finding, ...]) -> list[tuple[str, str, str | None]]:
    return [(entry.rule, entry.subject, entry.requirement) for entry in found if entry.severity is Severity.ERROR]


CASES: dict[str, tuple[Change, list[tuple[str, str, str | None]]]] = {
    "nothing is wrong": (lambda inventory: inventory, []),
    "a tool is gone": (
        without("conntrack-tools", "conntrack"),
        [("tool-missing", "conntrack", "tool.conntrack-tools")],
    ),
    "one of three names is gone": (
        without("ip6tables", "ip6tables-restore"),
        [("tool-missing", "ip6tables-restore", "tool.ip6tables")],
    ),
    "a dangling link": (
        with_whereabouts(
            without("ipset", "ipset"), name="ipset", unusable=(Unusable("/usr/sbin/ipset", "dangling link", 1),)
        ),
        [("tool-not-executable", "/usr/sbin/ipset", "tool.ipset")],
    ),
    "not a program": (
        with_binary("iproute2", kind="other", reason="empty file"),
        [("tool-not-executable", "/usr/sbin/ip", "tool.iproute2")],
    ),
    "an applet": (with_binary("iputils", kind="applet"), [("tool-is-applet", "/usr/sbin/ping", "tool.iputils")]),
    "no version where a minimum is set": (
        with_binary("ipset", version=None, reason="no version string"),
        [("tool-unversioned", "/usr/sbin/ipset", "tool.ipset")],
    ),
    "no version where none is asked for": (with_binary("iproute2", version=None), []),
    "a script": (with_binary("iptables", version=None, kind="script", flavour=None, reason="script"), []),
    "too old": (with_binary("ipset", version="6.10"), [("tool-too-old", "/usr/sbin/ipset", "tool.ipset")]),
    "just new enough": (with_binary("ipset", version="6.11"), []),
    "a version that can't be compared": (
        with_binary("conntrack-tools", version="beta"),
        [("tool-unversioned", "/usr/sbin/conntrack", "tool.conntrack-tools")],
    ),
    "a documented library is missing": (
        with_problem("library-missing", "/usr/sbin/conntrack", "libmnl.so.0", "libmnl.so.0: cannot open"),
        [("library-missing", "libmnl.so.0", "library.conntrack-tools.libmnl")],
    ),
    "another library of a tool is missing": (
        with_problem(
            "library-missing", "/usr/lib/libipset.so.13", "libx.so.1", "libx.so.1: cannot open", "/usr/sbin/ipset"
        ),
        [("library-missing", "libx.so.1", "tool.ipset")],
    ),
    "a library of something else is missing": (
        with_problem("library-missing", "/bin/calico-node", "libpcap.so.0.8", "libpcap.so.0.8: cannot open"),
        [("library-missing", "libpcap.so.0.8", "image.loads")],
    ),
    "a version is missing": (
        with_problem(
            "symbol-version-missing", "/usr/sbin/ipset", "GLIBC_2.34", "version not found", provider="/lib/libc.so.6"
        ),
        [("symbol-version-missing", "/usr/sbin/ipset", "tool.ipset")],
    ),
    "a symbol is missing": (
        with_problem(
            "symbol-missing", "/usr/sbin/xtables-legacy-multi", "xtables_strdup", "undefined symbol: xtables_strdup"
        ),
        [("symbol-missing", "/usr/sbin/xtables-legacy-multi", "image.loads")],
    ),
    "no loader": (
        with_problem("interpreter-missing", "/bin/tool", "/lib/ld.so", "no such file"),
        [("interpreter-missing", "/bin/tool", "image.loads")],
    ),
    "another machine": (
        with_problem("architecture-mismatch", "/usr/sbin/ip", "s390x", "is for s390x"),
        [("architecture-mismatch", "/usr/sbin/ip", "tool.iproute2")],
    ),
    "another platform than the index says": (
        lambda inventory: replace(inventory, offered_as=Platform("linux", "arm64", "v8")),
        [("architecture-mismatch", "linux/arm64/v8", "image.platforms")],
    ),
    "the platform that the index says": (
        lambda inventory: replace(inventory, offered_as=Platform("linux", "amd64")),
        [],
    ),
    "a broken file": (
        with_problem("elf-malformed", "/usr/lib/libc.so.6", "libc.so.6", "file too short", "/usr/sbin/ip"),
        [("elf-malformed", "/usr/lib/libc.so.6", "tool.iproute2")],
    ),
    "an extension is missing": (
        lambda inventory: replace(
            inventory, extensions=tuple(entry for entry in inventory.extensions if entry.name != "rpfilter")
        ),
        [("extension-missing", "rpfilter", "feature.ipt_rpfilter")],
    ),
    "ip without ipip": (
        lambda inventory: replace(inventory, link_types=()),
        [("extension-missing", "/usr/sbin/ip", "feature.ipip")],
    ),
    "the entrypoint": (
        lambda inventory: replace(inventory, start_problems=(StartProblem("/usr/sbin/start_runit", "it is empty", 1),)),
        [("entrypoint-broken", "/usr/sbin/start_runit", "image.entrypoint")],
    ),
    "an entrypoint that can't be told": (
        lambda inventory: replace(inventory, start_unknowns=(StartUnknown("/run.sh", 3, "exec $APP"),)),
        [],
    ),
    "a required program that its package still lists": (
        lambda inventory: replace(
            without("iputils", "ping")(inventory),
            drift=(Drift("missing", "/usr/bin/ping", "iputils-ping", 1, ("iputils",)),),
        ),
        [("tool-missing", "ping", "tool.iputils")],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_errors(case: str) -> None:
    change, expected = CASES[case]
    assert errors_of(findings(change)) == expected


@pytest.mark.parametrize("case", CASES)
def test_every_error_belongs_to_a_row_that_is_not_met(case: str) -> None:
    image = context(CASES[case][0](sound()))
    found = run_rules(Subject.IMAGE, image)
    rows = {row.requirement.id: row for row in judge_rows(image, found)}
    for index, entry in enumerate(found):
        for row in entry.rows:
            assert index in rows[row].findings
            assert entry.severity is not Severity.ERROR or rows[row].status == "not-met"


@pytest.mark.parametrize(
    ("problem", "unknown", "severity", "status"),
    [
        (StartProblem("/run.sh", "it is refused", 1), None, Severity.ERROR, "not-met"),
        (StartProblem("/run.sh", "no shell takes it", 1, sure=False), None, Severity.WARNING, "met"),
        (None, StartUnknown("/run.sh", 3, "it can't be read", unread=True), Severity.NOTE, "unknown"),
        (None, StartUnknown("/run.sh", 3, "exec $APP"), Severity.NOTE, "met"),
    ],
)
def test_how_a_script_that_is_started_is_judged(
    problem: StartProblem | None, unknown: StartUnknown | None, severity: Severity, status: str
) -> None:
    problems, unknowns = (problem,) if problem else (), (unknown,) if unknown else ()
    image = context(replace(sound(), start_problems=problems, start_unknowns=unknowns))
    found = run_rules(Subject.IMAGE, image)
    assert [entry.severity for entry in found if entry.rule == "entrypoint-broken"] == [severity]
    (row,) = [row for row in judge_rows(image, found) if row.requirement.id == "image.entrypoint"]
    assert row.status == status


def test_a_missing_tool_names_the_layer_that_deleted_it() -> None:
    gone = with_whereabouts(without("ipset", "ipset"), name="ipset", gone=(Place("/usr/sbin/ipset", 1),))
    (found,) = [entry for entry in findings(gone) if entry.rule == "tool-missing"]
    assert found.layer == 1
    assert "layer 2 of 2 deletes /usr/sbin/ipset" in found.message


def test_a_missing_tool_that_lies_elsewhere_says_so_beside_who_deleted_it() -> None:
    change = with_whereabouts(
        without("ipset", "ipset"),
        name="ipset",
        elsewhere=(Place("/opt/ipset", 0),),
        gone=(Place("/usr/sbin/ipset", 1),),
    )
    (found,) = [entry for entry in findings(change) if entry.rule == "tool-missing"]
    assert found.message == ("ipset is not on PATH; it lies at /opt/ipset, layer 2 of 2 deletes /usr/sbin/ipset.")
    assert found.fix == "Add its directory to PATH, or link ipset from /usr/local/sbin."


def test_a_plug_in_that_lies_elsewhere_is_named() -> None:
    def change(inventory: Inventory) -> Inventory:
        kept = tuple(entry for entry in inventory.extensions if entry.name != "rpfilter")
        return replace(inventory, extensions=kept)

    lying = with_whereabouts(change, name="libxt_rpfilter.so", elsewhere=(Place("/opt/libxt_rpfilter.so", 1),))
    (found,) = [entry for entry in findings(lying) if entry.rule == "extension-missing"]
    assert "/opt/libxt_rpfilter.so (layer 2 of 2) does not register it where iptables looks" in found.message
    assert found.layer == 1


@pytest.mark.parametrize(
    ("notice", "unknown"),
    [
        (Notice(NoticeKind.UNKNOWN, "/usr/sbin/ip", "libx.so.1", "it can't be read", programs=("/usr/sbin/ip",)), True),
        (Notice(NoticeKind.UNKNOWN, "/usr/sbin/ip", "", "it asks for much", programs=("/usr/sbin/ip",)), False),
        (Notice(NoticeKind.SIZE_DIFFERS, "/usr/sbin/ip", "d", "it differs", programs=("/usr/sbin/ip",)), False),
    ],
)
def test_only_a_load_that_can_not_be_told_makes_rows_unknown(notice: Notice, unknown: bool) -> None:
    image = context(replace(sound(), notices=(notice,)))
    rows = {row.requirement.id: row for row in judge_rows(image, run_rules(Subject.IMAGE, image))}
    assert {row for row, judged in rows.items() if judged.status == "unknown"} >= (
        {"image.loads"} if unknown else set()
    )
    assert (rows["image.loads"].status == "unknown") is unknown
    assert rows["tool.ipset"].status == "met"


def test_a_program_that_does_not_start_takes_its_own_rows_with_it_and_no_others() -> None:
    broken = with_problem("library-missing", "/usr/sbin/ipset", "libipset.so.13", "cannot open shared object file")
    image = context(broken(sound()))
    rows = {row.requirement.id: row.status for row in judge_rows(image, run_rules(Subject.IMAGE, image))}
    assert {name for name, status in rows.items() if status == "not-met"} == {
        "tool.ipset",
        "feature.ip_set",
        "image.loads",
    }


def test_a_feature_of_its_own_stands_while_its_tool_lacks_a_name() -> None:
    image = context(without("iptables", "iptables-save")(sound()))
    rows = {row.requirement.id: row.status for row in judge_rows(image, run_rules(Subject.IMAGE, image))}
    assert rows["tool.iptables"] == rows["feature.ip_tables"] == "not-met"
    assert rows["feature.ipt_rpfilter"] == "met"


@pytest.mark.parametrize("kind", ["script", "launcher"])
def test_only_a_launcher_can_be_linked_to_one_of_its_programs(kind: str) -> None:
    (found,) = [entry for entry in findings(with_binary("ipset", kind=kind)) if entry.rule == "tool-unknown"]
    assert ("Link the names to one of the programs" in found.fix) is (kind == "launcher")


FILES = own_spec(own_row("file.config", "It is there.", path="/etc/config", owner="app:100", mode="0640"))


@pytest.mark.parametrize(
    ("fact", "rule", "message"),
    [
        (FileFact("/etc/config", "/etc/config", "file", 1, 0o640, 7, 100, "app", "users"), "", ""),
        (FileFact("/etc/config", "/etc/config", "file", 1, 0o644, 7, 100, "app", "users"), "file-differs",
         "/etc/config has the mode 0644, not 0640."),
        (FileFact("/etc/config", "/etc/config", "file", 1, 0o640, 7, 9, "app", "mail"), "file-differs",
         "/etc/config belongs to app:mail, not app:100."),
        (FileFact("/etc/config", "/etc/config", "file", 1, 0o640, 0, 100, "root"), "file-differs",
         "/etc/config belongs to root:100, not app:100."),
        (FileFact("/etc/config", "", "", 1, reason="missing"), "file-missing",
         "/etc/config is not in the image: layer 2 of 2 deletes it."),
        (FileFact("/etc/config", "", "", None, reason="missing"), "file-missing",
         "/etc/config is not in the image."),
        (FileFact("/etc/config", "/run/config", "", 1, reason="dangling link"), "file-missing",
         "/etc/config is not in the image: dangling link at /run/config."),
    ],
)  # fmt: skip
def test_a_file_that_a_spec_asks_for(fact: FileFact, rule: str, message: str) -> None:
    image = ImageContext(FILES, Options(), replace(sound(), files=(fact,)), LAYERS)
    found = [entry for entry in run_rules(Subject.IMAGE, image) if entry.rule.startswith("file-")]
    assert [(entry.rule, entry.message) for entry in found] == ([(rule, message)] if rule else [])
    deleted = "deletes it" in message
    assert all((entry.fix == "Keep /etc/config in layer 2 of 2.") is deleted for entry in found)


@pytest.mark.parametrize(
    ("asked", "said", "differs"),
    [
        ("root", "", False),
        ("0", "root", False),
        ("root", "0:0", False),
        ("root", "root:root", False),
        ("app", "app", False),
        ("app", "app:users", True),
        ("app:users", "app:users", False),
        ("app:0", "app:root", False),
        ("app", "root", True),
        ("7", "app", True),
    ],
)
def test_a_user_is_compared_as_runtimes_see_it(asked: str, said: str, differs: bool) -> None:
    spec = own_spec(own_row("config.user", "x", user=asked))
    inventory = replace(sound(), config=replace(sound().config, user=said, stated=True))
    found = run_rules(Subject.IMAGE, ImageContext(spec, Options(), inventory, LAYERS))
    told = [entry.message for entry in found if entry.rule == "config-differs"]
    assert told == ([f"The image runs as {said}, not {asked}."] if differs else [])


def test_a_missing_library_tells_what_the_image_shows() -> None:
    change = with_whereabouts(
        with_problem("library-missing", "/bin/calico-node", "libpcap.so.0.8", "libpcap.so.0.8: cannot open"),
        name="libpcap.so.0.8",
        elsewhere=(Place("/opt/libpcap.so.0.8", 1),),
        siblings=("libpcap.so.1",),
    )
    (found,) = [entry for entry in findings(change) if entry.rule == "library-missing"]
    assert "/opt/libpcap.so.0.8, where the loader does not look" in found.message
    assert "the image has libpcap.so.1" in found.message


def test_features_of_a_missing_tool_are_not_met_without_findings_of_their_own() -> None:
    image = context(without("conntrack-tools", "conntrack")(sound()))
    found = run_rules(Subject.IMAGE, image)
    rows = {row.requirement.id: row.status for row in judge_rows(image, found)}
    assert rows["feature.conntrack"] == "not-met"
    assert rows["library.conntrack-tools.libmnl"] == "not-met"
    assert rows["feature.ipip"] == "met"


@pytest.mark.parametrize(
    ("family", "floor", "enforced", "expected"),
    [
        (Family.DUAL, "3.2.0", True, []),
        (Family.DUAL, "3.11.0", True, ["error"]),
        (Family.DUAL, "3.11.0", False, ["warning"]),
        (Family.IPV6, "3.11.0", True, ["error"]),
        (Family.IPV4, "3.2.0", True, ["error"]),
        (Family.IPV4, "3.2.0", False, ["warning"]),
        (Family.IPV4, "2.6.32", True, []),
    ],
)
def test_kernel_floor(family: Family, floor: str, enforced: bool, expected: list[str]) -> None:
    floors = Floors(kernel=(KernelFloor("/lib/libc.so.6", floor, enforced, 0),))
    found = findings(lambda inventory: replace(inventory, floors=floors), options=Options(ip_family=family))
    assert [entry.severity.value for entry in found if entry.rule == "kernel-floor"] == expected


@pytest.mark.parametrize(
    ("family", "not_applicable"),
    [
        (Family.DUAL, {"kernel.ipv4"}),
        (Family.IPV6, {"kernel.ipv4", "feature.ip_tables"}),
        (Family.IPV4, {"kernel.ipv6", "feature.ip6_tables"}),
    ],
)
def test_rows_that_an_ip_family_leaves_out(family: Family, not_applicable: set[str]) -> None:
    rows = judge_rows(context(sound(), options=Options(ip_family=family)), ())
    assert {row.requirement.id for row in rows if row.status == "not-applicable"} == not_applicable


@pytest.mark.parametrize(("strict", "severity"), [(False, Severity.NOTE), (True, Severity.ERROR)])
def test_documented_libraries_that_are_not_linked(strict: bool, severity: Severity) -> None:
    found = findings(lambda inventory: inventory, options=Options(strict=strict))
    states = {entry.requirement: entry.evidence["state"] for entry in found if entry.rule == "library-not-linked"}
    assert states == {
        "library.iputils.openssl": "shipped",
        "library.iputils.sysfsutils": "not-linked",
        "library.conntrack-tools.libnetfilter_cttimeout": "not-linked",
        "library.iptables.libpcap": "not-linked",
    }
    assert {entry.severity for entry in found if entry.rule == "library-not-linked"} == {severity}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda inventory: inventory, []),
        (without("iptables", *(f"iptables-nft{end}" for end in ("", "-save", "-restore"))), []),
        (
            lambda inventory: with_tool(
                inventory,
                Tool(
                    "iptables",
                    "1.8.9",
                    (),
                    tuple(entry for entry in tool("iptables").binaries if entry.flavour == "legacy"),
                ),
            ),
            [("variant-missing", "iptables-nft", "felix.iptables.nft")],
        ),
    ],
)
def test_variants(change: Change, expected: list[tuple[str, str, str]]) -> None:
    found = errors_of(findings(change, "felix"))
    assert [entry for entry in found if entry[0] == "variant-missing"] == expected


@pytest.mark.parametrize(
    ("version", "package_version", "vouched", "expected"),
    [
        ("1.8.9", "1.8.9", False, 0),
        ("1.8.9", "1.8.4", False, 1),
        ("1.8.9", "1.8.4", None, 1),
        ("1.8.9", "1.8.4", True, 0),
        ("1.8.9", None, False, 0),
    ],
)
def test_version_conflict(version: str, package_version: str | None, vouched: bool | None, expected: int) -> None:
    change = with_binary("ipset", version=version, package_version=package_version, vouched=vouched)
    assert sum(entry.rule == "version-conflict" for entry in findings(change)) == expected


def test_drift_is_a_warning_and_other_gone_files_one_note_per_package() -> None:
    found = findings(
        lambda inventory: replace(
            inventory,
            drift=(Drift("changed", "/usr/sbin/ip", "iproute2", 1, ("iproute2",)),),
            missing_files=(MissingFiles("iproute2", 3, ("/usr/share/doc/a", "/usr/share/doc/b", "/usr/share/doc/c")),),
        )
    )
    told = ("package-file-changed", "package-file-missing")
    drift = [(entry.rule, entry.severity.value) for entry in found if entry.rule in told]
    assert drift == [("package-file-changed", "warning"), ("package-file-missing", "note")]


@pytest.mark.parametrize(
    ("path", "users", "severity", "row"),
    [
        ("/usr/lib/libx.so.1", ("iproute2",), "warning", "tool.iproute2"),
        ("/usr/lib/libx.so.1", ("another",), "warning", None),
        ("/opt/ipset", ("iproute2",), "error", "tool.iproute2"),  # a required name, of which those tools have nothing
        ("/opt/ipset", ("ipset",), "warning", "tool.ipset"),  # PATH reaches another of that name
        ("/opt/ipset", ("another",), "warning", None),
    ],
)
def test_a_file_that_its_package_still_lists(path: str, users: tuple[str, ...], severity: str, row: str | None) -> None:
    lost = Drift("missing", path, "some", 1, users)
    told = findings(lambda inventory: replace(inventory, drift=(lost,)))
    found = [entry for entry in told if entry.rule == "package-file-missing"]
    assert [(entry.severity.value, entry.subject, entry.requirement) for entry in found] == [(severity, path, row)]


@pytest.mark.parametrize(
    ("package", "vouched", "words"),
    [
        ("iproute2", True, ""),
        ("iproute2", False, ""),  # that is a finding of its own
        (UNOWNED, None, "no package owns them"),
        (None, None, "no package database could be asked"),
    ],
)
def test_programs_that_nothing_vouches_for(package: str | None, vouched: bool | None, words: str) -> None:
    def change(inventory: Inventory) -> Inventory:
        tools = (
            replace(tool, binaries=tuple(replace(each, package=package, vouched=vouched) for each in tool.binaries))
            for tool in inventory.tools
        )
        return replace(inventory, tools=tuple(tools))

    told = [entry for entry in findings(change) if entry.rule == "package-file-unowned"]
    assert [entry.severity.value for entry in told] == (["note"] if words else [])
    assert all(words in entry.message and "/usr/sbin/ip" in str(entry.evidence) for entry in told)


def test_most_of_an_image_of_another_machine_is_one_finding() -> None:
    problems = tuple(
        Problem(LoadFault.ARCHITECTURE_MISMATCH, entry.resolved_path, "s390x", "is for s390x", (entry.resolved_path,))
        for entry in sound().executables
    )
    (found,) = [
        entry
        for entry in findings(lambda inventory: replace(inventory, problems=problems))
        if entry.rule == "architecture-mismatch"
    ]
    assert found.subject == "linux/amd64"
    assert set(found.affects) >= {"tool.iptables", "tool.ipset"}


OLD_LIBC = "/usr/local/lib/libc.so.6"


def lacking(objects: int, **fields: object) -> Change:
    """So many programs that want a version of one old libc."""
    problems = tuple(
        Problem(
            LoadFault.SYMBOL_VERSION_MISSING,
            f"/bin/p{number}",
            "GLIBC_2.34 (libc.so.6)",
            f"{OLD_LIBC}: version `GLIBC_2.34' not found (required by /bin/p{number})",
            (f"/bin/p{number}",),
            provider=OLD_LIBC,
            **fields,  # type: ignore[arg-type]
        )
        for number in range(objects)
    )
    return lambda inventory: replace(inventory, problems=problems)


def test_one_library_that_lacks_what_many_need_is_one_finding() -> None:
    (found,) = [entry for entry in findings(lacking(300)) if entry.severity is Severity.ERROR]
    assert (found.rule, found.subject) == ("symbol-version-missing", OLD_LIBC)
    assert "lacks 1 version that 300 objects need of it (version `GLIBC_2.34' not found" in found.message
    assert len(found.evidence["programs"]) == 300


def test_the_layer_that_brought_it_is_blamed() -> None:
    (found,) = [
        entry for entry in findings(lacking(9, suspect=Place(OLD_LIBC, 1), layer=0)) if entry.severity is Severity.ERROR
    ]
    assert (found.subject, found.layer) == (OLD_LIBC, 1)
    assert "brought it" in found.message


def test_few_objects_that_want_more_than_a_library_has_are_wrong_themselves() -> None:
    told = errors_of(findings(lacking(3)))
    assert [subject for _, subject, _ in told] == ["/bin/p0", "/bin/p1", "/bin/p2"]


@pytest.mark.parametrize(
    ("message", "hint"),
    [
        ("libx.so.1: cannot open shared object file: No such file or directory", True),
        ("Error loading shared library libx.so.1: No such file or directory (needed by /bin/tool)", False),
    ],
    ids=["glibc", "musl"],
)
@pytest.mark.parametrize(
    "where", [{"elsewhere": (Place("/opt/libx.so.1", 0),)}, {"unlinked": (Place("/lib/libx.so.1.2", 0),)}]
)
def test_only_glibc_knows_ldconfig(message: str, hint: bool, where: dict[str, tuple[Place, ...]]) -> None:
    change = with_problem("library-missing", "/bin/tool", "libx.so.1", message)
    (found,) = [
        entry
        for entry in findings(with_whereabouts(change, name="libx.so.1", **where))
        if entry.rule == "library-missing"
    ]
    assert ("ldconfig" in found.message + (found.fix or "")) == hint


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (lambda one: one, []),
        (lambda one: replace(one, version="7.11"), ["ipset differs between platforms: 7.11 on linux/arm64; "]),
        (lambda one: replace(one, version=None), []),
        (lambda one: replace(one, binaries=()), []),
    ],
)
def test_platforms_differ_in_what_they_have_and_not_in_what_they_lack(
    other: Callable[[Tool], Tool], said: list[str]
) -> None:
    here = sound()
    there = with_tool(replace(here, platform=Platform("linux", "arm64")), other(tool("ipset")))
    asked = context(here)
    index = IndexContext(asked.spec, asked.options, "image", (here.platform, there.platform), (here, there))
    found = [entry for entry in run_rules(Subject.INDEX, index) if entry.rule == "platform-skew"]
    assert [entry.message.partition("7.1")[0] for entry in found] == [words.partition("7.1")[0] for words in said]


def test_a_wrapper_script_is_unknown_not_wrong() -> None:
    image = context(with_binary("iptables", version=None, kind="script", flavour=None, reason="script")(sound()))
    found = run_rules(Subject.IMAGE, image)
    rows = {row.requirement.id: row.status for row in judge_rows(image, found)}
    assert rows["tool.iptables"] == "unknown"
    told = [(entry.rule, entry.severity.value) for entry in found if entry.rule.startswith("tool-")]
    assert told == [("tool-unknown", "warning")]


def test_an_entrypoint_that_does_not_load_does_not_meet_its_row() -> None:
    message = "libc.so.6: cannot open shared object file"
    for path, status in (("/bin/dash", "not-met"), ("/bin/other", "met")):
        broken = with_problem("library-missing", path, "libc.so.6", message)
        image = context(replace(broken(sound()), entry=("/run.sh", "/bin/dash")))
        rows = {row.requirement.id: row.status for row in judge_rows(image, run_rules(Subject.IMAGE, image))}
        assert rows["image.entrypoint"] == status


def test_one_binary_answers_by_its_name() -> None:
    assert tool("ipset").binary("ipset") == binary("ipset", "ipset")


def test_a_plug_in_that_one_flavour_of_one_tool_alone_lacks() -> None:
    def change(inventory: Inventory) -> Inventory:
        (known,) = (entry for entry in inventory.extensions if entry.name == "REJECT")
        others = (entry for entry in inventory.extensions if entry is not known)
        told = (replace(known, family="ipv4"), replace(known, family="ipv6", flavour="legacy"))
        return replace(inventory, extensions=(*others, *told))

    (found,) = [entry for entry in findings(change) if entry.rule == "extension-missing"]
    assert found.subject == "REJECT"
    assert found.message == "-j REJECT has no plug-in, for ip6tables (nf_tables)."
