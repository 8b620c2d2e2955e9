"""What a user writes for an image, taken apart.

Names follow Docker's reference grammar and normalisation (distribution/reference): `node` is
`docker.io/library/node:latest`, and a first part with a dot, a colon or `localhost` is a registry's host.
"""

import re
from pathlib import Path

from msgspec import Struct

from auditor.errors import ImageNotFound, UsageError, did_you_mean
from auditor.image.scheme import Scheme, Target

DEFAULT_HOST = "docker.io"
_PATH_STARTS = ("/", "./", "../")
_HOST = re.compile(
    r"(?:(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])(?:\.(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9]))*"
    r"|\[[a-fA-F0-9:]+\])(?::[0-9]+)?"
)
_PATH = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*")
TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")
_ID = re.compile(r"[0-9a-f]{64}")


class Name(Struct, frozen=True):
    """A repository and what of it: `tag` or `digest`, or both (then the digest decides). `host` is the registry's."""

    host: str
    repository: str
    tag: str = ""
    digest: str = ""

    @property
    def familiar(self) -> str:
        """As the Docker command line shows it: without the default host and `library/`."""
        short = self.host == DEFAULT_HOST
        name = self.repository.removeprefix("library/") if short else f"{self.host}/{self.repository}"
        return name + (f":{self.tag}" if self.tag else "") + (f"@{self.digest}" if self.digest else "")

    def __str__(self) -> str:
        text = f"{self.host}/{self.repository}"
        return text + (f":{self.tag}" if self.tag else "") + (f"@{self.digest}" if self.digest else "")


class Reference(Struct, frozen=True):
    """One image as a user named it. `text` is what was written.

    `name` is set for daemons and registries, `path` for everything on disk; `tag` or `digest` then choose one of
    the images in an archive or layout.
    """

    text: str
    scheme: Scheme
    name: Name | None = None
    path: Path | None = None
    tag: str = ""
    digest: str = ""

    def __str__(self) -> str:
        return self.text


def parse(text: str) -> Reference:
    """Take apart what a user wrote for IMAGE. A path is looked at, to tell a file's name from a tag behind it.

    Raises UsageError for what is no image name, ImageNotFound for a path without scheme that isn't there.
    """
    if not text or text != text.strip() or "\0" in text:
        raise UsageError(f"{text!r} is no image name", remedy="give a name such as calico/node:v3.30.0, or a path")
    if text.startswith(_PATH_STARTS) or text in (".", ".."):
        return _recognise(text)
    word, _, rest = text.partition(":")
    scheme = Scheme.of(text)
    if scheme is Scheme.NAME:
        _check_misspelt(text, word, rest)
        return Reference(text, Scheme.NAME, parse_name(text))
    if not rest:
        raise UsageError(f"nothing follows {word}:", remedy=f"write {word}:{scheme.target.value}")
    if scheme.target is Target.NAME:
        return Reference(text, scheme, parse_name(rest))
    if scheme.target is Target.WHOLE:
        return Reference(text, scheme, path=Path(rest))
    return _with_choice(text, scheme, rest)


def _check_misspelt(text: str, word: str, rest: str) -> None:
    """UsageError for a name that must be something else: a file that lies here, a scheme with a letter wrong.

    A word with a hyphen that is nearly a scheme's is taken for one, others only where no tag follows it.
    """
    if _exists(text) and Path(text).is_file():
        raise UsageError("is a file here, and no image's name", text, f"write ./{text}")
    known = [scheme.value for scheme in Scheme if "-" in scheme.value or (scheme.value and "/" in rest)]
    if rest and (meant := did_you_mean(word, known)):
        raise UsageError(f"there is no scheme '{word}:'", text, meant)


def parse_name(text: str) -> Name:
    """A name by Docker's grammar; the tag is `latest` where neither tag nor digest is given."""
    remedy = "write it as [HOST[:PORT]/]PATH[:TAG][@DIGEST], or a path as ./PATH"
    if _ID.fullmatch(text):
        raise UsageError("an image id can't stand for a name here", text, "use a tag or NAME@sha256:…")
    rest, at, digest = text.partition("@")
    if at and not _DIGEST.fullmatch(digest):
        raise UsageError("the part after '@' is no digest", text, "write sha256: and 64 hex digits")
    host, slash, path = rest.partition("/")
    if not slash or not ("." in host or ":" in host or host == "localhost" or host.lower() != host):
        host, path = DEFAULT_HOST, rest
    if host == "index.docker.io":
        host = DEFAULT_HOST
    path, colon, tag = path.partition(":")
    if colon and not TAG.fullmatch(tag):
        raise UsageError(f"{tag!r} is no tag", text, remedy)
    if not _HOST.fullmatch(host) or len(path) > 255:
        raise UsageError("is no image name", text, remedy)
    if not _PATH.fullmatch(path):
        hint = "image names are lower case; " if _PATH.fullmatch(path.lower()) else ""
        raise UsageError("is no image name", text, hint + remedy)
    if host == DEFAULT_HOST and "/" not in path:
        path = f"library/{path}"
    return Name(host, path, tag or ("" if digest else "latest"), digest)


def _with_choice(text: str, scheme: Scheme, rest: str) -> Reference:
    """FILE[:TAG|@DIGEST]. File names may have colons: the longest name that exists is the file."""
    if _exists(rest):
        return Reference(text, scheme, path=Path(rest))
    path, at, digest = rest.rpartition("@")
    if at and _DIGEST.fullmatch(digest):
        inner = _with_choice(text, scheme, path)
        return Reference(text, scheme, path=inner.path, tag=inner.tag, digest=digest)
    at_colon = len(rest)
    while (at_colon := rest.rfind(":", 0, at_colon)) > 0:
        if _exists(rest[:at_colon]):
            return Reference(text, scheme, path=Path(rest[:at_colon]), tag=rest[at_colon + 1 :])
    path, _, tag = rest.partition(":")
    return Reference(text, scheme, path=Path(path), tag=tag)


def _exists(path: str) -> bool:
    try:
        return Path(path).exists()
    except (OSError, ValueError):
        return False


def _recognise(text: str) -> Reference:
    """A path without a scheme, by what is there."""
    path = Path(text)
    if not _exists(text):
        choice = _with_choice(text, Scheme.DOCKER_ARCHIVE, text)
        if choice.path is None or not choice.path.exists():
            raise ImageNotFound("no such file or directory", text, "check the path")
        kind = _kind(choice.path, text)
        if kind.target is Target.WHOLE:
            raise ImageNotFound("no such file or directory", text, "check the path")
        return Reference(text, kind, path=choice.path, tag=choice.tag, digest=choice.digest)
    return Reference(text, _kind(path, text), path=path)


def _kind(path: Path, text: str) -> Scheme:
    from auditor.image.source import recognise  # noqa: PLC0415 - looks at content, only where there is no scheme

    return recognise.kind(path, text)
