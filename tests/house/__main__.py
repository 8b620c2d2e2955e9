"""`python -m tests.house`: writes anew what the papers say of the code."""

from tests.house.papers import PARTS, ROOT, written


def main() -> None:
    """Write every part into its paper."""
    for file, part in PARTS:
        path = ROOT / file
        path.write_text(written(file, part, path.read_text()))
        print(f"{file}: {part}")


main()
