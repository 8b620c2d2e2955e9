"""`audit-image cache`: what is remembered between runs."""

import datetime
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from auditor.cli.output import EXIT_OK, echo
from auditor.errors import UsageError

if TYPE_CHECKING:
    from auditor.cache.store import Store

app = typer.Typer(help="What is remembered of images between runs.", no_args_is_help=True)
_MIB = 1 << 20


@app.command()
def info() -> int:
    """Show where it lies, how much is in it and since when; exit code 2: it can't be used."""
    from auditor.cache.store import LIMIT  # noqa: PLC0415 - brings SQLite along

    with _opened() as store:
        stock = store.stock()
        echo(
            f"file     {store.file}",
            f"entries  {stock.entries}, {stock.foreign} of them by other versions of audit-image",
            f"size     {stock.size / _MIB:.1f} MiB of at most {LIMIT / _MIB:.0f} MiB",
        )
        if stock.oldest is not None:
            echo(f"oldest   last used {datetime.datetime.fromtimestamp(stock.oldest, datetime.UTC):%Y-%m-%d %H:%M} UTC")
    return EXIT_OK


@app.command()
def prune(
    days: Annotated[int, typer.Option(min=0, metavar="N", help="What was not used for so many days goes.")] = 30,
) -> int:
    """Remove what other versions of audit-image left, and what was not used for long."""
    with _opened() as store:
        echo(f"{store.prune(days)} removed, {store.stock().entries} left")
    return EXIT_OK


@app.command()
def clear() -> int:
    """Remove all of it."""
    with _opened() as store:
        echo(f"{store.clear()} removed")
    return EXIT_OK


@contextmanager
def _opened() -> "Iterator[Store]":
    from auditor.cache import Unusable, cache_folder  # noqa: PLC0415 - only these commands need it
    from auditor.cache.code import code_version  # noqa: PLC0415
    from auditor.cache.store import Store  # noqa: PLC0415

    folder = cache_folder()
    if folder is None:
        raise UsageError("nothing is remembered: it is empty", "AUDIT_IMAGE_CACHE_DIR", "name a folder, or unset it")
    store = Store(folder, code_version())
    try:
        yield store
    except Unusable as error:
        raise UsageError(str(error), remedy="name another folder with AUDIT_IMAGE_CACHE_DIR") from error
    finally:
        store.close()
