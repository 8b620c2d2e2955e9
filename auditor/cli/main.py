"""The console script: which command a word means, and how an error becomes one line and exit code 2."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer
from typer.exceptions import TyperException

from auditor.cli import check, diff, explain, kernel, sbom, schema, spec
from auditor.cli.output import EXIT_NOT_AUDITED, report_error
from auditor.errors import AuditError

HELP = "Audits container images, without running them, against a runtime contract such as Calico's."
_OWN_OPTIONS = frozenset({"--help", "--version", "--install-completion", "--show-completion"})

app = typer.Typer(
    name="audit-image",
    help=HELP + " `audit-image IMAGE` is `audit-image check IMAGE`.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("check")(check.check)
app.command("diff")(diff.diff)
app.command("sbom")(sbom.sbom)
app.command("kernel")(kernel.kernel)
app.command("explain")(explain.explain)
app.add_typer(spec.app, name="spec")
app.add_typer(schema.app, name="schema")


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version as installed_version  # noqa: PLC0415 - costs 30 ms

        typer.echo(f"audit-image {installed_version('audit-image')}")
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(
        False, "--version", help="Show the version and exit.", is_eager=True, callback=_show_version
    ),
) -> None:
    del version  # its callback did the work


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit with its code: 0 meets the spec, 1 doesn't, 2 not audited."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    sys.exit(run(given))


def run(arguments: Sequence[str]) -> int:
    """Run one command; its exit code."""
    try:
        command = typer.main.get_command(app)
        names = frozenset(getattr(command, "commands", ()))
        settings = _defaults(command, names)
        result = command.main(
            args=_with_default_command(arguments, names),
            prog_name="audit-image",
            standalone_mode=False,
            default_map=settings,
        )
        _flush()
    except TyperException as error:
        return report_error(f"{error.format_message()}", "see `audit-image --help`")
    except AuditError as error:
        return report_error(str(error))
    except typer.Exit as done:
        return done.exit_code
    except typer.Abort:
        return report_error("interrupted")
    except KeyboardInterrupt:
        return report_error("interrupted")
    except BrokenPipeError:
        # The reader of our output went away; keep the interpreter from complaining about it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_NOT_AUDITED
    return result if isinstance(result, int) else 0


def _with_default_command(arguments: Sequence[str], commands: frozenset[str]) -> list[str]:
    """A command's word is the command; anything else that is not our own option is for `check`."""
    if not arguments or arguments[0] in commands or arguments[0] in _OWN_OPTIONS or arguments[0] == "-h":
        return list(arguments)
    return ["check", *arguments]


def _defaults(command: Any, names: frozenset[str]) -> dict[str, Any]:
    from auditor.settings import read_settings  # noqa: PLC0415 - keeps `tomllib` off the way to --help

    options = {
        name: [param.name for param in command.commands[name].params if param.param_type_name == "option"]
        for name in names
        if not hasattr(command.commands[name], "commands")
    }
    settings = read_settings(options, Path.cwd())
    return {name: {key: entry.value for key, entry in found.items()} for name, found in settings.items()}


def _flush() -> None:
    sys.stdout.flush()
