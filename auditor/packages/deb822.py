"""Control files in deb822(5) syntax, as dpkg's and opkg's databases use it, and what their fields hold."""

from collections.abc import Container, Iterator, Mapping
from io import StringIO

# dpkg(1), PACKAGE STATES: these two have no files but perhaps configuration.
ABSENT = frozenset({"not-installed", "config-files"})


def paragraphs(text: str, wanted: Container[str]) -> Iterator[dict[str, str]]:
    """Each paragraph's fields among `wanted`, which are in lower case, as are the keys.

    A value keeps the lines after its first, each as written; a line that is no field is passed over. A field that
    comes twice keeps its first value (dpkg refuses such a file). A paragraph without any wanted field is left out.
    """
    for block in text.split("\n\n"):
        fields: dict[str, list[str]] = {}
        value: list[str] | None = None
        for ended in StringIO(block, newline="\n"):  # a list of all lines may be far larger than the block
            line = ended.removesuffix("\n")
            if not line:
                continue
            if line[0] in " \t":
                if value is not None:
                    value.append(line)
                continue
            name, colon, rest = line.partition(":")
            key = name.lower()
            value = None
            if colon and key in wanted and key not in fields:
                value = fields[key] = [rest.strip()]
        if fields:
            yield {key: "\n".join(lines) for key, lines in fields.items()}


def state(fields: Mapping[str, str]) -> str:
    """The third word of Status; a paragraph without one (status.d) is of an installed package."""
    words = fields.get("status", "").split()
    return words[2].lower() if len(words) == 3 else "installed"


def conffiles(fields: Mapping[str, str]) -> Mapping[str, str]:
    """The lines ` PATH MD5 [obsolete]` of the Conffiles field; dpkg writes `newconffile` while it has no digest."""
    found = {}
    for line in fields.get("conffiles", "").split("\n"):
        words = line.split(" ")
        while words and words[-1] in ("obsolete", "remove-on-upgrade", ""):
            words.pop()
        path, digest = " ".join(words[:-1]).strip(), words[-1] if words else ""
        if path.startswith("/"):
            found[path] = digest if len(digest) == 32 else ""
    return found


def absolute(path: str) -> str:
    """A path as file lists write it, from the root and without a slash at its end."""
    if path.startswith("/") and not path.endswith("/"):
        return path
    return "/" + path.removeprefix("./").strip("/")
