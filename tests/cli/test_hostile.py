"""Whatever comes in or goes wrong: one line and exit code 2, 130 or 143, never a traceback, never exit code 1."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from auditor.cli.main import run
from auditor.cli.output import Output, Outputs
from auditor.errors import UsageError
from auditor.files import parse_toml

ROOT = Path(__file__).parents[2]
DEEP = {
    "nested lists": "a = " + "[" * 20_000 + "]" * 20_000,
    "nested tables": "a = " + "{a = " * 20_000 + "1" + "}" * 20_000,
    "a number of 5,000 digits": f"a = {'1' * 5_000}",
    "a key of 20,000 parts": ".".join("a" * 20_000) + " = 1",
    "a table of 20,000 parts": "[" + ".".join("a" * 20_000) + "]",
    "quoted parts": ".".join(['"a b"'] * 20_000) + " = 1",
    "not UTF-8": b"\xff",
    "no TOML": "a = = 1",
}


pytestmark = pytest.mark.usefixtures("heeded_sigint")


def start(*arguments: str, cwd: Path | None = None, **streams: object) -> "subprocess.Popen[bytes]":
    given: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
    return subprocess.Popen([sys.executable, "-m", "auditor", *arguments], cwd=cwd, **given)


@pytest.mark.parametrize("text", DEEP.values(), ids=DEEP)
def test_toml_that_nobody_writes(text: str | bytes) -> None:
    with pytest.raises(UsageError) as caught:
        parse_toml(text if isinstance(text, bytes) else text.encode(), "the file", "it.toml")
    assert "it.toml" in str(caught.value)


@pytest.mark.parametrize("name", ["spec", "waivers", "audit-image", "pyproject"])
@pytest.mark.parametrize("kind", ["nested lists", "a number of 5,000 digits", "a key of 20,000 parts"])
def test_every_file_that_a_user_writes_is_read_so(
    name: str, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / f"{name}.toml").write_text(f"# audit-image\n{DEEP[kind]}\n")
    monkeypatch.chdir(tmp_path)
    given = [f"--{name}", f"{name}.toml"] if name in ("spec", "waivers") else []
    assert run(["check", "report:none.json", *given]) == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert f"{name}.toml" in line


@pytest.mark.parametrize(
    ("file", "text", "told"),
    [
        ("pyproject.toml", "tool = 1 # audit-image", "none.json"),
        ("pyproject.toml", "[tool]\naudit-image = 1", "not a table"),
        ("pyproject.toml", "no TOML and none of our business", "none.json"),
        ("audit-image.toml", 'waivers = "a\\u0000b"', "null"),
        ("audit-image.toml", "output = 3", "is a list"),
        (
            "spec.toml",
            'schema_version = "1"\nname = "a"\nversion = "1"\ntitle = "a"\nextends = "a\\u0000b"',
            "can't read the spec",
        ),
    ],
)
def test_odd_words_in_them(
    file: str, text: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / file).write_text(text)
    monkeypatch.chdir(tmp_path)
    assert run(["check", "report:none.json", *(["--spec", file] if file == "spec.toml" else [])]) == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert told in line


def test_a_pipe_that_nobody_writes_to_is_not_waited_for(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    os.mkfifo(tmp_path / "waivers.toml")
    assert run(["check", "report:none.json", "--waivers", str(tmp_path / "waivers.toml")]) == 2
    assert "not a regular file" in capfd.readouterr().err


def test_a_fault_of_our_own_is_one_line(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("what\nnobody thought of")

    monkeypatch.setattr("auditor.spec.load_spec", broken)
    assert run(["spec", "show"]) == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert "a fault in audit-image: ZeroDivisionError: what nobody thought of; report it to" in line
    assert run(["explain", "--spec", "--verbose"]) == 2  # the word is here, which is what counts
    assert "Traceback" in capfd.readouterr().err


@pytest.mark.parametrize("closed", ["stdout", "stderr"])
def test_a_closed_stream(closed: str) -> None:
    number = {"stdout": 1, "stderr": 2}[closed]
    done = subprocess.run(
        ["sh", "-c", f'"$0" -m auditor schema report {number}>&-', sys.executable], capture_output=True, check=False
    )
    assert done.returncode == (2 if closed == "stdout" else 0)
    assert b"Traceback" not in done.stderr + done.stdout


@pytest.mark.parametrize("command", ["schema report", "explain", "spec list", "--help"])
def test_a_full_standard_output(command: str) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full")
    with Path("/dev/full").open("wb") as full:
        process = start(*command.split(), stdout=full)
        _, told = process.communicate()
    assert process.returncode == 2
    assert told.decode().splitlines() == ["audit-image: No space left on device"]


def test_a_full_standard_error() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full")
    with Path("/dev/full").open("wb") as full:
        process = start("check", "report:none.json", stderr=full)
        out, _ = process.communicate()
    assert (process.returncode, out) == (2, b"")


def test_a_working_directory_that_is_gone(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    done = subprocess.run(
        ["sh", "-c", 'rmdir "$PWD"; PYTHONPATH="$1" "$0" -m auditor explain', sys.executable, str(ROOT)],
        cwd=gone,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("audit-image: the working directory is gone")


@pytest.fixture
def silent() -> Iterator[str]:
    """A registry that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        connected = threading.Event()

        def accept() -> None:
            held = []
            try:
                while True:
                    held.append(server.accept())
                    connected.set()
            except OSError:
                return

        threading.Thread(target=accept, daemon=True).start()
        yield f"registry:127.0.0.1:{server.getsockname()[1]}/a/b:c"
        server.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interruption_is_one_line_and_leaves_nothing_behind(
    number: signal.Signals, code: int, silent: str, tmp_path: Path
) -> None:
    (tmp_path / "old.json").write_text("old")
    process = start("check", silent, "-v", "-o", f"json={tmp_path / 'old.json'}", cwd=tmp_path)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(1.5)
    process.send_signal(number)
    out, told = process.communicate(timeout=20)
    assert (process.returncode, out) == (code, b"")
    assert told.decode().splitlines()[-1] == "audit-image: interrupted; nothing was judged"
    assert b"Traceback" not in told
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {"old.json": "old"}


def test_an_interruption_while_modules_are_loaded_is_one_line_too(tmp_path: Path) -> None:
    (tmp_path / "typer.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n")
    done = subprocess.run(
        [sys.executable, "-m", "auditor", "explain"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "audit-image: interrupted; nothing was judged\n")


def test_every_file_or_none(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_text("old")

    def render(name: str, _: object) -> str:
        if name == "json":
            raise OSError(28, "No space left on device")
        return "new"

    with pytest.raises(OSError, match="No space"):
        Outputs((Output("text", first), Output("json", second))).write(render)
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {"first": "old"}


def test_what_cannot_be_tidied_up_takes_no_report_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, **_: object) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "unlink", refuse)
    Outputs((Output("json", tmp_path / "report.json"),)).write(lambda *_: "new")
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {"report.json": "new"}


@pytest.mark.parametrize("mode", [0o600, 0o644])
def test_a_file_keeps_its_mode_and_a_link_stays_one(mode: int, tmp_path: Path) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    real.write_text("old")
    real.chmod(mode)
    link.symlink_to(real)
    Outputs((Output("text", link),)).write(lambda name, _: f"{name} new")
    assert (link.is_symlink(), real.read_text(), real.stat().st_mode & 0o777) == (True, "text new", mode)


def test_a_full_disk_keeps_the_old_report(tmp_path: Path) -> None:
    """On a file system of two pages, which only root may mount."""
    if (
        os.geteuid()
        or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8k", "none", tmp_path], check=False).returncode
    ):
        pytest.skip("mounting a small file system needs root")
    try:
        report = tmp_path / "report.json"
        report.write_text("old")
        with pytest.raises(UsageError, match="No space left on device"):
            Outputs((Output("json", report),)).write(lambda *_: "x" * 100_000)
        assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {"report.json": "old"}
    finally:
        subprocess.run(["umount", tmp_path], check=True)
