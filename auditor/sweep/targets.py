"""Which images a sweep is about: a list in a file, the tags of repositories."""

import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from fnmatch import fnmatchcase
from pathlib import Path

from packaging.version import InvalidVersion, Version

from auditor.auditing.named import Way
from auditor.errors import UsageError
from auditor.files import read_small_file
from auditor.image.reference import parse_name

_ATTACHED = re.compile(r"sha256-[0-9a-f]{64}(?:\..*)?")
_NUMBER = re.compile(r"([0-9]+)", re.ASCII)
_SHOWN = 8
_LONGEST = 16 << 20  # bytes of a list: some hundred thousand names


def listed_in(file: str) -> tuple[str, ...]:
    """The images of a file, or of standard input for `-`: one a line, `#` starts a comment."""
    where = "standard input" if file == "-" else file
    data = _standard_input() if file == "-" else read_small_file(Path(file), "the list of images", _LONGEST)
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise UsageError(f"the list of images is no text ({error.reason})", where, "write it in UTF-8") from error
    return tuple(_names(text))


def tagged(repositories: Sequence[str], patterns: Sequence[str], way: Way) -> tuple[str, ...]:
    """The images of repositories whose tags match one of the globs, those of each in the order of their versions.

    What signers attach to an image under a tag of its own is no image. UsageError where a glob or a repository has
    nothing: what was meant to be audited is then not there.
    """
    matched: set[str] = set()
    names = []
    for text in repositories:
        plain = text.removeprefix("registry:")
        tags = [tag for tag in _tags_of(plain, way) if not _ATTACHED.fullmatch(tag)]
        chosen = {tag: [glob for glob in patterns if fnmatchcase(tag, glob)] for tag in tags}
        matched.update(glob for globs in chosen.values() for glob in globs)
        if not any(chosen.values()):
            shown = ", ".join(sorted(tags, key=_age)[-_SHOWN:]) or "none"
            wanted = " or ".join(f"'{glob}'" for glob in patterns)
            raise UsageError(f"none of its {len(tags)} tags matches {wanted}", text, f"it has, at the end: {shown}")
        names += [f"registry:{plain}:{tag}" for tag in sorted(filter(chosen.get, tags), key=_age)]
    for glob in patterns:
        if glob not in matched:
            raise UsageError(f"no tag matches '{glob}'", "--tags", "a glob has * ? and [a-z]")
    return tuple(names)


def _tags_of(text: str, way: Way) -> tuple[str, ...]:
    from auditor.image.registry.client import Repository  # noqa: PLC0415 - lists of names need none
    from auditor.image.source import registry  # noqa: PLC0415

    name = parse_name(text)
    if name.digest or name.tag != "latest" or text.endswith(":latest"):
        raise UsageError("is an image, not a repository", text, "leave its tag out, and say --tags PATTERN")
    with closing(Repository(name, way.access, patience=registry.PATIENCE)) as repository:
        return repository.tags(way.limits.json)


def _age(tag: str) -> tuple[bool, Version | None, tuple[tuple[bool, int, str], ...]]:
    """Versions first and as versions count, then all others, numbers in them by their value."""
    parts = tuple((part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in _NUMBER.split(tag))
    try:
        return (False, Version(tag), parts)
    except InvalidVersion:
        return (True, None, parts)


def _names(text: str) -> Iterator[str]:
    for line in text.splitlines():
        name = line.partition(" #")[0].partition("\t#")[0].strip()
        if name and not name.startswith("#"):
            yield name


def _standard_input() -> bytes:
    if sys.stdin is None:
        raise UsageError("can't read the list of images: it is closed", "standard input", "name a file")
    try:
        with os.fdopen(os.dup(sys.stdin.fileno()), "rb") as stream:
            data = stream.read(_LONGEST + 1)
    except (OSError, ValueError) as error:
        raise UsageError(f"can't read the list of images: {error}", "standard input", "name a file") from error
    if len(data) > _LONGEST:
        raise UsageError(f"can't read the list of images: it has more than {_LONGEST} bytes", "standard input")
    return data
