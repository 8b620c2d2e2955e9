"""One RPM header: bytes that are none are told as such."""

import struct

import pytest

from auditor.archive.rpmheader import HeaderError, Tag, parse


def header(*tags: tuple[int, int, int, int], data: bytes) -> bytes:
    """(tag, type, offset, count) for each, and their data."""
    return struct.pack(">2I", len(tags), len(data)) + b"".join(struct.pack(">IIiI", *tag) for tag in tags) + data


def test_a_tag_is_read() -> None:
    parsed = parse(header((Tag.NAME, 6, 0, 1), (Tag.VERSION, 6, 5, 1), data=b"name\x001.0\0"))
    assert (parsed.text(Tag.NAME), parsed.text(Tag.VERSION)) == ("name", "1.0")


@pytest.mark.parametrize("offset", [-1, 5, 1 << 30])
def test_no_tag_lies_in_the_data(offset: int) -> None:
    with pytest.raises(HeaderError, match="outside the data"):
        parse(header((Tag.NAME, 6, offset, 1), data=b"name\0"))


def test_a_tag_that_nobody_reads_may_lie_outside() -> None:
    assert parse(header((9999, 6, 99, 1), data=b"name\0")).tags == {}


@pytest.mark.parametrize("blob", [b"", bytes(8), header((Tag.NAME, 6, 0, 1), data=b"name\0")[:-1]])
def test_no_header(blob: bytes) -> None:
    with pytest.raises(HeaderError):
        parse(blob)
