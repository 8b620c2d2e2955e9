"""What a database says of a licence, told apart: an SPDX expression, or words of its own."""

from functools import cache
from typing import Any

from license_expression import ExpressionError, ExpressionParseError, get_spdx_licensing

_LONGEST = 2000  # characters; no real field is nearly as long, and a parser should not be asked to try


@cache
def spdx_expression(text: str) -> str:
    """The text as an SPDX licence expression, spelled as the licence list does; empty where it is none."""
    if not text or len(text) > _LONGEST:
        return ""
    try:
        parsed = licensing().parse(text, validate=True, strict=True)
    except (ExpressionError, ExpressionParseError, RecursionError):
        return ""
    return str(parsed) if parsed is not None else ""


@cache
def licensing() -> Any:
    """The list of licences; making it takes a tenth of a second."""
    return get_spdx_licensing()
