"""``uebench study``: compute a study, and show it as tables, figures and a page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from uebench.cli.shared import complete
from uebench.cli.shared.options import AsJson, DryRun, Force, TimeLimitText, with_compute, with_workspace
from uebench.cli.shared.terminal import say
from uebench.errors import UsageError, counted

if TYPE_CHECKING:
    from uebench.api.compute import Compute
    from uebench.api.study import Study
    from uebench.api.workspace import Workspace

app = typer.Typer(help="Compute a study and show its results.")
Name = Annotated[
    str,
    typer.Argument(
        metavar="STUDY",
        help="A TOML file, or the name of a study of the package; see uebench list studies.",
        autocompletion=complete.studies,
    ),
]
Data = Annotated[
    list[str] | None,
    typer.Option(
        "--data",
        help="The data set that the study leaves open, or one in place of its own: orl, a folder or "
        "name(option=value); NAME=SET if there are several. Repeatable.",
    ),
]


@app.command()
@with_workspace
@with_compute
def run(
    name: Name,
    data: Data = None,
    dry_run: DryRun = False,
    force: Force = False,
    time_limit: TimeLimitText = None,
    as_json: AsJson = False,
    *,
    workspace: Workspace,
    how: Compute,
) -> None:
    """Compute a study and show its table.

    Only missing cells are computed.
    """
    from uebench.cli.shared import computing, output, run_output
    from uebench.report.study import forms

    study = _study(name, data, workspace)
    how = computing.limited(how, time_limit, force=force)
    plan = study.plan()
    if dry_run:
        computing.show_plan(plan, workspace, how, as_json)
        return
    result = computing.computed(plan, workspace, how)
    output.print_page(forms.page(study.arranged()), "text", as_json)
    run_output.notes(result, forced=force)
    computing.end({"cell": len(result.left)}, failed=bool(result.failed))


@app.command()
@with_workspace
def table(
    name: Name,
    data: Data = None,
    form: Annotated[
        str,
        typer.Option("--format", help="text, md, tex, csv, html or parquet [default: the suffix of --out, or text]."),
    ] = "",
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the table to this file.")] = None,
    as_json: AsJson = False,
    *,
    workspace: Workspace,
) -> None:
    """Show the table of a study.

    It shows means with intervals, tests against the baseline, the best of each column, and why results are missing.
    Nothing is computed.
    """
    from uebench.cli.shared import output
    from uebench.report.study import forms

    if out and as_json:
        raise UsageError("--json: shows the table and writes no file; leave out --json or --out")
    form = forms.check(form, out)
    arranged = _study(name, data, workspace).arranged()
    if out:
        forms.write(arranged, out, form)
        output.note(f"{out}: written")
    elif as_json:
        output.print_json(forms.page(arranged).document())
    else:
        say(forms.render(arranged, form), end="")


@app.command()
@with_workspace
def figure(
    name: Name,
    out: Annotated[Path, typer.Option(metavar="FILE", help="Image file to write (PNG, SVG, PDF).")],
    kind: Annotated[
        str,
        typer.Option(
            help="bars: means with intervals; matrix: a heat map; cost: accuracy against seconds.",
            autocompletion=lambda: _figures(),
        ),
    ] = "bars",
    data: Data = None,
    *,
    workspace: Workspace,
) -> None:
    """Draw a study.

    The figure shows the finished cells. Nothing is computed.
    """
    from uebench.api.study import check_figure
    from uebench.cli.shared import output
    from uebench.report import files

    files.check(out, "--out")
    check_figure(kind)
    study = _study(name, data, workspace)
    files.save(study.figure(kind), out, "--out", study.drawn_from)
    output.note_drawn(out, study.drawn_from)


@app.command()
@with_workspace
def report(
    name: Name,
    html: Annotated[Path, typer.Option("--html", metavar="FILE", help="HTML file to write.")],
    data: Data = None,
    *,
    workspace: Workspace,
) -> None:
    """Write an HTML page of a study.

    The page is self-contained and shows the records with the names of the study.
    """
    from uebench.cli.shared.output import note
    from uebench.report import files
    from uebench.store.atomic import write

    files.check(html, "--html", (".html", ".htm"))
    study = _study(name, data, workspace)
    write(html, study.page(), "--html")
    missing = sum(len(place.place.cells) for place in study.places) - len(study.records)
    remark = f"; {counted(missing, 'cell')} missing: uebench study run computes those that are possible"
    note(f"{html}: {len(study.records)} records of {workspace.store.root}{remark if missing else ''}")


def _figures() -> tuple[str, ...]:
    from uebench.api.study import FIGURES

    return FIGURES


def _study(name: str, data: list[str] | None, workspace: Workspace) -> Study:
    from uebench.api.study import Study
    from uebench.planning.study_file import read_study

    return Study(read_study(name, data or ()), workspace)
