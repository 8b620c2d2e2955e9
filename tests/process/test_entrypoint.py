"""Entrypoint and Cmd as a runtime starts them, and what the kernel makes of the files."""

import pytest

from auditor.process.launch import command_line, launch
from auditor.process.model import ProgramKind, Role
from tests.process.memorytree import Entry, File, Link, MemoryTree
from tests.process.starting import ELF, problems, programs, start

ROWS: list[tuple[str, dict[str, Entry], list[str], list[tuple[str, str]]]] = [
    ("on PATH", {}, ["app"], []),
    ("by path", {}, ["/usr/bin/app", "-x"], []),
    ("not on PATH", {"/opt/gone": ELF}, ["gone"], [("missing", "gone")]),
    ("no such path", {}, ["/opt/gone"], [("missing", "/opt/gone")]),
    ("empty word", {}, ["", "x"], [("missing", "")]),
    ("dangling link", {"/opt/x": Link("none")}, ["/opt/x"], [("missing", "/opt/x")]),
    ("directory", {"/opt/x/y": "y"}, ["/opt/x"], [("not-executable", "/opt/x")]),
    ("no x bit", {"/opt/x": File(ELF, 0o644)}, ["/opt/x"], [("not-executable", "/opt/x")]),
    ("x bit for others only", {"/opt/x": File(ELF, 0o641)}, ["/opt/x"], []),
    ("no x bit on PATH", {"/usr/local/bin/x": File(ELF, 0o644)}, ["x"], [("not-executable", "x")]),
    ("no x bit, then one", {"/usr/local/sbin/x": File(ELF, 0o644), "/usr/bin/x": ELF}, ["x"], []),
    ("empty file", {"/opt/x": ""}, ["/opt/x"], [("empty", "/opt/x")]),
    ("text", {"/opt/x": "exec app\n"}, ["/opt/x"], [("not-a-program", "/opt/x")]),
    ("byte-order mark", {"/opt/x": "\ufeff#!/bin/sh\nexec app\n"}, ["/opt/x"], [("not-a-program", "/opt/x")]),
    ("blank before", {"/opt/x": " #!/bin/sh\nexec app\n"}, ["/opt/x"], [("not-a-program", "/opt/x")]),
    ("no interpreter named", {"/opt/x": "#!\nexec app\n"}, ["/opt/x"], [("not-a-program", "/opt/x")]),
    ("script", {"/opt/x": "#!/bin/sh\nexec app\n"}, ["/opt/x"], []),
    ("blanks", {"/opt/x": "#!  \t/bin/sh -e\t \nexec app\n"}, ["/opt/x"], []),
    ("interpreter gone", {"/opt/x": "#!/bin/ash\n"}, ["/opt/x"], [("interpreter-missing", "/opt/x")]),
    ("interpreter without x bit", {"/opt/x": "#!/opt/i\n", "/opt/i": File(ELF, 0o644)}, ["/opt/x"],
     [("interpreter-unusable", "/opt/x")]),
    ("interpreter is text", {"/opt/x": "#!/opt/i\n", "/opt/i": "text"}, ["/opt/x"],
     [("interpreter-unusable", "/opt/x")]),
    ("interpreter is a directory", {"/opt/x": "#!/opt\n"}, ["/opt/x"], [("interpreter-unusable", "/opt/x")]),
    ("interpreter is relative", {"/opt/x": "#!usr/bin/sh\nexec app\n"}, ["/opt/x"], []),
    ("CR", {"/opt/x": "#!/bin/sh\r\nexec app\r\n"}, ["/opt/x"], [("carriage-return", "/opt/x")]),
    ("CR after an option", {"/opt/x": "#!/bin/sh -e\r\nexec app\r\n"}, ["/opt/x"], [("carriage-return", "/opt/x")]),
    ("CR after env", {"/opt/x": "#!/usr/bin/env sh\r\nexec app\r\n"}, ["/opt/x"], [("carriage-return", "/opt/x")]),
    ("CR, interpreter of that name", {"/opt/x": "#!/bin/sh\r\nexec app\n", "/usr/bin/sh\r": ELF}, ["/opt/x"], []),
    ("env", {"/opt/x": "#!/usr/bin/env bash\nexec app\n"}, ["/opt/x"], []),
    ("env of nothing", {"/opt/x": "#!/usr/bin/env python3\n"}, ["/opt/x"], [("interpreter-missing", "/opt/x")]),
    ("env with blanks", {"/opt/x": "#!/usr/bin/env bash -e\n"}, ["/opt/x"], [("interpreter-missing", "/opt/x")]),
    ("env -S", {"/opt/x": "#!/usr/bin/env -S bash -e\nexec gone\n"}, ["/opt/x"], [("missing", "gone")]),
    ("env -S with a variable", {"/opt/x": "#!/usr/bin/env -S A=b gone\n"}, ["/opt/x"], []),
    ("env of itself", {"/usr/bin/x": "#!/usr/bin/env x\n"}, ["/usr/bin/x"], []),
    ("too long", {"/opt/x": "#!/" + "x" * 300 + "\n"}, ["/opt/x"], [("not-a-program", "/opt/x")]),
    ("long argument", {"/opt/x": "#!/bin/sh " + "-" * 300 + "\nexec app\n"}, ["/opt/x"], []),
    ("shell with a text", {}, ["/bin/sh", "-c", "exec gone"], [("missing", "gone")]),
    ("shell with a command", {}, ["/bin/sh", "-c", "gone -x"], [("missing", "gone")]),
    ("shell with a list", {}, ["/bin/sh", "-c", "gone -x; app"], []),
    ("shell with a condition", {}, ["/bin/sh", "-c", "gone || app"], []),
    ("shell with a variable", {}, ["/bin/sh", "-c", "$GONE"], []),
    ("shell with options", {}, ["bash", "-eu", "-o", "pipefail", "-c", "exec gone"], [("missing", "gone")]),
    ("login shell", {}, ["bash", "-lc", "exec gone"], []),
    ("shell with a file", {"/opt/x": File("exec gone\n", 0o644)}, ["sh", "/opt/x"], [("missing", "gone")]),
    ("shell without the file", {}, ["sh", "-e", "/opt/gone.sh"], [("missing", "/opt/gone.sh")]),
    ("shell alone", {}, ["/bin/sh"], []),
    ("broken text", {}, ["/bin/sh", "-c", "if"], [("syntax", "dash")]),
    ("tini", {}, ["tini", "-g", "--", "app"], []),
    ("tini with nothing", {}, ["tini", "--", "gone"], [("missing", "gone")]),
    ("tini with a script", {"/x": "#!/bin/sh\nexec gone"}, ["/usr/bin/tini", "--", "/x"], [("missing", "gone")]),
    ("tini with an unknown option", {}, ["tini", "--what", "gone"], []),
    ("env with a variable", {}, ["env", "A=b", "gone"], [("missing", "gone")]),
    ("env with an empty environment", {}, ["env", "-i", "gone"], []),
    ("sudo", {}, ["sudo", "-E", "gone"], []),
]  # fmt: skip


@pytest.mark.parametrize(("files", "argv", "expected"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_start(files: dict[str, Entry], argv: list[str], expected: list[tuple[str, str]]) -> None:
    result = start(files, argv)
    assert problems(result) == expected
    assert result.argv == tuple(argv)


def scripts(count: int) -> dict[str, Entry]:
    """Scripts /s1, /s2, … each interpreted by the next, the last by the shell."""
    chain: dict[str, Entry] = {f"/s{number}": f"#!/s{number + 1}\n" for number in range(1, count)}
    return {**chain, f"/s{count}": "#!/bin/sh\n"}


def test_scripts_nest_five_deep() -> None:
    assert problems(start(scripts(5), ["/s1"])) == []
    assert problems(start(scripts(6), ["/s1"])) == [("nested", "/s1")]


def test_all_interpreters_are_looked_at() -> None:
    result = start({"/opt/x": "#!/usr/bin/env bash\nexec app\n"}, ["/opt/x"])
    assert programs(result) == ["/usr/bin/env", "/usr/bin/bash", "/usr/bin/app"]
    roles = [part.role for part in result.starts]
    assert roles == [Role.ENTRYPOINT, Role.INTERPRETER, Role.INTERPRETER, Role.HANDOVER]
    assert result.starts[0].kind is ProgramKind.SCRIPT


def test_cmd_follows_entrypoint_and_reaches_the_script() -> None:
    files: dict[str, Entry] = {"/start": '#!/bin/sh\nset -e\nexec "$@"\n'}
    result = start(files, ["/start"], ["app", "-x"])
    assert result.argv == ("/start", "app", "-x")
    assert programs(result) == ["/usr/bin/app"]
    assert problems(start(files, ["/start"], ["gone"])) == []


def test_cmd_alone_and_an_entrypoint_that_is_reset() -> None:
    assert problems(start({}, [], ["gone"])) == [("missing", "gone")]
    assert start({}, [""], ["app"]).argv == ("app",)


def test_nothing_to_start_is_a_remark() -> None:
    result = start({})
    assert result.problems == () and "no Entrypoint and no Cmd" in result.unknowns[0].message


@pytest.mark.parametrize(
    ("env", "word", "fine"),
    [
        (["PATH=/opt/bin"], "tool", True),
        (["PATH=/opt/bin", "PATH=/usr/bin"], "tool", False),
        (["A=b"], "tool", False),
        (["PATH="], "tool", False),
        (["PATH=/none:/opt/bin:"], "tool", True),
        (["PATH=opt/bin"], "tool", True),
        (["PATH=/usr/bin"], "opt/bin/tool", True),
        (["PATH=/usr/bin"], "./opt/bin/../bin/tool", True),
    ],
)
def test_path_of_the_config(env: list[str], word: str, fine: bool) -> None:
    assert (problems(start({"/opt/bin/tool": ELF}, [word], env=env)) == []) is fine


def test_working_directory() -> None:
    files: dict[str, Entry] = {"/srv/tool": ELF, "/srv/file": "x"}
    assert problems(start(files, ["./tool"], working_dir="/srv")) == []
    assert problems(start(files, ["./tool"])) == [("missing", "./tool")]
    assert problems(start(files, ["tool"], env=["PATH=:/bin"], working_dir="srv/")) == []
    assert problems(start(files, ["app"], working_dir="/made/later")) == []
    assert problems(start(files, ["app"], working_dir="/srv/file")) == [("working-directory", "/srv/file")]


def test_messages_name_the_config() -> None:
    (problem,) = start({}, ["start_runit"]).problems
    assert (
        problem.message == "the image's Entrypoint and Cmd start 'start_runit', which is not found on the image's PATH"
    )
    assert problem.origin.text == '["start_runit"]'


def test_a_busybox_shell_may_have_the_program_built_in() -> None:
    box = ELF + b"\0[\0[[\0runsvdir\0sh\0"
    files: dict[str, Entry] = {"/bin/busybox": box, "/bin/sh": Link("busybox"), "/x": "#!/bin/sh\nexec runsvdir /a\n"}
    tree = MemoryTree(files)
    assert launch(tree, _config("/x")).problems == ()
    missing = MemoryTree({**files, "/x": "#!/bin/sh\nexec gone /a\n"})
    assert len(launch(missing, _config("/x")).problems) == 1


def _config(*argv: str):  # type: ignore[no-untyped-def]
    from auditor.image.model import Config, Platform  # noqa: PLC0415

    config = Config(Platform("linux", "amd64"), entrypoint=argv)
    assert command_line(config) == argv
    return config
