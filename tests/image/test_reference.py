"""What may be written for an image, and what it means."""

import re
from pathlib import Path

import pytest

from auditor.errors import AuditError, ImageNotFound, UnsupportedFormat, UsageError
from auditor.image import Platform, Reference, Scheme, parse
from auditor.image.platforms import fitness, normalise, parse_platform
from auditor.image.reference import parse_name
from tests.image.build import Layout, file, tar, write_docker_archive

_DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("text", "full", "familiar"),
    [
        ("node", "docker.io/library/node:latest", "node:latest"),
        ("calico/node:v3.30.0", "docker.io/calico/node:v3.30.0", "calico/node:v3.30.0"),
        ("docker.io/calico/node", "docker.io/calico/node:latest", "calico/node:latest"),
        ("docker.io/node:1", "docker.io/library/node:1", "node:1"),
        ("index.docker.io/library/node:1", "docker.io/library/node:1", "node:1"),
        ("quay.io/calico/node:v3", "quay.io/calico/node:v3", "quay.io/calico/node:v3"),
        ("localhost/a", "localhost/a:latest", "localhost/a:latest"),
        ("localhost:5000/a/b:1", "localhost:5000/a/b:1", "localhost:5000/a/b:1"),
        ("host:5000/a", "host:5000/a:latest", "host:5000/a:latest"),
        ("[::1]:5000/a:1", "[::1]:5000/a:1", "[::1]:5000/a:1"),
        ("HOST/a", "HOST/a:latest", "HOST/a:latest"),
        (f"a/b@{_DIGEST}", f"docker.io/a/b@{_DIGEST}", f"a/b@{_DIGEST}"),
        (f"r.example/a:1@{_DIGEST}", f"r.example/a:1@{_DIGEST}", f"r.example/a:1@{_DIGEST}"),
        ("a--b/c__d.e:_x", "docker.io/a--b/c__d.e:_x", "a--b/c__d.e:_x"),
        (f"r.example/{'a' * 255}", f"r.example/{'a' * 255}:latest", f"r.example/{'a' * 255}:latest"),
    ],
)
def test_names_are_completed_as_docker_does(text: str, full: str, familiar: str) -> None:
    reference = parse(text)
    assert reference.scheme is Scheme.NAME
    assert reference.name is not None
    assert (str(reference.name), reference.name.familiar) == (full, familiar)
    assert parse_name(str(reference.name)) == reference.name


@pytest.mark.parametrize(
    "text",
    ["", " a", "a b", "calico/Node", "a:", "a:b:c", "a@sha256:abc", "a@", "-a", "a/", "a//b", "a:-x", "é",
     "docker:", "registry:", "docker-archive:", "x" * 300, f"r.example/{'a' * 256}", "a" * 64, "host:port/a", "a\0b"],
)  # fmt: skip
def test_what_is_no_name_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(AuditError) as caught:
        parse(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", " ", "x ", "./x ", " ./x", "/x\n", "./x\0", "dir:x\0y"])
def test_a_name_has_no_blank_around_it_and_no_nul(text: str) -> None:
    """Not even a path, which could have both."""
    with pytest.raises(UsageError, match="is no image name"):
        parse(text)


@pytest.mark.parametrize(
    ("text", "scheme", "path", "tag", "digest"),
    [
        ("docker-archive:x.tar", Scheme.DOCKER_ARCHIVE, "x.tar", "", ""),
        ("docker-archive:x.tar:a/b:1", Scheme.DOCKER_ARCHIVE, "x.tar", "a/b:1", ""),
        ("docker-archive:here.tar:1", Scheme.DOCKER_ARCHIVE, "here.tar", "1", ""),
        ("docker-archive:with:colon.tar", Scheme.DOCKER_ARCHIVE, "with:colon.tar", "", ""),
        ("docker-archive:with:colon.tar:a/b:1", Scheme.DOCKER_ARCHIVE, "with:colon.tar", "a/b:1", ""),
        (f"oci-archive:x.tar@{_DIGEST}", Scheme.OCI_ARCHIVE, "x.tar", "", _DIGEST),
        ("oci-dir:lay:v1", Scheme.OCI_DIR, "lay", "v1", ""),
        (f"oci-dir:lay:v1@{_DIGEST}", Scheme.OCI_DIR, "lay", "v1", _DIGEST),
        ("dir:with:colon.tar", Scheme.DIR, "with:colon.tar", "", ""),
        ("report:r.json", Scheme.REPORT, "r.json", "", ""),
    ],
)
def test_a_scheme_pins_the_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, scheme: Scheme, path: str, tag: str, digest: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("here.tar", "with:colon.tar"):
        (tmp_path / name).write_bytes(b"")
    assert parse(text) == Reference(text, scheme, None, Path(path), tag, digest)


@pytest.mark.parametrize("word", ["docker", "podman", "registry"])
def test_a_scheme_goes_with_a_name(word: str) -> None:
    reference = parse(f"{word}:calico/node:v1")
    assert reference.scheme.value == word
    assert str(reference.name) == "docker.io/calico/node:v1"


def test_a_bare_path_is_known_by_its_content(tmp_path: Path) -> None:
    docker = write_docker_archive(tmp_path / "d.anything", [file("a")])
    layout = Layout()
    layout.add(layout.manifest([tar([file("a")])]), "v1")
    archive = layout.archive(tmp_path / "o.anything")
    directory = layout.write(tmp_path / "layout")
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    report = tmp_path / "r"
    report.write_text('{"schema_version": "1"}')
    kinds = {path: parse(str(path)).scheme for path in (docker, archive, directory, root, report)}
    assert list(kinds.values()) == [
        Scheme.DOCKER_ARCHIVE, Scheme.OCI_ARCHIVE, Scheme.OCI_DIR, Scheme.DIR, Scheme.REPORT,
    ]  # fmt: skip
    assert parse(f"{directory}:v1").tag == "v1"


@pytest.mark.parametrize(
    ("names", "scheme"),
    [
        (["oci-layout"], Scheme.OCI_ARCHIVE),
        (["index.json"], Scheme.OCI_ARCHIVE),
        (["manifest.json"], Scheme.DOCKER_ARCHIVE),
        (["oci-layout", "index.json", "manifest.json"], Scheme.DOCKER_ARCHIVE),
    ],
)
def test_an_archive_is_known_by_the_one_file_that_it_must_have(
    tmp_path: Path, names: list[str], scheme: Scheme
) -> None:
    (tmp_path / "x").write_bytes(tar([file(name, "{}") for name in names]))
    assert parse(str(tmp_path / "x")).scheme is scheme


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", UnsupportedFormat),
        (b"just text\n" * 99, UnsupportedFormat),
        (tar([file("a")]), UnsupportedFormat),
        (None, ImageNotFound),
    ],
)
def test_a_bare_path_that_is_no_image(tmp_path: Path, content: bytes | None, error: type[AuditError]) -> None:
    path = tmp_path / "thing"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(error):
        parse(str(path))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("linux/amd64", "linux/amd64"),
        ("linux/x86_64", "linux/amd64"),
        ("linux/amd64/v1", "linux/amd64"),
        ("linux/arm64/v8", "linux/arm64"),
        ("linux/aarch64", "linux/arm64"),
        ("linux/arm", "linux/arm/v7"),
        ("linux/armhf", "linux/arm/v7"),
        ("linux/armel", "linux/arm/v6"),
        ("linux/arm/6", "linux/arm/v6"),
        ("linux/armv5", "linux/arm/v5"),
        ("linux/armv7/v6", "linux/arm/v6"),
        ("macos/arm64/v9", "darwin/arm64/v9"),
        ("Linux/PPC64LE", "linux/ppc64le"),
        ("s390x", "linux/s390x"),
    ],
)
def test_platforms_have_one_name(text: str, expected: str) -> None:
    assert str(parse_platform(text)) == expected


@pytest.mark.parametrize("text", ["", "/", "linux/", "a/b/c/d", "linux/am d64"])
def test_what_is_no_platform(text: str) -> None:
    with pytest.raises(UsageError):
        parse_platform(text)


@pytest.mark.parametrize(
    ("wanted", "offered", "distance"),
    [
        ("linux/amd64", "linux/amd64", 0),
        ("linux/arm64", "linux/arm64/v8", 0),
        ("linux/arm/v7", "linux/arm/v6", 100),
        ("linux/arm/v6", "linux/arm/v7", None),
        ("linux/amd64", "linux/amd64/v3", None),
        ("linux/amd64/v3", "linux/amd64", 200),
        ("linux/arm64", "linux/arm/v7", None),
        ("linux/amd64", "windows/amd64", None),
    ],
)
def test_a_lower_variant_will_do(wanted: str, offered: str, distance: int | None) -> None:
    parts = offered.split("/")
    assert fitness(parse_platform(wanted), Platform(*parts)) == distance
    assert normalise(normalise(Platform(*parts))) == normalise(Platform(*parts))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("docker-archvie:image.tar", "did you mean 'docker-archive'?"),
        ("oci-dri:layout", "did you mean 'oci-dir'?"),
        ("oci-archiv:a.tar:v1", "did you mean 'oci-archive'?"),
        ("regsitry:host.example/a", "did you mean 'registry'?"),
        ("podmann:team/a", "did you mean 'podman'?"),
        ("image.tar", "write ./image.tar"),
    ],
)
def test_what_was_meant(text: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("image.tar").touch()
    with pytest.raises(UsageError, match=re.escape(words)):
        parse(text)


@pytest.mark.parametrize(
    "text", ["dockerd:latest", "registrie:2", "localhost:5000/a", "docker.example:5000/a", "oci:1"]
)
def test_a_name_that_is_near_to_a_scheme_is_a_name(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert parse(text).scheme is Scheme.NAME
