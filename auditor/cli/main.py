"""Which command a word means, and how whatever goes wrong becomes one line and exit code 2."""

import os
import re
import sys
import traceback
from collections.abc import Sequence
from typing import Any

import typer
from typer.core import TyperCommand
from typer.exceptions import TyperException

from auditor.cli import (
    cache,
    check,
    config,
    diff,
    explain,
    kernel,
    node_facts,
    sbom,
    schema,
    spec,
    sweep,
    tree,
    waivers,
)
from auditor.cli.defaults import deciding, default_map, setting_behind, settings_of
from auditor.cli.output import EXIT_NOT_AUDITED, EXIT_OK, ClosedOutput, report_error, say
from auditor.errors import AuditError, Interrupted, UsageError, did_you_mean
from auditor.settings import Settings

HELP = "Audits container images, without running them, against a runtime contract such as Calico's."
_OWN_OPTIONS = frozenset({"-h", "--help", "--version", "--install-completion", "--show-completion"})
_MEANT = {"help": "--help", "version": "--version"}
_COMPLETING = "_AUDIT_IMAGE_COMPLETE"


class _Judging(TyperCommand):
    """A command with a verdict: what decided it and is not on the command line is said."""

    def invoke(self, ctx: Any) -> Any:
        """Run it; then one line on standard error for each deciding setting."""
        result = super().invoke(ctx)
        if not ctx.params.get("quiet"):
            for line in deciding(ctx):
                say(f"setting: {line}")
        return result


app = typer.Typer(
    name="audit-image",
    help=HELP + " `audit-image IMAGE` is `audit-image check IMAGE`.",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("check", cls=_Judging)(check.check)
app.command("diff", cls=_Judging)(diff.diff)
app.command("sbom")(sbom.sbom)
app.command("kernel", cls=_Judging)(kernel.kernel)
app.command("node-facts")(node_facts.node_facts)
app.command("sweep", cls=_Judging)(sweep.sweep)
app.command("tree")(tree.tree)
app.command("explain")(explain.explain)
app.add_typer(spec.app, name="spec")
app.add_typer(schema.app, name="schema")
app.add_typer(waivers.app, name="waivers")
app.add_typer(config.app, name="config")
app.add_typer(cache.app, name="cache")


def _show_version(wanted: bool) -> None:
    if wanted:
        from auditor.cli.version import version_text  # noqa: PLC0415 - costs 30 ms

        typer.echo(version_text())
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(
        False, "--version", help="Show version, commit and Python, and exit.", is_eager=True, callback=_show_version
    ),
) -> None:
    del version  # its callback did the work


def run(arguments: Sequence[str]) -> int:
    """Run one command; its exit code. Whatever goes wrong is one line on standard error, and never exit code 1."""
    settings = Settings({})
    if sys.stdout is None:
        sys.stdout = ClosedOutput()
    try:
        command = typer.main.get_command(app)
        names = frozenset(getattr(command, "commands", ()))
        given = _with_default_command(arguments, names)
        _complete_bare_form(names)
        if not _asks_for_help(given):
            settings = settings_of(command)
            for name in () if {"-q", "--quiet"} & set(given) else settings.unknown:
                say(f"{name} is no setting of audit-image; it changes nothing")
        result = command.main(
            args=given or ["--help"],
            prog_name="audit-image",
            standalone_mode=False,
            default_map=default_map(settings),
            obj=settings,
        )
        code = result if isinstance(result, int) else EXIT_OK
        sys.stdout.flush()
    except TyperException as error:
        return _misused(error)
    except AuditError as error:
        code = report_error(_with_origin(error, arguments, settings))
        for line in error.also:
            say(line)
        return code
    except typer.Exit as done:
        return done.exit_code
    except (Interrupted, KeyboardInterrupt, typer.Abort) as error:
        say("interrupted; nothing was judged")
        return error.exit_code if isinstance(error, Interrupted) else 130
    except BrokenPipeError:
        return EXIT_NOT_AUDITED  # the reader of our output went away, and knows
    except Exception as error:
        return _last_resort(error, arguments)
    return code if given else EXIT_NOT_AUDITED


def _asks_for_help(arguments: Sequence[str]) -> bool:
    """Help is there whatever the settings say."""
    return not arguments or not {"-h", "--help", "--version"}.isdisjoint(arguments)


def _with_default_command(arguments: Sequence[str], commands: frozenset[str]) -> list[str]:
    """A command's word is the command; anything else that is not our own option is for `check`."""
    if not arguments or arguments[0] in commands or arguments[0] in _OWN_OPTIONS:
        return list(arguments)
    word = arguments[0]
    if word.isalpha():  # may be an image's name, but `chekc` and `help` hardly are
        meant = _MEANT.get(word)
        hint = f"did you mean {meant}?" if meant else did_you_mean(word, commands)
        if hint:
            raise UsageError(f"there is no command '{word}'", remedy=f"{hint} An image is `check {word}`")
    return ["check", *arguments]


def _complete_bare_form(commands: frozenset[str]) -> None:
    """Let a shell complete `audit-image --sp` as it completes `audit-image check --sp`."""
    words = os.environ.get("COMP_WORDS", "").split()
    if _COMPLETING not in os.environ or len(words) < 2 or words[1] in commands:
        return
    if any(name.startswith(words[1]) for name in (*commands, *_OWN_OPTIONS)):
        return
    os.environ["COMP_WORDS"] = " ".join([words[0], "check", *words[1:]])
    if (place := os.environ.get("COMP_CWORD", "")).isdecimal():
        os.environ["COMP_CWORD"] = str(int(place) + 1)


def _misused(error: TyperException) -> int:
    """What typer refused: its words in one sentence, where the value came from, and the help of that very command."""
    context, param = getattr(error, "ctx", None), getattr(error, "param", None)
    message = " ".join(error.format_message().replace("Value error, ", "").split()).rstrip(".")
    path = getattr(context, "command_path", "") or "audit-image"
    if type(error).__name__ == "NoArgsIsHelpError":
        message = "a command is missing"
    setting = setting_behind(context, param.name) if param is not None else None
    origin = f"{setting.origin}: " if setting else ""
    return report_error(f"{origin}{message}", f"see `{path} --help`")


def _with_origin(error: AuditError, arguments: Sequence[str], settings: Settings) -> str:
    """The error's line; where a setting gave the value that it is about, with the setting's place."""
    if not isinstance(error, UsageError) or not arguments:
        return error.cause
    told = f"{error.where} {error.what}"
    for name, setting in settings.command(arguments[0] if arguments[0] in settings.of else "check").items():
        values = setting.value if isinstance(setting.value, list) else [setting.value]
        shown = (str(value).partition("=")[0] for value in values)
        if any(word.startswith(f"--{name.replace('_', '-')}") for word in arguments):
            continue
        if any(value and re.search(rf"(?<![\w./-]){re.escape(value)}(?![\w./-])", told) for value in shown):
            return f"{error.cause} (set by {setting.origin})"
    return error.cause


def _last_resort(error: Exception, arguments: Sequence[str]) -> int:
    """A fault of our own, or of the machine: one line, and where to take it."""
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        return report_error(f"{where}{error.strerror}")
    if isinstance(error, MemoryError):
        return report_error("out of memory")
    if {"-v", "--verbose"} & set(arguments):
        traceback.print_exc()
        remedy = ""
    else:
        remedy = "with --verbose the traceback is shown"
    from auditor.cli.version import issues_address  # noqa: PLC0415 - reads the installation's metadata

    place = issues_address() or "whoever gave you audit-image"
    return report_error(f"a fault in audit-image: {type(error).__name__}: {error}; report it to {place}", remedy)
