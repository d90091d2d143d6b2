"""Assembles the commands, and turns expected errors into one line and an exit code."""

from __future__ import annotations

import os
import sys
from typing import Annotated, Any

import typer

from uebench import __version__
from uebench.cli import (
    audit,
    check,
    compare,
    data,
    detect,
    export,
    figure,
    fit,
    leaderboard,
    listing,
    new,
    protect,
    report,
    reproduce,
    run,
    show,
    status,
    store,
    study,
    submit,
    table,
)
from uebench.cli.shared.interrupts import handle_interrupts
from uebench.cli.shared.terminal import complain, drop_stdout, finish, of_system, prepare, say
from uebench.errors import UebenchError
from uebench.progress import OutputClosed

INTERRUPTED = 130
MISUSE: Any = typer.BadParameter.__bases__[0]
"""The error of typer for a wrong command line; its module depends on the version of typer."""

app = typer.Typer(
    name="uebench",
    help="Measure which unlearnable-example methods really protect faces.",
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("run")(run.run)
app.add_typer(study.app, name="study")
app.command("list")(listing.list_)
app.command("show")(show.show)
app.command("new")(new.new)
app.command("check")(check.check)
app.command("status")(status.status)
app.command("fit")(fit.fit)
app.command("protect")(protect.protect)
app.command("audit")(audit.audit)
app.command("detect")(detect.detect)
app.command("export")(export.export)
app.add_typer(data.app, name="data")
app.command("report")(report.report)
app.command("figure")(figure.figure)
app.command("table")(table.table)
app.command("leaderboard")(leaderboard.leaderboard)
app.command("submit")(submit.submit)
app.command("compare")(compare.compare)
app.command("reproduce")(reproduce.reproduce)
app.add_typer(store.app, name="store")


def _version(wanted: bool) -> None:
    if wanted:
        say(f"uebench {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    context: typer.Context,
    version: Annotated[  # noqa: ARG001
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Measure which unlearnable-example methods really protect faces."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def main() -> None:
    """Run the command line."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    handle_interrupts()
    prepare()
    try:
        code = app(prog_name=app.info.name, standalone_mode=False) or 0
        finish()
        if code != INTERRUPTED:  # typer returns it after Ctrl-C
            sys.exit(code)
        raise KeyboardInterrupt
    except UebenchError as error:
        _fail(str(error), error.exit_code)
    except MISUSE as error:
        command = error.ctx.command_path if error.ctx else _command(sys.argv[1:])
        _fail(f"{error.format_message().rstrip('.')}; {command} -h explains", 2)
    except (typer.Abort, KeyboardInterrupt):
        _fail("interrupted; run the same command again to resume", INTERRUPTED)
    except (BrokenPipeError, OutputClosed):
        drop_stdout()
        sys.exit(1)
    except OSError as error:
        drop_stdout()
        store_error = of_system(error)
        _fail(str(store_error), store_error.exit_code)


def _command(words: list[str]) -> str:
    """Return the command of a command line, for errors in which typer does not name it."""
    command, path = typer.main.get_command(app), [str(app.info.name)]
    for word in words:
        if word not in getattr(command, "commands", {}):
            break
        command = command.commands[word]  # type: ignore[attr-defined]
        path.append(word)
    return " ".join(path)


def _fail(message: str, code: int) -> None:
    complain(message)
    sys.exit(code)
