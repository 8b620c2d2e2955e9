"""CONFIG symbols, and what a config doesn't say."""

import pytest

from auditor.kernel.config import parse_config
from tests.kernel.made import HEADER

WHOLE = "CONFIG_NET=y\n# CONFIG_CRYPTO is not set\nCONFIG_DEBUG_KERNEL=y\n"


def test_states() -> None:
    config = parse_config((HEADER + "CONFIG_A=y\nCONFIG_B=m\n# CONFIG_C is not set\nCONFIG_D=17\n").encode())
    assert config is not None
    assert [config.state(symbol) for symbol in "ABCDE"] == ["y", "m", "n", "17", "n"]
    assert [config.mentions(symbol) for symbol in "ACE"] == [True, True, False]
    assert (config.version, config.complete) == ((6, 1, 27), True)


def test_text() -> None:
    config = parse_config(b'CONFIG_A="/sbin/modprobe"\nCONFIG_B=""\nCONFIG_C=y\nCONFIG_D="\n')
    assert config is not None
    assert [config.text(symbol) for symbol in "ABCDE"] == ["/sbin/modprobe", "", None, None, None]


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("# Linux/arm64 6.12.48 Kernel Configuration\n", (6, 12, 48)),
        ("# Linux/x86_64 5.14.0-427.el9.x86_64 Kernel Configuration\n", (5, 14, 0)),
        ("# Automatically generated make config: don't edit\n# Linux kernel version: 2.6.32\n", (2, 6, 32)),
    ],
)
def test_headers(text: str, version: tuple[int, ...]) -> None:
    config = parse_config((text + WHOLE).encode())
    assert config is not None
    assert (config.version, config.complete) == (version, True)


def test_without_header_or_end_what_is_not_there_is_unknown() -> None:
    for text in ("CONFIG_A=y\n", HEADER + "CONFIG_A=y\n# CONFIG_B is not"):
        config = parse_config(text.encode())
        assert config is not None
        assert config.state("B") is None


@pytest.mark.parametrize("cut", range(3))
def test_a_piece_of_a_config_says_nothing_of_what_it_leaves_out(cut: int) -> None:
    lines = WHOLE.splitlines(keepends=True)
    head = "# Linux/x86 6.1.27 Kernel Configuration\n"
    config = parse_config((head + "".join(lines[:cut] + lines[cut + 1 :]) + "CONFIG_A=y\n").encode())
    assert config is not None
    assert (config.version, config.complete, config.state("IP_SET")) == ((6, 1, 27), False, None)


@pytest.mark.parametrize(
    ("symbols", "architecture"),
    [
        ("X86_64", "amd64"),
        ("X86_32", "386"),
        ("ARM64", "arm64"),
        ("ARM", "arm"),
        ("PPC64 CPU_LITTLE_ENDIAN", "ppc64le"),
        ("PPC64", "ppc64"),
        ("S390", "s390x"),
        ("RISCV 64BIT", "riscv64"),
        ("LOONGARCH 64BIT", "loong64"),
        ("NET", ""),
    ],
)
def test_architectures(symbols: str, architecture: str) -> None:
    config = parse_config("".join(f"CONFIG_{symbol}=y\n" for symbol in symbols.split()).encode())
    assert config is not None
    assert config.architecture == architecture


@pytest.mark.parametrize("data", [b"", b"text\n", b"\x7fELF\0CONFIG_A=y\n", b"# Linux/x86 6.1.27\n"])
def test_what_is_no_config(data: bytes) -> None:
    assert parse_config(data) is None
