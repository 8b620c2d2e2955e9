"""Small images for the tests of what is started."""

from collections.abc import Mapping, Sequence

from auditor.image.model import Config, Platform
from auditor.process.launch import launch
from auditor.process.model import Launch
from tests.process.memorytree import Entry, Link, MemoryTree

ELF = b"\x7fELF\x02\x01\x01" + bytes(57)

BASE: dict[str, Entry] = {
    "/bin": Link("usr/bin"),
    "/sbin": Link("usr/sbin"),
    "/usr/sbin/chroot": ELF,
    "/usr/bin/dash": ELF,
    "/usr/bin/sh": Link("dash"),
    "/usr/bin/bash": ELF,
    "/usr/bin/env": ELF,
    "/usr/bin/cat": ELF,
    "/usr/bin/runsvdir": ELF,
    "/usr/bin/runsv": ELF,
    "/usr/bin/svlogd": ELF,
    "/usr/bin/app": ELF,
    "/usr/bin/tini": ELF,
    "/usr/bin/sudo": ELF,
    "/usr/local/bin/agent": ELF,
}


def start(
    files: Mapping[str, Entry],
    entrypoint: Sequence[str] = (),
    cmd: Sequence[str] = (),
    env: Sequence[str] = (),
    working_dir: str = "",
) -> Launch:
    """What an image of the base and these files starts. An entry of None that the base has is a directory."""
    platform = Platform("linux", "amd64")
    config = Config(platform, tuple(env), tuple(entrypoint), tuple(cmd), working_dir=working_dir)
    return launch(MemoryTree({**BASE, **files}), config)


def run(
    script: str, files: Mapping[str, Entry] | None = None, cmd: Sequence[str] = (), shell: str = "/bin/sh"
) -> Launch:
    """What an entrypoint script of this text starts; a `#!` line is put before it, by default one for dash."""
    return start({"/start": f"#!{shell}\n" + script, **(files or {})}, ["/start"], cmd)


def problems(result: Launch) -> list[tuple[str, str]]:
    return [(problem.fault.value, problem.word) for problem in result.problems]


def programs(result: Launch) -> list[str]:
    """Names of the ELF programs, the shell that reads the first script left out."""
    return [part.real_path for part in result.programs if part.real_path != "/usr/bin/dash"]
