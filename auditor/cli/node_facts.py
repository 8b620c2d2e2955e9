"""`audit-image node-facts`: the script that writes down a node, for hosts without Python."""

import typer


def node_facts() -> int:
    """Print a POSIX shell script that writes down a node's kernel, modules and processor, for `kernel`."""
    from importlib.resources import files  # noqa: PLC0415

    typer.echo((files("auditor.kernel") / "node-facts.sh").read_text(encoding="utf-8"), nl=False)
    return 0
