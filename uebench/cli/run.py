"""``uebench run``: compute the missing cells of a grid and show the results."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from uebench.cli.shared import complete
from uebench.cli.shared.options import (
    AsJson,
    DryRun,
    Force,
    MethodSeeds,
    Protected,
    Seeds,
    TimeLimitText,
    methods_option,
    with_compute,
    with_workspace,
)
from uebench.errors import UsageError

if TYPE_CHECKING:
    from uebench.api.compute import Compute
    from uebench.api.workspace import Workspace


@with_workspace
@with_compute
def run(
    grid_file: Annotated[Path | None, typer.Argument(metavar="GRID.toml", help="A grid saved with --save.")] = None,
    method: Annotated[list[str] | None, methods_option("name(option=value), or all. Repeatable.")] = None,
    attacker: Annotated[
        list[str] | None,
        typer.Option(
            "--attacker",
            help="name(option=value)+countermeasure, or all. Repeatable.",
            autocompletion=complete.plugins("attacker"),
        ),
    ] = None,
    data: Annotated[
        list[str] | None,
        typer.Option(
            "--data",
            help="orl_varied, a folder, or name(option=value). Repeatable [default: the faces of the preset].",
            autocompletion=complete.plugins("source"),
        ),
    ] = None,
    protected: Protected = None,
    seed: Seeds = None,
    method_seed: MethodSeeds = None,
    preset: Annotated[
        str | None,
        typer.Option(
            help="smoke, desk, desk64, paper or official [default: desk].", autocompletion=complete.preset_names
        ),
    ] = None,
    with_clean: Annotated[
        bool | None, typer.Option("--with-clean", help="Also train on the unprotected images.")
    ] = None,
    dry_run: DryRun = False,
    collect: Annotated[bool, typer.Option("--collect", help="Compute nothing; show the cells that are done.")] = False,
    time_limit: TimeLimitText = None,
    force: Force = False,
    keep_models: Annotated[
        bool, typer.Option("--keep-models", help="Keep the weights of the attackers' networks, and show their files.")
    ] = False,
    save: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the grid to this TOML file.")] = None,
    figure: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw the accuracies as a matrix (PNG, SVG, PDF).")
    ] = None,
    as_json: AsJson = False,
    *,
    workspace: Workspace,
    how: Compute,
) -> None:
    """Measure methods against attackers.

    Each method protects the faces, each attacker trains on them, and its clean test accuracy is measured.
    """
    from uebench.api.compute import collected_in
    from uebench.api.foreign_sets import method_texts, parse_protected
    from uebench.api.workspace import plugin_files
    from uebench.cli.shared import computing, output, run_output
    from uebench.planning.grid_file import read_grid, write_grid
    from uebench.report import files

    methods = [*(method or ()), *method_texts(parse_protected(protected or ()), workspace)]
    given = {
        "method": methods, "attacker": attacker, "data": data, "seed": seed and ",".join(seed),
        "method_seed": method_seed and ",".join(method_seed), "preset": preset, "with_clean": with_clean,
        "plugin": [str(file) for file in workspace.plugins],
    }  # fmt: skip
    if grid_file and grid_file.suffix != ".toml" and not grid_file.exists():
        raise UsageError(f"{grid_file}: no such file; a grid is a TOML file. For several methods, repeat --method")
    grid = read_grid(grid_file, {name: value for name, value in given.items() if value not in (None, [])})
    workspace = replace(workspace, plugins=plugin_files(grid.plugin))
    if collect and (dry_run or force or time_limit):
        raise UsageError("--collect: computes nothing; leave out --dry-run, --force and --time-limit")
    if save:
        files.check(save, "--save", (".toml",))
    if figure:
        from uebench.report.figures import matrix

        files.check(figure, "--figure")
    how = computing.limited(how, time_limit, force=force, keep_models=keep_models)
    plan = workspace.planner.plan(grid)
    if save:
        write_grid(save, grid)
        output.note(f"{save}: written; uebench run {save} computes this grid")
    if dry_run:
        computing.show_plan(plan, workspace, how, as_json)
        return
    result = collected_in(workspace, plan) if collect else computing.computed(plan, workspace, how)
    run_output.show(result, as_json, models=keep_models, collected=collect, forced=force)
    if figure and not result.records:
        output.note(f"{figure}: not drawn, because no cell is finished")
    elif figure:
        records = [cell.record for cell in result.cells if cell.record]
        files.save(matrix.figure(result.records), figure, "--figure", records)
        output.note_drawn(figure, records)
    computing.end({"cell": 0 if collect else len(result.left)}, failed=bool(result.failed))
