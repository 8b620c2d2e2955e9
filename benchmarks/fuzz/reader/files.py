"""Scripts, and the files that users write."""

from collections.abc import Iterator
from importlib import resources

from auditor.auditing.waivers import load_waivers
from auditor.image.model import Config, Platform
from auditor.process.handover import follow_script
from auditor.process.launch import launch
from auditor.process.path import search_path
from auditor.process.shell.grammar import read_script
from auditor.settings import Option, read_settings
from auditor.spec.load import find_faults, load_spec
from auditor.spec.write import as_json, as_toml
from benchmarks.fuzz.model import Reader
from benchmarks.fuzz.world import joined, parts, scratch, tree, written

_SCRIPT = b"""#!/bin/sh -e
export PATH=/opt/bin:$PATH
[ -n "${FELIX_X:-}" ] && exec calico-node -felix
case "$1" in a|b) . /etc/rc;; *) for i in 1 2; do echo $((i + 1)) `id`; done;; esac
cat <<-'EOF' | while read x; do : "$x"; done
	text
	EOF
f() { local a=$(printf %s "$@"); } >&2 2>/dev/null &
exec runsvdir -P /etc/service
"""
_BASH = b"""#!/usr/bin/env bash
set -o pipefail; declare -a A=(1 "2" [3]=4); [[ $x =~ ^a(b|c)$ && -f y ]] || coproc cat <<< "${A[@]//a/b}"
(( x++ )); select z in a; do break; done; function g { time ls; }; echo $'\\n' {1..3} <(true)
"""


def _shell(data: bytes) -> None:
    """An entrypoint, what it sources, and a service."""
    entry, sourced, service = parts(data, 3)
    for dialect in ("", "bash", "dash", "ash"):
        read_script(entry.decode("utf-8", "surrogateescape"), dialect)
    files = {
        "/entry": entry, "/etc/rc": sourced, "/etc/service/a/run": service, "/bin/sh": b"\x7fELF",
        "/bin/bash": b"\x7fELF",
        "/opt/bin/calico-node": b"\x7fELF",
    }  # fmt: skip
    image = tree(files)
    launch(image, Config(Platform("linux", "amd64"), env=("PATH=/bin",), entrypoint=("/entry", "a")))
    follow_script(image, "/entry", search_path(("PATH=/bin",)))


def _spec(data: bytes) -> None:
    path = str(written("fuzz.toml", data))
    find_faults(path)
    spec = load_spec(path)
    as_json(spec)
    as_toml(spec)


def _specs() -> Iterator[bytes]:
    yield (resources.files("auditor.spec") / "base.toml").read_bytes()[:8192]
    yield b"""schema_version = "1"
name = "mine"
version = "1"
title = "t"
extends = "base"
[[requirement]]
id = "mine.ipset"
kind = "tool"
section = "Ours"
text = "ipset is there."
tool = "ipset"
programs = ["ipset"]
minimum = "7.10"
[tool.jq]
minimum = "1.6"
pattern = "jq-([0-9.]+)"
"""


_OPTIONS = {
    "check": [
        Option("strict"),
        Option("spec", "NAME|FILE"),
        Option("output", "FORMAT[=FILE]", many=True),
        Option("ca", "FILE"),
    ],
    "diff": [Option("fail_on"), Option("limit", many=True)],
}


def _settings(data: bytes) -> None:
    """Both files, and variables."""
    own, project, variables = parts(data, 3)
    folder = scratch() / "project"
    folder.mkdir(exist_ok=True)
    (folder / "audit-image.toml").write_bytes(own)
    (folder / "pyproject.toml").write_bytes(project)
    pairs = (line.partition("=") for line in variables.decode("utf-8", "surrogateescape").splitlines()[:8])
    read_settings(_OPTIONS, folder, {name: value for name, _, value in pairs})


READERS = {
    "shell": Reader(_shell, lambda: [joined(_SCRIPT, b"PATH=$PATH:/x; return\n", _SCRIPT), joined(_BASH, b"", b"")]),
    "spec": Reader(_spec, _specs, longest=8192),
    "waivers": Reader(
        lambda data: load_waivers(str(written("waivers.toml", data))),
        lambda: [b'[[waiver]]\nrule = "library-missing"\nreason = "r"\nowner = "o"\n'
                 b'expires = 2027-01-31\nsubject = "*"\n'],
    ),
    "settings": Reader(
        _settings,
        lambda: [joined(b'strict = true\nspec = "x.toml"\n[check]\noutput = ["json=a", "text"]\n'
                        b'[diff]\nlimit = "a=1,b=2"\n',
                        b'[tool.audit-image]\nfail-on = "any"\n', b"AUDIT_IMAGE_STRICT=1\nAUDIT_IMAGE_CHECK_SPEC=y")],
    ),
}  # fmt: skip
