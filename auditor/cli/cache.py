"""`audit-image cache`: what is remembered between runs."""

import datetime
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from auditor.cli.output import EXIT_OK, echo
from auditor.errors import UsageError

if TYPE_CHECKING:
    from auditor.cache.shelf import Shelf
    from auditor.cache.store import Store

app = typer.Typer(help="What is remembered of images between runs.", no_args_is_help=True)
_MIB = 1 << 20


@app.command()
def info() -> int:
    """Show where it lies, how much is in it and since when; exit code 2: it can't be used."""
    from auditor.cache import shelf as layers  # noqa: PLC0415 - only this command needs them
    from auditor.cache import store as facts  # noqa: PLC0415 - brings SQLite along

    with _opened() as (store, shelf):
        stock, kept = store.stock(), shelf.stock()
        used = [*([] if stock.oldest is None else [stock.oldest]), *(piece.used for piece in kept)]
        echo(
            f"file     {store.file}",
            f"entries  {stock.entries}, {stock.foreign} of them by other versions of audit-image",
            f"size     {stock.size / _MIB:.1f} MiB of at most {facts.LIMIT / _MIB:.0f} MiB",
            f"layers   {len(kept)} in {shelf.folder}",
            f"size     {sum(piece.size for piece in kept) / _MIB:.1f} MiB of at most {layers.LIMIT / _MIB:.0f} MiB",
        )
        if used:
            echo(f"oldest   last used {datetime.datetime.fromtimestamp(min(used), datetime.UTC):%Y-%m-%d %H:%M} UTC")
    return EXIT_OK


@app.command()
def prune(
    days: Annotated[int, typer.Option(min=0, metavar="N", help="What was not used for so many days goes.")] = 30,
) -> int:
    """Remove what other versions of audit-image left, and what was not used for long."""
    with _opened() as (store, shelf):
        gone = store.prune(days) + shelf.prune(days)
        echo(f"{gone} removed, {store.stock().entries + len(shelf.stock())} left")
    return EXIT_OK


@app.command()
def clear() -> int:
    """Remove all of it."""
    with _opened() as (store, shelf):
        echo(f"{store.clear() + shelf.clear()} removed")
    return EXIT_OK


@contextmanager
def _opened() -> "Iterator[tuple[Store, Shelf]]":
    from auditor.cache import Unusable, cache_folder  # noqa: PLC0415 - only these commands need it
    from auditor.cache.code import code_version  # noqa: PLC0415
    from auditor.cache.shelf import Shelf  # noqa: PLC0415
    from auditor.cache.store import Store  # noqa: PLC0415

    folder = cache_folder()
    if folder is None:
        raise UsageError("nothing is remembered: it is empty", "AUDIT_IMAGE_CACHE_DIR", "name a folder, or unset it")
    code = code_version()
    store = Store(folder, code)
    try:
        yield store, Shelf(folder, code)
    except Unusable as error:
        raise UsageError(str(error), remedy="name another folder with AUDIT_IMAGE_CACHE_DIR") from error
    finally:
        store.close()
