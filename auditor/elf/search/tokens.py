"""`$ORIGIN`, `$LIB`, `$PLATFORM` and lists of directories, as glibc reads them (ld.so(8), "Dynamic string tokens")."""

import posixpath
import re

from msgspec import Struct

# A token without braces ends where no identifier could go on; with them, at the brace. Anything else is literal.
_TOKEN = re.compile(r"\$(?:\{(ORIGIN|LIB|PLATFORM)\}|(ORIGIN|LIB|PLATFORM)(?![A-Za-z0-9_]))")


class Tokens(Struct, frozen=True):
    """What the tokens stand for in one object.

    `platform` is empty where it depends on the CPU. `trusted`: the directories that a program in secure mode may
    reach by `$ORIGIN`; None where it isn't such a program.
    """

    origin: str
    lib: str
    platform: str
    secure: bool = False
    trusted: tuple[str, ...] | None = None

    def expand(self, text: str) -> str | None:
        """The text with its tokens replaced; None where the loader drops it, or a token's value isn't known."""
        if "$" not in text:
            return text
        dropped = False

        def value(match: re.Match[str]) -> str:
            nonlocal dropped
            name = match.group(1) or match.group(2)
            if name == "LIB":
                return self.lib
            if name == "PLATFORM":
                dropped = dropped or not self.platform
                return self.platform
            first = match.start() == 0 and text[match.end() : match.end() + 1] in ("", "/")
            dropped = dropped or (self.secure and not first)
            return self.origin

        expanded = _TOKEN.sub(value, text)
        if dropped:
            return None
        if self.trusted is not None and "$ORIGIN" in text.replace("{", "") and not self._is_trusted(expanded):
            return None
        return expanded

    def _is_trusted(self, path: str) -> bool:
        below = posixpath.normpath(path) + "/"
        return any(below.startswith(directory + "/") for directory in self.trusted or ())


class PathList(Struct, frozen=True):
    """Directories to search, absolute; `relative` are the entries as written that depend on the working directory.

    `unknown` are entries whose tokens have no value that is known, and those beyond any reasonable number.
    """

    directories: tuple[str, ...] = ()
    relative: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


EMPTY = PathList()
_LIMIT = 1000  # directories of one list


def split_path(text: str | None, separators: str, tokens: Tokens, working_dir: str) -> PathList:
    """A DT_RPATH, DT_RUNPATH or LD_LIBRARY_PATH. An empty entry is the working directory, an empty list none."""
    if not text:
        return EMPTY
    directories: dict[str, None] = {}
    relative = []
    unknown = []
    for entry in re.split(f"[{separators}]", text):
        expanded = tokens.expand(entry)
        if expanded is None:
            if "PLATFORM" in entry and not tokens.platform:
                unknown.append(entry)
            continue
        if not expanded.startswith("/"):
            relative.append(entry)
            expanded = posixpath.join(working_dir, expanded)
        if len(directories) == _LIMIT:
            unknown.append(entry)
            break
        directories[expanded.rstrip("/")] = None
    return PathList(tuple(directories), tuple(relative), tuple(unknown))
