"""Programs that real Go compilers make, of modules that lie in a folder, and what Go itself reads in them."""

import ast
from pathlib import Path

from auditor.elf.model import GoModule
from auditor.elf.read.go_build import GoBuild
from fixtures.golang import Go, Module

MODULES = (
    Module("example.com/dep", "v1.2.0", "package dep\nconst Name = 1\n"),
    Module("example.com/dep", "v1.3.0-rc.1", "package dep\nconst Name = 2\n"),
    Module("example.com/Upper/Case/v2", "v2.0.1", "package upper\nconst Name = 3\n"),
    Module("example.com/fork", "v0.0.0-20210601000000-0123456789ab", "package old\nconst Name = 4\n"),
)
_MAIN = """package main

import (
	upper "example.com/Upper/Case/v2"
	"example.com/dep"
	"example.com/local"
	"example.com/old"
)

var note string

func main() { println(note, dep.Name, upper.Name, local.Name, old.Name) }
"""
_NEEDS = """module example.com/app

go 1.15

require (
	example.com/Upper/Case/v2 v2.0.1
	example.com/dep {dep}
	example.com/local v0.9.0
	example.com/old v1.0.0
)

replace example.com/local => ./local

replace example.com/old => example.com/fork v0.0.0-20210601000000-0123456789ab
"""
STRIPPED = ("-ldflags", "-s -w -X 'main.note=a b\tc\"d\\é\u200b'")


def compiled(
    go: Go, folder: Path, target: Path, flags: tuple[str, ...] = (), dep: str = "v1.2.0", **setting: str
) -> Path:
    """A program with a dependency, one of a path in capitals, one that a fork replaces, and one that a folder does."""
    proxy, sources = folder / "proxy", folder / "app"
    for module in MODULES:
        module.publish(proxy)
    (sources / "local").mkdir(parents=True, exist_ok=True)
    (sources / "local" / "go.mod").write_text("module example.com/local\n\ngo 1.15\n")
    (sources / "local" / "local.go").write_text("package local\n\nconst Name = 5\n")
    (sources / "main.go").write_text(_MAIN)
    (sources / "go.mod").write_text(_NEEDS.format(dep=dep))
    return go.build(sources, target, proxy, flags, setting)


def build_said(text: str) -> GoBuild:
    """The output of `go version -m`, which has a line for each entry."""
    head, *lines = text.splitlines()
    package, main, modules, settings = "", None, list[GoModule](), dict[str, str]()
    for line in lines:
        kind, *fields = line.removeprefix("\t").split("\t")
        path, version, checksum = (*fields, "", "", "")[:3]
        if kind == "path":
            package = path
        elif kind == "mod":
            main = GoModule(path, version, checksum)
        elif kind == "dep":
            modules.append(GoModule(path, version, checksum))
        elif kind == "=>":
            asked = modules.pop()
            modules.append(GoModule(path, version, checksum, f"{asked.path} {asked.version}"))
        elif kind == "build":
            key, _, value = fields[0].partition("=")
            # What Go quotes is a Go string, whose escapes Python's have too.
            settings[key] = ast.literal_eval(value) if value.startswith('"') else value
    return GoBuild(head.rpartition(": ")[2], package, main, tuple(modules), settings)
