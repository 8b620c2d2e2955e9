"""The one time that a document may state: the one that the build is told, never the clock's."""

import datetime
import os

from auditor.errors import UsageError

VARIABLE = "SOURCE_DATE_EPOCH"
NO_TIME = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)  # where a format asks for a time and none is known


def build_time() -> datetime.datetime | None:
    """SOURCE_DATE_EPOCH (reproducible-builds.org) in UTC, None where it is not set; UsageError where it is no time."""
    value = os.environ.get(VARIABLE, "")
    if not value:
        return None
    try:
        if not (value.isascii() and value.isdecimal()):
            raise ValueError("not a number")
        return datetime.datetime.fromtimestamp(int(value), datetime.UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise UsageError(f"{value!r} is no time", VARIABLE, "give seconds since 1970-01-01 UTC") from error
