"""Which line of a Dockerfile made a layer, by what builders write into an image's history."""

import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from auditor.cli.main import run
from auditor.errors import UsageError
from auditor.inventory.model import Place, Whereabouts
from auditor.report.audit.document import to_document
from auditor.report.dockerfile import read_dockerfile
from auditor.report.schema import dump
from tests.report.test_document import BROKEN, report

TEXT = """\
# syntax=docker/dockerfile:1
FROM debian:12 AS base

RUN apt-get update \\
 # a comment goes between
 && apt-get install -y ipset
COPY --chown=0:0 --from=base /a /b
RUN ["rm", "-f", "/x"]
RUN --mount=type=cache,target=/c   make   all
RUN <<EOF
rm -f /usr/sbin/ipset
EOF
RUN twice
RUN twice
run rm -f /usr/sbin/thing
"""


@pytest.mark.parametrize(
    ("created_by", "line"),
    [
        ("/bin/sh -c apt-get update && apt-get install -y ipset", 4),
        ("RUN /bin/sh -c apt-get update   && apt-get install -y ipset # buildkit", 4),
        ("|1 VERSION=1 /bin/sh -c make all", 9),
        ("RUN /bin/sh -c make all # buildkit", 9),
        ("COPY /a /b # buildkit", 7),
        ("RUN rm -f /x # buildkit", 8),
        ("/bin/sh -c rm -f /usr/sbin/thing", 15),
        ("/bin/sh -c twice", None),  # which of the two?
        ("/bin/sh -c #(nop) COPY file:0123 in /b ", None),  # says nothing of the source
        ("/bin/sh -c something else", None),
        ("", None),
    ],
)
def test_the_line_that_made_a_layer(tmp_path: Path, created_by: str, line: int | None) -> None:
    file = tmp_path / "Dockerfile"
    file.write_text(TEXT)
    assert read_dockerfile(str(file)).line_of(created_by) == line


def test_the_escape_character_is_as_the_file_says(tmp_path: Path) -> None:
    file = tmp_path / "Dockerfile"
    file.write_text("# escape=`\nFROM x\nRUN a `\n b\n")
    assert read_dockerfile(str(file)).line_of("/bin/sh -c a b") == 3


@pytest.mark.parametrize(
    "data", [b"", b"\\", b"RUN", b"RUN [1]", b"RUN [", b"\xff\x00RUN x", b"RUN <<A\nno end", b"# escape=\\"]
)
def test_any_bytes_are_read(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "Dockerfile"
    file.write_bytes(data)
    assert read_dockerfile(str(file)).line_of("x") is None
    with pytest.raises(UsageError, match="can't read the Dockerfile"):
        read_dockerfile(str(tmp_path))


def test_formats_point_to_the_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    gone = (Whereabouts("ipset", gone=(Place("/usr/sbin/ipset", 1),)),)
    saved = report(replace(BROKEN, whereabouts=gone))
    Path("saved.json").write_text(dump(to_document(saved)))
    Path("Dockerfile").write_text(TEXT)
    outputs = ["-o", "sarif=r.sarif", "-o", "gitlab=r.json", "-o", "github"]
    assert run(["check", "report:saved.json", "--dockerfile", "Dockerfile", *outputs]) == 1
    result = json.loads(Path("r.sarif").read_text())["runs"][0]["results"][0]
    place = result["locations"][0]["physicalLocation"]
    issue = json.loads(Path("r.json").read_text())[0]
    annotation = capsys.readouterr().out.splitlines()[0]
    assert place == {"artifactLocation": {"uri": "Dockerfile"}, "region": {"startLine": 15}}
    assert issue["location"] == {"path": "Dockerfile", "lines": {"begin": 15}}
    assert annotation.startswith("::error file=Dockerfile,line=15,title=tool-missing ipset::")
    assert run(["check", "report:saved.json", "--dockerfile", "/no/such"]) == 2
