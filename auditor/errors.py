"""The small family of errors that end an audit with exit code 2.

Each one says what went wrong, where, and what to do about it; the command line turns it into one line.
"""

from collections.abc import Iterable


class AuditError(Exception):
    """Nothing was audited. `what` went wrong at `where`; `remedy` says what to do (all one line of text).

    `also` has what other sources that were asked said, a line each.
    """

    def __init__(self, what: str, where: str = "", remedy: str = "", also: tuple[str, ...] = ()) -> None:
        super().__init__(what, where, remedy, also)
        self.what = what
        self.where = where
        self.remedy = remedy
        self.also = also

    def __str__(self) -> str:
        """All of it on one line."""
        return f"{self.cause}{''.join(f' (and {line})' for line in self.also)}"

    @property
    def cause(self) -> str:
        """The cause, and what to do about it, on one line."""
        parts = [f"{self.where}: {self.what}" if self.where else self.what]
        if self.remedy:
            parts.append(self.remedy)
        return "; ".join(" ".join(part.split()) for part in parts)


class UsageError(AuditError):
    """A command line, setting, spec or waiver file that can't be taken."""


class ImageNotFound(AuditError):
    """No such file, tag, digest, or no platform of it that was asked for."""


class SourceUnavailable(AuditError):
    """A daemon or registry that can't be reached, or doesn't let us in."""


class CorruptImage(AuditError):
    """Bytes that aren't what their digest, size or format says: truncated, altered, or not an image."""


class UnsupportedFormat(AuditError):
    """A well-formed image of a kind that can't be read: unknown media type, encrypted layer, schema 1."""


class LimitExceeded(AuditError):
    """An image that asks for more memory, time or entries than the settings allow."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`did you mean 'check'?` where a known word is near to one that isn't known, else empty."""
    from difflib import get_close_matches  # noqa: PLC0415 - only a mistake needs it

    near = get_close_matches(word, list(known), n=1, cutoff=0.7)
    return f"did you mean '{near[0]}'?" if near else ""


class Interrupted(BaseException):
    """SIGINT or SIGTERM came: nothing was judged. No `except Exception` on the way may take it for a failure."""

    def __init__(self, signal: int) -> None:
        super().__init__(signal)
        self.signal = signal

    @property
    def exit_code(self) -> int:
        """128 and the signal's number, as shells say it: 130, 143."""
        return 128 + self.signal
