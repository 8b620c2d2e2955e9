"""A tool that is a script or a launcher is judged by what it runs, and the image's own shell says what that is."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from auditor.inventory.model import Binary
from auditor.report.model import Report
from tests.inventory.room import Room, errors, statuses, unknown_rows, warnings

SIX = [f"{family}{action}" for family in ("iptables", "ip6tables") for action in ("", "-save", "-restore")]

# The shape of kubernetes-sigs/iptables-wrappers' script: it finds a flavour, changes the links, and starts itself anew.
CHOOSING = """#!/bin/sh
set -eu
sbin="/usr/sbin"
if [ ! -x "${sbin}/xtables-nft-multi" ] && [ ! -x "${sbin}/xtables-legacy-multi" ]; then
    echo "ERROR: iptables is not installed" >&2
    exit 1
fi
mode=nft
[ -x "${sbin}/xtables-nft-multi" ] || mode=legacy
for name in iptables iptables-save iptables-restore ip6tables ip6tables-save ip6tables-restore; do
    case "${name}" in
    *-*) target="${name%-*}-${mode}-${name#*-}" ;;
    *) target="${name}-${mode}" ;;
    esac
    ln -sf "${sbin}/${target}" "${sbin}/${name}"
done
exec "$0" "$@"
"""

# What kubernetes-sigs/iptables-wrappers' Go program does: it asks both flavours for the chains that a kubelet makes,
# turns the six names to the flavour that has them (else nf_tables), and starts the same command anew.
LAUNCHER = """package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
)

var (
	names = []string{
		"iptables", "iptables-save", "iptables-restore",
		"ip6tables", "ip6tables-save", "ip6tables-restore",
	}
	chain = regexp.MustCompile("(?m)^:(KUBE-IPTABLES-HINT|KUBE-KUBELET-CANARY)")
)

func folder() string {
	for _, place := range []string{"/usr/sbin", "/sbin"} {
		if _, err := exec.LookPath(filepath.Join(place, "iptables")); err == nil {
			return place
		}
	}
	fail(fmt.Errorf("no iptables in /usr/sbin or /sbin"))
	return ""
}

func multi(place, mode string) string {
	return filepath.Join(place, "xtables-"+mode+"-multi")
}

func asks(program string, words ...string) bool {
	out, _ := exec.Command(program, words...).Output()
	return chain.Match(out)
}

func turn(place, mode string) error {
	if path, err := exec.LookPath(filepath.Join(place, "update-alternatives")); err == nil {
		return exec.Command(path, "--set", "iptables", filepath.Join(place, "iptables-"+mode)).Run()
	}
	for _, name := range names {
		os.Remove(filepath.Join(place, name))
		if err := os.Symlink(multi(place, mode), filepath.Join(place, name)); err != nil {
			return err
		}
	}
	return nil
}

func main() {
	place, mode := folder(), "nft"
	program := multi(place, "nft")
	found := asks(program, "iptables-save", "-t", "mangle") || asks(program, "ip6tables-save", "-t", "mangle")
	if !found && asks(multi(place, "legacy"), "iptables-save") {
		mode = "legacy"
	}
	program = os.Args[0]
	words := os.Args[1:]
	if err := turn(place, mode); err != nil {
		fmt.Fprintln(os.Stderr, "the names can't be turned:", err)
		program, words = multi(place, mode), os.Args
	}
	command := exec.Command(program, words...)
	command.Stdout, command.Stderr = os.Stdout, os.Stderr
	if err := command.Run(); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "Error:", err)
	os.Exit(1)
}
"""


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


def script(body: str) -> str:
    return f"#!/bin/sh\n{body}\n"


def tool_binary(report: Report, name: str) -> Binary:
    return next(binary for tool in report.tools for binary in tool.binaries if binary.name == name)


def diverted(room: Room) -> None:
    room.move("/usr/sbin/ipset", "/usr/sbin/ipset.distrib")
    room.put("/usr/sbin/ipset", script('exec /usr/sbin/ipset.distrib "$@"'))


def test_the_tool_is_what_is_at_the_end_of_its_script(room: Room) -> None:
    diverted(room)
    result = room.audit()
    binary = tool_binary(result, "ipset")
    assert binary.version is not None and binary.version in room.run("/usr/sbin/ipset", "version").text
    assert (binary.kind, binary.resolved_path) == ("program", "/usr/sbin/ipset.distrib")
    assert any(entry.soname.startswith("libipset.so") for entry in binary.closure)
    evidence = next(tool.evidence for tool in result.tools if tool.name == "ipset")
    assert (evidence[0].kind, evidence[0].value) == ("via", "/usr/sbin/ipset")
    assert result.inventory.set_types
    assert (errors(result), warnings(result)) == (set(), set())
    assert statuses(result)["tool.ipset"] == statuses(result)["feature.ip_set"] == "met"


def target_gone(room: Room) -> None:
    diverted(room)
    room.remove("/usr/sbin/ipset.distrib")


def target_without_library(room: Room) -> None:
    diverted(room)
    room.remove("/usr/lib/x86_64-linux-gnu/libipset.so*")


def six_gone(room: Room) -> None:
    for name in SIX:
        room.put(f"/usr/sbin/{name}", script(f'exec /opt/xt/{name} "$@"'))


def make_wrapper(room: Room) -> None:
    lines = "PATH=${PATH:+':'$PATH':'}\nexport PATH\n"
    room.put("/usr/sbin/ipset", f'#!/usr/bin/bash -e\n{lines}exec -a "$0" "/usr/sbin/.ipset-wrapped"  "$@"\n')


def empty_ping(room: Room) -> None:
    room.put("/usr/bin/ping", "#!/bin/sh\n# nothing yet\n")


def ping_of_no_bytes(room: Room) -> None:
    room.put("/usr/bin/ping", "")


def nothing_to_choose(room: Room) -> None:
    room.put("/usr/sbin/iptables-wrapper", CHOOSING)
    for name in SIX:
        room.link(f"/usr/sbin/{name}", "iptables-wrapper")
    room.remove("/usr/sbin/xtables-*", "/usr/sbin/*tables-nft*", "/usr/sbin/*tables-legacy*", "/usr/sbin/*-translate")


def true_ipset(room: Room) -> None:
    room.remove("/usr/sbin/ipset")
    room.link("/usr/sbin/ipset", "/bin/true")


NOT_EXECUTABLE = [("tool-not-executable", f"/usr/sbin/{name}") for name in SIX]
BROKEN: list[tuple[Callable[[Room], None], list[str], list[tuple[str, str]]]] = [
    (target_gone, ["ipset", "version"], [("tool-not-executable", "/usr/sbin/ipset")]),
    (target_without_library, ["ipset", "version"], [("library-missing", "libipset.so.13")]),
    (six_gone, ["iptables", "--version"], NOT_EXECUTABLE),
    (make_wrapper, ["ipset", "version"], [("tool-not-executable", "/usr/sbin/ipset")]),
    (empty_ping, ["ping", "-V"], [("tool-not-executable", "/usr/bin/ping")]),
    (ping_of_no_bytes, ["ping", "-V"], [("tool-not-executable", "/usr/bin/ping")]),
    (nothing_to_choose, ["iptables", "--version"], NOT_EXECUTABLE),
    (true_ipset, ["ipset", "version"], [("tool-unversioned", "/usr/sbin/ipset")]),
]


@pytest.mark.parametrize(("change", "command", "found"), BROKEN, ids=[row[0].__name__ for row in BROKEN])
def test_a_script_that_runs_nothing_fails(
    room: Room, change: Callable[[Room], None], command: list[str], found: list[tuple[str, str]]
) -> None:
    change(room)
    result = room.audit()
    answer = room.run(*command)
    assert " v" not in answer.text and "iputils" not in answer.text, answer
    assert errors(result) == set(found)
    assert result.verdict == "fail"


def test_a_script_that_picks_is_judged_by_what_it_may_pick(room: Room) -> None:
    room.put("/usr/sbin/iptables-wrapper", CHOOSING)
    for name in SIX:
        room.link(f"/usr/sbin/{name}", "iptables-wrapper")
    result = room.audit("felix")
    binary = tool_binary(result, "iptables")
    assert (binary.kind, binary.version, binary.flavour, binary.reason) == ("script", None, None, "script")
    assert set(binary.candidates) == {"/usr/sbin/xtables-nft-multi", "/usr/sbin/xtables-legacy-multi"}
    assert (errors(result), warnings(result)) == (set(), {("tool-unknown", "/usr/sbin/iptables")})
    assert unknown_rows(result) == set()
    assert room.run("iptables", "--version").text.startswith("iptables v1.")


@pytest.mark.parametrize(
    ("folder", "picks"),
    [("/usr/sbin", {"/usr/sbin/xtables-nft-multi", "/usr/sbin/xtables-legacy-multi"}), ("/opt/xt", set())],
    ids=["there", "gone"],
)
def test_a_script_picks_from_the_directory_that_it_names(room: Room, folder: str, picks: set[str]) -> None:
    mode = "mode=nft\n[ -x /usr/sbin/xtables-nft-multi ] || mode=legacy\n"
    for name in SIX:
        room.put(
            f"/usr/sbin/{name}",
            script(f'{mode}exec -a {name} "{folder}/xtables-$mode-multi" "$@"').replace("sh\n", "bash\n", 1),
        )
    result = room.audit()
    assert set(tool_binary(result, "iptables").candidates) == picks
    assert warnings(result) == {("tool-unknown", f"/usr/sbin/{name}") for name in SIX}
    assert unknown_rows(result) == (set() if picks else {"tool.iptables", "tool.ip6tables"})
    assert room.run("iptables", "--version").text.startswith("iptables v1.") is bool(picks)


def test_what_it_may_pick_is_judged(room: Room) -> None:
    room.put("/usr/sbin/iptables-wrapper", CHOOSING)
    for name in SIX:
        room.link(f"/usr/sbin/{name}", "iptables-wrapper")
    room.remove("/usr/lib/x86_64-linux-gnu/libnftnl.so*")
    result = room.audit()
    assert ("library-missing", "libnftnl.so.11") in errors(result)
    assert statuses(result)["tool.iptables"] == "not-met"
    assert not room.run("iptables", "--version").text.startswith("iptables v1.")


@pytest.fixture(scope="module")
def launcher(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A static Go program that picks an xtables binary, as the wrapper of today does."""
    if shutil.which("go") is None:
        pytest.skip("no Go compiler (Debian package golang-go)")
    folder = tmp_path_factory.mktemp("launcher")
    (folder / "main.go").write_text(LAUNCHER)
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "CGO_ENABLED": "0", "GO111MODULE": "off"}
    command = ["go", "build", "-trimpath", "-ldflags=-s -w", "-o", "launcher", "main.go"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"Go builds nothing here: {done.stderr.decode()[-200:]}")
    return (folder / "launcher").read_bytes()


def with_launcher(room: Room, launcher: bytes) -> None:
    room.put("/dev/null", "")  # what Go gives a program that it starts; nothing is mounted there
    room.put("/usr/sbin/iptables-wrapper", launcher)
    for name in SIX:
        room.link(f"/usr/sbin/{name}", "iptables-wrapper")


@pytest.mark.parametrize("spec", [pytest.param("calico-system-requirements", marks=pytest.mark.full), "felix"])
def test_a_launcher_is_judged_by_what_it_may_pick(room: Room, launcher: bytes, spec: str) -> None:
    with_launcher(room, launcher)
    result = room.audit(spec)
    binary = tool_binary(result, "ip6tables-save")
    assert (binary.kind, binary.version, binary.flavour, binary.reason) == ("launcher", None, None, "launcher")
    assert len(binary.candidates) == 2
    assert (errors(result), warnings(result)) == (set(), {("tool-unknown", "/usr/sbin/iptables")})
    assert unknown_rows(result) == set()
    assert room.run("iptables", "--version").text.startswith("iptables v1.")


def test_a_launcher_with_nothing_to_pick_is_no_build_of_the_tool(room: Room, launcher: bytes) -> None:
    with_launcher(room, launcher)
    room.remove("/usr/sbin/xtables-*", "/usr/sbin/*tables-nft*", "/usr/sbin/*tables-legacy*", "/usr/sbin/*-translate")
    result = room.audit()
    assert errors(result) == {("tool-unversioned", "/usr/sbin/iptables"), ("tool-unversioned", "/usr/sbin/ip6tables")}
    assert not room.run("iptables", "--version").text.startswith("iptables v1.")


UNTOLD = {
    "another root": 'exec chroot /host ipset "$@"',
    "a command": "/usr/sbin/ipset.distrib $*",
    "a variable": 'exec "$TOOL" "$@"',
}


@pytest.mark.parametrize("body", UNTOLD.values(), ids=list(UNTOLD))
def test_what_cannot_be_told_is_unknown_and_said(room: Room, body: str) -> None:
    diverted(room)
    room.put("/usr/sbin/ipset", script(body))
    result = room.audit()
    assert (errors(result), warnings(result)) == (set(), {("tool-unknown", "/usr/sbin/ipset")})
    assert statuses(result)["tool.ipset"] == statuses(result)["feature.ip_set"] == "unknown"


def test_one_of_two_named_programs_will_do(room: Room) -> None:
    room.move("/usr/sbin/ipset", "/opt/new/ipset")
    room.put("/usr/sbin/ipset", script('if [ -x /opt/newer/ipset ]; then exec /opt/newer/ipset "$@"; fi\n'
                                       'if [ -x /opt/new/ipset ]; then exec /opt/new/ipset "$@"; fi'))  # fmt: skip
    result = room.audit()
    assert tool_binary(result, "ipset").candidates == ("/opt/new/ipset",)
    assert (errors(result), warnings(result)) == (set(), {("tool-unknown", "/usr/sbin/ipset")})
    assert statuses(result)["tool.ipset"] == statuses(result)["feature.ip_set"] == "met"
    assert room.run("ipset", "version").text.startswith("ipset v")


def test_a_tool_off_path_is_not_said_to_be_nowhere(room: Room) -> None:
    room.move("/usr/sbin/conntrack", "/opt/bin/conntrack")
    result = room.audit()
    assert [tool.reason for tool in result.tools if tool.name == "conntrack-tools"] == [
        "not on PATH: /opt/bin/conntrack"
    ]
    assert errors(result) == {("tool-missing", "conntrack")}
    package = [entry.evidence.get("package") for entry in result.findings if entry.rule == "tool-missing"]
    assert package == ["conntrack"]
