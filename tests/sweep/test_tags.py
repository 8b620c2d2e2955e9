"""The tags of a repository: listed page by page, chosen by globs, in the order of versions."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from auditor.auditing.named import Way
from auditor.errors import AuditError, CorruptImage, LimitExceeded, SourceUnavailable, UsageError
from auditor.image import Access
from auditor.image.registry import client
from auditor.sweep.targets import tagged
from tests.image.build import encode
from tests.image.misbehaving import Answer, Asked, Server
from tests.image.pulls import TokenServer, answer, quick, registry, wants_basic, write_authfile
from tests.image.servers import RealRegistry, real_registry
from tests.sweep.made import here, layout, sweep

__all__ = ["here", "quick", "registry"]  # fixtures
pytestmark = pytest.mark.usefixtures("quick")
TAGS = ("latest", "v3.10.0", "v3.9.0", "v3.10.0-rc1", "v3.9.0-amd64", f"sha256-{'0' * 64}.sig", "main-12", "main-9")


def pages(server: Server, tags: tuple[str, ...], size: int, link: str = '<{path}>; rel="next"') -> None:
    """Give tags page by page, as the distribution-spec says."""

    def give(asked: Asked) -> Answer:
        last = asked.path.partition("last=")[2].partition("&")[0]
        start = tags.index(last) + 1 if last else 0
        part = tags[start : start + size]
        path = f"/v2/team/app/tags/list?last={part[-1]}&n={size}"
        more = {"Link": link.format(path=path, host=server.host)} if start + size < len(tags) else {}
        return Answer(200, more, encode({"name": "team/app", "tags": part}))

    server.always["tags"] = give


def names(server: Server, *globs: str, access: Access | None = None) -> list[str]:
    start = f"registry:{server.host}/team/app:"
    found = tagged([f"{server.host}/team/app"], globs, Way(access=access or Access()))
    assert all(name.startswith(start) for name in found)
    return [name.removeprefix(start) for name in found]


@pytest.mark.parametrize("size", [1, 3, 100])
@pytest.mark.parametrize(
    "link",
    [
        '<{path}>; rel="next"',
        "<http://{host}{path}>; rel=next",
        '<https://elsewhere.example{path}>;title="x"; rel="next"',
        '</first>; rel="first", <{path}>; rel="next"',
    ],
)
def test_every_page_is_asked_for(registry: Server, size: int, link: str) -> None:
    pages(registry, TAGS, size, link)
    assert names(registry, "*") == [
        *("v3.9.0", "v3.10.0-rc1", "v3.10.0", "latest", "main-9", "main-12", "v3.9.0-amd64"),
    ]
    assert registry.count("tags") == -(-len(TAGS) // size)


@pytest.mark.parametrize(
    ("globs", "chosen"),
    [
        (("v3.10.*",), ["v3.10.0-rc1", "v3.10.0"]),
        (("v3.?.0",), ["v3.9.0"]),
        (("latest", "v3.9.*"), ["v3.9.0", "latest", "v3.9.0-amd64"]),
        (("main-[0-9]",), ["main-9"]),
    ],
)
def test_a_glob_chooses(registry: Server, globs: tuple[str, ...], chosen: list[str]) -> None:
    pages(registry, TAGS, 100)
    assert names(registry, *globs) == chosen


def test_what_is_not_there_is_said(registry: Server) -> None:
    pages(registry, TAGS, 100)
    with pytest.raises(UsageError, match=r"none of its 7 tags matches 'v4\.\*'; it has, at the end: .*v3\.9\.0-amd64"):
        names(registry, "v4.*")
    with pytest.raises(UsageError, match=r"--tags: no tag matches 'v4\.\*'"):
        names(registry, "v4.*", "v3.*")
    with pytest.raises(UsageError, match="is an image, not a repository"):
        tagged([f"{registry.host}/team/app:v1"], ["*"], Way())


@pytest.mark.parametrize(
    ("given", "error", "told"),
    [
        (Answer(200, body=b"<html>"), CorruptImage, "is not JSON"),
        (Answer(200, body=b'{"tags": [1]}'), CorruptImage, "'tags' is not a list of strings"),
        (Answer(200, {"Link": "<?n=1000>; rel=next"}, b'{"tags": ["a"]}'), CorruptImage, "leads back to itself"),
        (Answer(200, body=encode({"tags": ["v1\n::error"]})), CorruptImage, "which is no tag"),
        (Answer(200, body=encode({"tags": ["9" * 5000]})), CorruptImage, "which is no tag"),
        (Answer(200, body=encode({"tags": [""]})), CorruptImage, "which is no tag"),
        (Answer(200, body=b'{"tags": null}'), UsageError, "none of its 0 tags"),
        (answer(404, "NAME_UNKNOWN"), AuditError, "404: NAME_UNKNOWN"),
        (answer(500, "UNKNOWN"), SourceUnavailable, "answers 500"),
    ],
)
def test_a_registry_that_does_not_tell(registry: Server, given: Answer, error: type[Exception], told: str) -> None:
    registry.always["tags"] = lambda _: given
    with pytest.raises(error, match=told):
        names(registry, "*")


def test_a_list_without_end_is_left(registry: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_PAGES", 5)

    def give(asked: Asked) -> Answer:
        number = int(asked.path.partition("last=")[2] or 0)
        return Answer(200, {"Link": f"<?last={number + 1}>; rel=next"}, encode({"tags": [f"v{number}"]}))

    registry.always["tags"] = give
    with pytest.raises(LimitExceeded, match="more than 100000 tags or 5 pages"):
        names(registry, "*")


def test_a_list_needs_the_login_that_a_pull_needs(registry: Server, tmp_path: Path) -> None:
    wants_basic(registry)
    given = registry.always["manifests"]
    registry.always["tags"] = lambda asked: given(asked) or Answer(200, body=b'{"tags": ["v1"]}')
    with pytest.raises(SourceUnavailable, match="wants a user name and password"):
        names(registry, "*")
    access = Access(write_authfile(tmp_path, registry.host))
    assert names(registry, "*", access=access) == ["v1"]


def test_a_token_is_asked_for(registry: Server) -> None:
    tokens = TokenServer(registry)
    registry.always["tags"] = lambda asked: tokens.check(asked) or Answer(200, body=b'{"tags": ["v1"]}')
    assert names(registry, "*") == ["v1"]


@pytest.mark.usefixtures("here")
def test_a_sweep_of_a_repository(registry: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    registry.tags |= {"v2": registry.tags["v1"]}
    registry.always["tags"] = lambda _: Answer(200, body=b'{"tags": ["v1", "v2", "gone"]}')
    out = tmp_path / "out.jsonl"
    words = ("--repository", f"{registry.host}/team/app", "-o", f"jsonl={out}", "--quiet")
    assert sweep(*words, "--tags", "v?") == 1
    found = [json.loads(line) for line in out.read_text().splitlines()]
    assert [one["name"].rpartition(":")[2] for one in found] == ["v1", "v2"]
    assert {one["identity"] for one in found} == {registry.tags["v1"]}
    blobs = Counter(asked.path for asked in registry.asked if asked.kind == "blobs")
    assert sorted(blobs.values()) == [1, 1, 3]  # each layer once; the config when each name is looked at, and then
    assert sweep(*words, "--tags", "*") == 2
    capsys.readouterr()
    assert sweep("--tags", "*") == 2
    assert "--repository and --tags go together" in capsys.readouterr().err


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealRegistry]:
    folder = tmp_path_factory.mktemp("registry")
    with real_registry(folder) as server:
        for number, name in enumerate(layout(folder / "images", 3)):
            server.push(name.replace("oci-dir:", "oci:"), f"team/app:v{number}")
        server.push(f"oci:{folder}/images:v2", "team/app:latest")
        yield server


@pytest.mark.full
@pytest.mark.parametrize("page", [1, 2, 1000])
def test_a_real_registry(real: RealRegistry, tmp_path: Path, page: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_PAGE", page)
    repository = f"{real.host}/team/app"
    found = tagged([repository], ["*"], Way(access=Access(real.authfile, real.ca)))
    assert found == tuple(f"registry:{repository}:{tag}" for tag in ("v0", "v1", "v2", "latest"))
    if page == 1:
        out = tmp_path / "out.jsonl"
        words = ("--repository", repository, "--tags", "*", "--quiet", "-o", f"jsonl={out}")
        assert sweep(*words, "--authfile", str(real.authfile), "--ca", str(real.ca)) == 1
        lines = [json.loads(line) for line in out.read_text().splitlines()]
        assert [line["verdict"] for line in lines] == ["fail"] * 4
        assert lines[2]["identity"] == lines[3]["identity"] != lines[1]["identity"]
