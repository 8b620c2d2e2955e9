"""Words for every format: what comes from outside made printable, escaped, folded and painted, each in one place.

Nothing that an image, a registry, a spec or a saved report says can move a cursor, change a colour, start a line or
turn the writing direction: whatever could is spelled out (`\\x1b`, `\\n`, `\\u202e`).
"""

import re
from collections.abc import Iterable, Mapping
from html import escape
from textwrap import wrap
from urllib.parse import quote

# Shown as nothing by terminals and browsers although Python calls them printable: default ignorable code points
# (Unicode, DerivedCoreProperties.txt) that are letters or marks.
_INVISIBLE = frozenset(
    chr(code)
    for first, last in (
        (0x034F, 0x034F),
        (0x115F, 0x1160),
        (0x17B4, 0x17B5),
        (0x180B, 0x180F),
        (0x3164, 0x3164),
        (0xFE00, 0xFE0F),
        (0xFFA0, 0xFFA0),
        (0xE0100, 0xE01EF),
    )
    for code in range(first, last + 1)
)
_SURROGATE = re.compile("[\ud800-\udfff]")
_LONE = re.compile("[\ud800-\udc7f\udd00-\udfff]")  # no byte of a name (PEP 383)
_ASCII_PUNCTUATION = frozenset("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")
_HARMLESS_IN_MARKDOWN = frozenset("\"'(),./:;=%+?-")
_RED, _YELLOW, _GREEN, _DIM = "31;1", "33;1", "32;1", "2"
#: What each kind of thing is painted in on a terminal (ECMA-48, 8.3.117).
COLOURS: Mapping[str, str] = {
    "error": _RED,
    "fail": _RED,
    "not-met": _RED,
    "regression": _RED,
    "missing": _RED,
    "warning": _YELLOW,
    "unknown": "33",
    "waived": "33",
    "note": "36",
    "pass": _GREEN,
    "improvement": _GREEN,
    "met": "32",
    "neutral": "1",
    "dim": _DIM,
    "none": _DIM,
    "not-applicable": _DIM,
}
SHORT_DIGEST = len("sha256:") + 12
_UNITS = ("B", "kB", "MB", "GB", "TB")


def valid(text: str) -> str:
    """The same text as valid Unicode: a byte that was none (PEP 383) as `\\xNN`, a lone surrogate as `\\uNNNN`."""
    return text if text.isascii() else _SURROGATE.sub(lambda found: _spelled(found[0]), text)


def printable(text: str) -> str:
    """One line of text in which every character shows: all others are spelled out, as Python spells them."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(char if _shows(char) else _spelled(char) for char in text)


def _shows(char: str) -> bool:
    return char.isprintable() and char not in _INVISIBLE


def _spelled(char: str) -> str:
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    if char.isprintable():
        return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
    return repr(char)[1:-1]


def xml(text: str) -> str:
    """Plain text in an XML 1.0 document or attribute: it has no character there that XML forbids."""
    return escape(printable(text))


def markdown(text: str) -> str:
    """Plain text in any place: nothing in it is markup, an HTML tag, a mention, a link, or the end of a cell."""
    return "".join(map(_markdown_char, printable(text))).replace("://", ":&#47;/")


def _markdown_char(char: str) -> str:
    if char in "&<>@#":
        return f"&#{ord(char)};"
    return f"\\{char}" if char in _ASCII_PUNCTUATION and char not in _HARMLESS_IN_MARKDOWN else char


def uri(path: str) -> str:
    """A path in the image as a relative URI reference (RFC 3986): bytes that were no text are percent-encoded too."""
    kept = _LONE.sub(lambda found: _spelled(found[0]), path.lstrip("/"))
    return quote(kept.encode("utf-8", "surrogateescape"), safe="/")


def paint(text: str, kind: str, *, colour: bool) -> str:
    """The text in the colour of its kind, where there are colours."""
    return f"\x1b[{COLOURS[kind]}m{text}\x1b[0m" if colour and text else text


def fold(text: str, width: int | None, first: str = "", rest: str | None = None) -> list[str]:
    """The text made printable, as lines of at most `width` columns; None: as one line.

    `first` stands before the first line, `rest` (default: blanks of that width) before all others.
    """
    shown = printable(text)
    rest = " " * len(first) if rest is None else rest
    if width is None:
        return [first + shown]
    return broken(shown, max(width, len(rest) + 20), first, rest) or [first.rstrip()]


def broken(text: str, width: int, first: str = "", rest: str = "") -> list[str]:
    """A printable text as lines, broken at blanks alone: names and paths are copied whole."""
    return wrap(
        text, width, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False, break_long_words=False
    )


def plural(count: int, word: str, many: str = "") -> str:
    """`1 error`, `2 errors`, `3 libraries`."""
    return f"{count} {word if count == 1 else many or word + 's'}"


def few(names: Iterable[str], most: int = 3) -> str:
    """`a, b, c and 2 more`: the first names, and how many more there are."""
    known = list(names)
    more = f" and {len(known) - most} more" if len(known) > most else ""
    return ", ".join(known[:most]) + more


def listed(parts: Iterable[str]) -> str:
    """`a, b`: those of the parts that say something."""
    return ", ".join(part for part in parts if part)


def size(count: int | None) -> str:
    """Bytes as people read them, in powers of a thousand."""
    if count is None:
        return "size unknown"
    value, unit = float(count), 0
    while value >= 999.95 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{count} B" if unit == 0 else f"{value:.1f} {_UNITS[unit]}"


def short_digest(digest: str | None, config_digest: str | None = None) -> str:
    """`sha256:0123456789ab`, `config sha256:…` where only the config's is known, or nothing."""
    if digest:
        return digest[:SHORT_DIGEST]
    return f"config {config_digest[:SHORT_DIGEST]}" if config_digest else ""
