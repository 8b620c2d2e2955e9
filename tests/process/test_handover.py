"""Tools that are scripts: what each hands over to, and what is said where that can't be told."""

import pytest

from auditor.process.handover import HandOver, follow_script
from auditor.process.path import DEFAULT_PATH, SearchPath
from tests.process.memorytree import Entry, File, Link, MemoryTree
from tests.process.starting import BASE, ELF

REAL: dict[str, Entry] = {
    "/usr/sbin/ipset.distrib": ELF,
    "/opt/xt/xtables-nft-multi": ELF,
    "/opt/xt/iptables-nft": Link("xtables-nft-multi"),
    "/usr/sbin/iptables-legacy": ELF,
    "/usr/bin/python3": ELF,
}


def follow(text: str, files: dict[str, Entry] | None = None) -> HandOver:
    tree = MemoryTree({**BASE, **REAL, "/usr/sbin/ipset": text, **(files or {})})
    return follow_script(tree, "/usr/sbin/ipset", SearchPath(tuple(DEFAULT_PATH.split(":"))))


# What nix's makeWrapper writes.
NIX = """#! /usr/bin/bash -e
PATH=${PATH:+':'$PATH':'}
PATH=${PATH/':''/nix/store/x/bin'':'/':'}
PATH='/nix/store/x/bin'$PATH
PATH=${PATH#':'}
PATH=${PATH%':'}
export PATH
exec -a "$0" "/usr/sbin/ipset.distrib"  "$@"
"""

ENDS: list[tuple[str, str, str, tuple[str | None, ...], str | None]] = [
    ("diverted", '#!/bin/sh\nexec /usr/sbin/ipset.distrib "$@"', "/usr/sbin/ipset.distrib", (None,),
     "/usr/sbin/ipset.distrib"),
    ("by name", '#!/bin/sh\nexec ipset.distrib "$@"', "/usr/sbin/ipset.distrib", (None,), "ipset.distrib"),
    ("a multi-call binary", '#!/bin/sh\nexec /opt/xt/xtables-nft-multi iptables "$@"', "/opt/xt/xtables-nft-multi",
     ("iptables", None), "/opt/xt/xtables-nft-multi"),
    ("through a link", '#!/bin/sh\nexec /opt/xt/iptables-nft', "/opt/xt/xtables-nft-multi", (),
     "/opt/xt/iptables-nft"),
    ("makeWrapper", NIX, "/usr/sbin/ipset.distrib", (None,), None),
    ("PATH before", '#!/bin/sh\nPATH=/opt/xt:$PATH\nexec iptables-nft -w', "/opt/xt/xtables-nft-multi", ("-w",),
     "iptables-nft"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "end", "arguments", "called"), [row[1:] for row in ENDS], ids=[r[0] for r in ENDS])
def test_the_tool_is_what_is_at_the_end(text: str, end: str, arguments: tuple[str | None], called: str | None) -> None:
    found = follow(text)
    assert found.program is not None and (found.problem, found.reason) == (None, "")
    assert (found.via, found.program.real_path) == (("/usr/sbin/ipset",), end)
    assert (found.program.arguments, found.program.called) == (arguments, called)


def test_scripts_on_the_way_are_named_in_order() -> None:
    found = follow('#!/bin/sh\nexec /opt/second "$@"', {"/opt/second": '#!/bin/sh\nexec /usr/sbin/ipset.distrib "$@"'})
    assert found.via == ("/usr/sbin/ipset", "/opt/second")
    assert found.program is not None and found.program.origin.line == 2


GONE: list[tuple[str, Entry, str]] = [
    ("target gone", '#!/bin/sh\nexec /opt/gone "$@"', "/opt/gone"),
    ("makeWrapper, target gone", NIX.replace("ipset.distrib", "gone"), "/usr/sbin/gone"),
    ("interpreter gone", "#!/bin/ksh\nexec ipset.distrib", "/bin/ksh"),
    ("empty", "", "/usr/sbin/ipset"),
    ("no x bit", File("#!/bin/sh\nexec ipset.distrib", 0o644), "/usr/sbin/ipset"),
    ("second script's target", "#!/bin/sh\nexec /opt/second", "gone"),
]


@pytest.mark.parametrize(("entry", "path"), [row[1:] for row in GONE], ids=[row[0] for row in GONE])
def test_what_cannot_start_is_a_problem(entry: Entry, path: str) -> None:
    found = follow("", {"/usr/sbin/ipset": entry, "/opt/second": "#!/bin/sh\nexec gone\n"})
    assert found.program is None and found.problem is not None
    assert path in (found.problem.path, found.problem.message) or path in found.problem.message


# The shape of the wrapper script that Kubernetes' images have.
CHOOSING = """#!/bin/sh
set -eu
if [ -d /usr/sbin -a -e /usr/sbin/iptables ]; then sbin=/usr/sbin; else exit 1; fi
if [ "$(iptables-nft-save | grep -c KUBE)" -gt 0 ]; then mode=nft; else mode=legacy; fi
update-alternatives --set iptables "/usr/sbin/iptables-${mode}" > /dev/null
exec "$0" "$@"
"""

UNTOLD: list[tuple[str, str, str, list[str]]] = [
    ("a condition", '#!/bin/sh\nif x; then exec /opt/xt/iptables-nft "$@"; else exec iptables-legacy "$@"; fi',
     "on conditions only", ["/opt/xt/iptables-nft", "iptables-legacy"]),
    ("a case with one gone", '#!/bin/sh\ncase $1 in a) exec /opt/gone;; *) exec iptables-legacy;; esac',
     "on conditions only", ["/opt/gone", "iptables-legacy"]),
    ("a function", '#!/bin/sh\nmain() { exec iptables-legacy "$@"; }\nmain "$@"', "on conditions only",
     ["iptables-legacy"]),
    ("a variable", '#!/bin/sh\nexec "$TOOL" "$@"', 'to "$TOOL", which only the run time knows', []),
    ("a variable that is told", "#!/bin/sh\nT=/usr/sbin/iptables-legacy\nexec $T", "on conditions only",
     ["/usr/sbin/iptables-legacy"]),
    ("no hand-over", "#!/bin/sh\nipset.distrib", "hands over to no program", []),
    ("another language", "#!/usr/bin/python3\n", "is a script for /usr/bin/python3", []),
    ("dash has no exec -a", '#!/bin/sh\nexec -a x iptables-legacy', "on conditions only", ["iptables-legacy"]),
    ("through env", "#!/bin/sh\nX=$(which a)\nexec $UNKNOWN", "which only the run time knows", []),
]  # fmt: skip


@pytest.mark.parametrize(("text", "reason", "candidates"), [r[1:] for r in UNTOLD], ids=[r[0] for r in UNTOLD])
def test_what_cannot_be_told_has_a_reason_and_candidates(text: str, reason: str, candidates: list[str]) -> None:
    found = follow(text)
    assert found.program is None and found.problem is None
    assert reason in found.reason
    assert [target.word for target in found.candidates] == candidates


def test_a_script_that_starts_itself_again_says_so() -> None:
    found = follow(CHOOSING)
    assert found.program is None and found.problem is None and found.again


def test_a_program_is_its_own_end() -> None:
    found = follow("", {"/usr/sbin/ipset": ELF})
    assert found.via == () and found.program is not None and found.program.path == "/usr/sbin/ipset"
