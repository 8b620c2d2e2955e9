"""Progress and log lines: on standard error, for people only, and harmless whatever an image is called."""

import sys

import pytest

from auditor import events
from auditor.cli.progress import Bars, describe, listening

CHOSEN = events.SourceChosen("registry", "quay.example/calico/node:v1", "sha256:12")
TRIED = events.SourceTried("docker", "the daemon does not answer")
RETRIED = events.Retried("https://quay.example", "429", 1.5)


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (CHOSEN, "quay.example/calico/node:v1: answered by registry, sha256:12"),
        (TRIED, "docker: the daemon does not answer"),
        (RETRIED, "https://quay.example: 429; trying again in 1.5 s"),
        (events.LayerAdvanced(0, 5), ""),
    ],
)
def test_what_a_log_keeps(event: events.Event, line: str) -> None:
    assert describe(event) == line


@pytest.mark.parametrize(("quiet", "verbose", "lines"), [(True, True, 0), (False, False, 0), (False, True, 2)])
def test_a_pipe_gets_log_lines_only_where_asked_for(
    quiet: bool, verbose: bool, lines: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with listening(quiet=quiet, verbose=verbose) as listener:
        for event in (TRIED, CHOSEN, events.LayerStarted(0, 1, "sha256:1", 10), events.LayerFinished(0, 10)):
            listener(event)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.splitlines()) == lines


def test_control_characters_do_not_reach_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    with listening(quiet=False, verbose=True) as listener:
        listener(events.SourceTried("docker", "\x1b[2J\nno"))
    assert "\x1b" not in capsys.readouterr().err


def test_a_terminal_gets_a_bar_for_each_layer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with listening(quiet=False, verbose=False) as listener:
        assert isinstance(listener, Bars)
        for index in (1, 0):
            listener(events.LayerStarted(index, 2, "sha256:0123456789abcdef", 100))
            listener(events.LayerAdvanced(index, 50))
            listener(events.LayerFinished(index, 100))
        listener(events.LayerFinished(0, 0, reused=True))
        listener(events.ImageSpooled("docker", 10))
        listener(events.ImageSpooled("docker", 20))
    assert capsys.readouterr().out == ""


def test_a_terminal_is_told_the_platform_and_when_it_is_analysed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with listening(quiet=False, verbose=False) as listener:
        assert isinstance(listener, Bars)
        for platform in ("linux/amd64", "linux/arm64"):
            listener(events.ImageStarted(platform))
            listener(events.LayerStarted(0, 1, "sha256:1", 10))
            listener(events.LayerFinished(0, 10))
            listener(events.ImageRead(platform))
            listener._progress.refresh()
    drawn = capsys.readouterr().err
    assert "linux/arm64 analysing" in drawn
