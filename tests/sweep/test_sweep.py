"""A sweep from the outside: each image once, what is known is not done again, one that is bad stops nothing."""

import json
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from auditor.cli.main import run
from auditor.image import Platform, parse
from auditor.report.register import Kind, write
from auditor.report.views import schema_of
from auditor.sweep.job import Job
from auditor.sweep.run import _merged
from tests.image.build import Layout, config
from tests.images import built, layout
from tests.report.test_document import report
from tests.sweep.made import BASE, OTHER, again, here, sweep
from tests.sweep.made import layout as small_layout

__all__ = ["here"]  # a fixture
without_workers = pytest.mark.usefixtures("here")


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_real_images_with_every_verdict(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = (f"oci-dir:{layout(built(recipe=name))}" for name in ("base", "libelf-deleted"))
    gone = f"oci-dir:{tmp_path}/gone"
    out, page = tmp_path / "out.jsonl", tmp_path / "page.html"
    code = sweep(good, bad, gone, "-o", "text", "-o", f"jsonl={out}", "-o", f"html={page}", "-o", f"json={tmp_path}/d")
    assert code == 2
    told = capsys.readouterr()
    table = {row.split()[0]: row.split()[-1] for row in told.out.splitlines()[1:4]}
    assert table == {good: "PASS", bad: "FAIL", gone: "AUDITED"}
    assert "library-missing libelf.so.1" in told.out
    assert told.out.splitlines()[-1].startswith(
        "FAIL  1 of 2 images does not meet calico-system-requirements 1, 1 image"
    )
    assert sorted(line.split()[1] for line in told.err.splitlines()) == ["1/3", "2/3", "3/3"]
    found = lines(out)
    assert [(one["name"], one["verdict"]) for one in found] == [(good, "pass"), (bad, "fail"), (gone, "not-audited")]
    document = json.loads((tmp_path / "d").read_text())
    assert document["images"] == found
    assert document["summary"] == {"images": 3, "passed": 1, "failed": 1, "not_audited": 1}
    for entry in (document, *found):
        jsonschema.validate(entry, schema_of(Kind.SWEEP))
    assert "1.8.9 (nf_tables)" in page.read_text()


@without_workers
def test_the_exit_code_is_the_worst(tmp_path: Path) -> None:
    names = small_layout(tmp_path / "images")
    assert sweep(*names, "--quiet") == 1
    assert sweep(*names, "--quiet", "--fail-on", "never") == 0
    assert sweep(*names, f"oci-dir:{tmp_path}/gone", "--quiet", "--fail-on", "never") == 2


@without_workers
@pytest.mark.parametrize("tag", ["", ":v1"])
def test_why_an_image_was_not_audited_stands_beside_its_name(
    tag: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.html"
    assert sweep(f"oci-dir:{tmp_path}/gone{tag}", "--quiet", "-o", "text", "-o", f"html={page}") == 2
    row = capsys.readouterr().out.splitlines()[1]
    assert "no such" in row and "NOT AUDITED" in row and row.count(str(tmp_path)) == 1
    assert f"oci-dir:{tmp_path}/gone{tag}: no such" in page.read_text()


@without_workers
def test_names_of_one_image_are_audited_once_and_judged_each(tmp_path: Path) -> None:
    names = small_layout(tmp_path / "images", 2)
    latest = again(tmp_path / "images", names[0], "latest")
    waivers = tmp_path / "waivers.toml"
    rules = ("tool-missing", "entrypoint-broken", "extension-missing", "variant-missing")
    waivers.write_text(
        "\n".join(
            f'[[waiver]]\nrule = "{rule}"\nimage = "*:latest"\nreason = "x"\nowner = "x"\nexpires = 2999-01-01'
            for rule in rules
        )
    )
    out = tmp_path / "out.jsonl"
    sweep(*names, latest, "--quiet", "--waivers", str(waivers), "-o", f"jsonl={out}")
    found = {one["name"]: one for one in lines(out)}
    assert found[latest]["identity"] == found[names[0]]["identity"] != found[names[1]]["identity"]
    assert found[names[0]]["verdict"] == "fail"
    waived = [one["waived_by"] for one in found[latest]["platforms"][0]["findings"]]
    assert any(waived)
    assert not any(one["waived_by"] for one in found[names[0]]["platforms"][0]["findings"])


@without_workers
def test_a_list_of_images(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = small_layout(tmp_path / "images", 2)
    (tmp_path / "list").write_text(f"# ours\n\n{first}  # the first\n  {second}\n{first}\n")
    assert sweep("--from", f"{tmp_path}/list", "-o", "jsonl", "--quiet") == 1
    assert sorted(json.loads(line)["name"] for line in capsys.readouterr().out.splitlines()) == [first, second]


@without_workers
def test_what_is_recorded_is_not_done_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = small_layout(tmp_path / "images")
    out = tmp_path / "out.jsonl"
    words = (*names, "-o", f"jsonl={out}")
    sweep(*words)
    whole = out.read_bytes()
    first, rest = whole.split(b"\n", 1)
    capsys.readouterr()
    cases = (
        (whole, (), 4),
        (first + b"\n" + rest[:700], (), 1),  # the second line was being written
        (first[:900], (), 0),
        (b"", (), 0),
        (whole, ("--fresh",), 0),
        (whole.replace(b'"schema_version":"1"', b'"schema_version":"0"'), (), 0),
        (whole, ("--strict",), 0),
        (whole, ("--limit", "layers=9"), 0),
    )
    for content, more, done in cases:
        out.write_bytes(content)
        sweep(*words, *more)
        assert capsys.readouterr().err.count("done before") == done, more
        assert len(lines(out)) == 4
        if not {"--strict", "--limit"} & set(more):
            assert out.read_bytes() == whole


@without_workers
def test_another_content_is_another_image(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = small_layout(tmp_path / "images", 2)
    out = tmp_path / "out.jsonl"
    sweep(*names, "-o", f"jsonl={out}")
    index = tmp_path / "images/index.json"
    document = json.loads(index.read_text())
    one, other = document["manifests"]
    one["digest"], other["digest"], one["size"], other["size"] = (
        other["digest"],
        one["digest"],
        other["size"],
        one["size"],
    )
    index.write_text(json.dumps(document))
    before = lines(out)
    capsys.readouterr()
    sweep(*names, "-o", f"jsonl={out}")
    assert "done before" not in capsys.readouterr().err
    assert [line["identity"] for line in lines(out)] == [line["identity"] for line in reversed(before)]


def platforms(path: Path, *, nested: bool, second: bytes = BASE) -> tuple[str, str]:
    """A layout of an amd64 and an arm64 image, below one index or beside each other; how each is named."""
    made = Layout()
    entries = []
    for machine, layer in (("amd64", BASE), ("arm64", second)):
        platform = {"os": "linux", "architecture": machine}
        entries.append(made.manifest([layer], settings={**config([layer]), **platform}, platform=platform))
    for entry in [made.index(entries)] if nested else entries:
        made.add(entry)
    shutil.rmtree(path, ignore_errors=True)
    made.write(path)
    return f"oci-dir:{path}@{entries[0]['digest']}", f"oci-dir:{path}@{entries[1]['digest']}"


def machines(line: dict[str, Any]) -> list[str]:
    return [one["platform"]["architecture"] for one in line["platforms"]]


@without_workers
def test_two_platforms_of_one_index_are_two_images(tmp_path: Path) -> None:
    names, out = platforms(tmp_path / "images", nested=True), tmp_path / "out.jsonl"
    sweep(*names, "--quiet", "-o", f"jsonl={out}")
    assert [machines(line) for line in lines(out)] == [["amd64"], ["arm64"]]


@without_workers
def test_what_this_machine_would_run_is_part_of_what_was_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    platforms(tmp_path / "images", nested=True)
    out = tmp_path / "out.jsonl"
    for machine in ("amd64", "arm64"):
        monkeypatch.setattr("auditor.image.choose.host_platform", lambda machine=machine: Platform("linux", machine))
        sweep(f"oci-dir:{tmp_path}/images", "-o", f"jsonl={out}")
        assert "done before" not in capsys.readouterr().err
        assert [machines(line) for line in lines(out)] == [[machine]]


@without_workers
def test_each_platform_is_part_of_what_was_done(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, images = tmp_path / "out.jsonl", tmp_path / "images"

    def once_more(done: int, *more: str) -> int:
        code = sweep(f"oci-dir:{images}", "--all-platforms", *more, "-o", f"jsonl={out}")
        assert capsys.readouterr().err.count("done before") == done
        return code

    _, second = platforms(images, nested=True)
    manifest = images / f"blobs/{second.rpartition('@')[2].replace(':', '/')}"
    content = manifest.read_bytes()
    assert (once_more(0), once_more(1)) == (1, 1)
    manifest.unlink()
    assert once_more(0) == 2
    assert (once_more(0, "--available-platforms"), once_more(1, "--available-platforms")) == (1, 1)
    manifest.write_bytes(content)
    once_more(0, "--available-platforms")
    assert machines(lines(out)[0]) == ["amd64", "arm64"]


@without_workers
def test_images_beside_each_other_without_an_index(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The second platform is rebuilt: the first one's config says nothing of that."""
    words = (f"oci-dir:{tmp_path}/images", "--all-platforms", "-o", f"jsonl={tmp_path}/out.jsonl")
    for second, done in ((BASE, 0), (BASE, 1), (OTHER, 0)):
        platforms(tmp_path / "images", nested=False, second=second)
        sweep(*words)
        assert capsys.readouterr().err.count("done before") == done


def test_what_one_registry_has_another_may_lack() -> None:
    """Blobs that are missing show where they are asked for."""
    texts = ("registry:a.example/x:1", "registry:a.example/x:2", "registry:b.example/x:1", "registry:a.example/y:1")
    jobs = [Job((parse(text),), "sha256:x") for text in texts]
    assert [len(job.references) for job in _merged(jobs)] == [2, 1, 1]


@without_workers
def test_a_name_that_is_no_text_ends_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (name,) = small_layout(tmp_path / "caf\udce9", 1)
    out = tmp_path / "out.jsonl"
    for done in (0, 1):
        assert sweep(name, f"oci-dir:{tmp_path}/\udce9", "-o", f"jsonl={out}") == 2
        assert capsys.readouterr().err.count("done before") == done
        assert [line["verdict"] for line in lines(out)] == ["fail", "not-audited"]


@without_workers
def test_a_system_that_does_not_tell_which_processors_may_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (name,) = small_layout(tmp_path / "images", 1)
    monkeypatch.delattr("os.sched_getaffinity")
    assert run(["sweep", name, "--quiet"]) == 1


@without_workers
def test_an_image_that_was_not_audited_is_tried_again(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    name = f"oci-dir:{tmp_path}/images:v0"
    assert sweep(name, "--quiet", "-o", f"jsonl={out}") == 2
    small_layout(tmp_path / "images", 1)
    assert sweep(name, "--quiet", "-o", f"jsonl={out}") == 1
    assert [line["verdict"] for line in lines(out)] == ["fail"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "no image is given"),
        (("a", "--fresh"), "there is nothing to start over from"),
        (("a", "-o", "jsonl={}/notes"), "line 1 was not written by a sweep"),
        (("a", "-o", "jsonl={}/word"), "was not written by a sweep"),
        (("a", "-o", "jsonl={}/mine"), "was not written by a sweep"),
        (("a", "-o", "jsonl={}/1", "-o", "jsonl={}/2"), "the lines are written to one place"),
        (("--from", "{}/gone"), "can't read the list of images: No such file"),
        (("--from", "{}/binary"), "the list of images is no text"),
        (("a", "--jobs", "0"), "Invalid value for '--jobs'"),
        (("a", "--timeout-each", "-1"), "Invalid value for '--timeout-each'"),
        (("a", "--all-platforms", "--platform", "linux/amd64"), "exclude each other"),
        (("a", "-o", "needs-sh"), "there is no format 'needs-sh'"),
    ],
)
@without_workers
def test_what_is_wrong_is_one_line(
    words: tuple[str, ...], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "notes").write_text("what I must not forget\n")
    (tmp_path / "word").write_text("precious")
    (tmp_path / "mine").write_text('{"mine": 1}')
    (tmp_path / "binary").write_bytes(b"\xff\n")
    assert sweep(*(word.format(tmp_path) for word in words)) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert told in line
    assert (tmp_path / "notes").read_text() == "what I must not forget\n"
    assert (tmp_path / "word").read_text() == "precious"
    assert (tmp_path / "mine").read_text() == '{"mine": 1}'


@without_workers
def test_two_sweeps_do_not_write_one_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from auditor.sweep.journal import Journal  # noqa: PLC0415

    held = Journal(tmp_path / "out.jsonl")
    assert sweep("a", "-o", f"jsonl={tmp_path}/out.jsonl") == 2
    assert "another sweep is writing it" in capsys.readouterr().err
    held.close()


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "auditor", "sweep", "--jobs", "2", "--quiet", *words]


@pytest.mark.parametrize("quiet", [(), ("--quiet",)], ids=["told", "quiet"])
def test_lines_are_lines_where_nobody_can_be_told(tmp_path: Path, quiet: tuple[str, ...]) -> None:
    """Standard error may be closed: what would stand there must not come among the lines."""
    words = (sys.executable, "-m", "auditor", "sweep", *quiet, f"oci-dir:{tmp_path}/gone", "-o", "jsonl")
    done = subprocess.run(["sh", "-c", 'exec "$@" 2>&-', "-", *words], check=False, stdout=subprocess.PIPE, text=True)
    assert done.returncode == 2
    assert [json.loads(line)["verdict"] for line in done.stdout.splitlines()] == ["not-audited"]


@pytest.mark.usefixtures("heeded_sigint")
def test_an_interrupted_sweep_says_how_to_go_on(tmp_path: Path) -> None:
    names = small_layout(tmp_path / "images")
    out = tmp_path / "out.jsonl"
    running = subprocess.Popen(command(*names, "-o", f"jsonl={out}"), stderr=subprocess.PIPE, text=True)
    while not out.exists():
        time.sleep(0.01)
    running.send_signal(signal.SIGINT)
    _, told = running.communicate()
    assert running.returncode == 130
    assert told == f"audit-image: interrupted; what was done is in {out}: the same command goes on from there\n"


@pytest.mark.full
def test_a_sweep_that_is_killed_twenty_times_ends_as_one_that_is_not(tmp_path: Path) -> None:
    names = small_layout(tmp_path / "images", 24)
    whole, out = tmp_path / "whole.jsonl", tmp_path / "out.jsonl"

    def words(lines: Path) -> list[str]:
        return command(*names, f"oci-dir:{tmp_path}/gone", "-o", f"jsonl={lines}", "-o", f"json={lines}.json")

    start = time.monotonic()
    subprocess.run(words(whole), check=False, capture_output=True)
    took = time.monotonic() - start
    chance = random.Random(4)
    kept, done = 0, []
    for _ in range(20):
        running = subprocess.Popen(words(out), stderr=subprocess.DEVNULL, start_new_session=True)
        try:
            running.wait(chance.uniform(0.1, 1) * took)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()
        data = out.read_bytes() if out.exists() else b""
        done.append(data.count(b'"verdict":"fail","error"'))
        kept = max(kept, done[-1])
        if running.returncode == 2:  # it was quicker than its end: all of it once more
            out.unlink()
    assert kept > 0
    assert subprocess.run(words(out), check=False, capture_output=True).returncode == 2
    assert out.read_bytes() == whole.read_bytes()
    assert Path(f"{out}.json").read_bytes() == Path(f"{whole}.json").read_bytes()


@without_workers
def test_a_saved_report_stands_under_the_name_of_its_file(tmp_path: Path) -> None:
    saved = f"report:{tmp_path}/saved.json"
    (tmp_path / "saved.json").write_text(write(report(), "json"))
    assert sweep(saved, "--quiet", "-o", f"jsonl={tmp_path}/out") == 0
    assert [line["name"] for line in lines(tmp_path / "out")] == [saved]
