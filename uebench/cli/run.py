"""``uebench run``: plan a grid, compute what is missing, show the result."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from uebench.cli.options import RESULTS, AsJson, Device, Jobs, Plugins, Results
from uebench.errors import DataError, UsageError, in_words, nearest

if TYPE_CHECKING:
    from uebench.evaluation.outcome import Outcome
    from uebench.planning.cell import Cell
    from uebench.planning.grid import Grid
    from uebench.plugins.registry import Registry
    from uebench.store.store import Store

Words = list[str] | None


def run(
    grid_file: Annotated[Path | None, typer.Argument(metavar="[GRID.toml]", help="A saved grid.")] = None,
    method: Annotated[Words, typer.Option("--method", help="name(option=value). Repeatable.")] = None,
    attacker: Annotated[
        Words, typer.Option("--attacker", help="name(option=value)+countermeasure. Repeatable.")
    ] = None,
    data: Annotated[Words, typer.Option("--data", help="orl, a folder, or name(option=value). Repeatable.")] = None,
    seed: Annotated[list[int] | None, typer.Option("--seed", help="Attacker's seed. Repeatable.")] = None,
    method_seed: Annotated[int | None, typer.Option(help="Seed of the methods [default: 0].")] = None,
    preset: Annotated[str | None, typer.Option(help="smoke, desk or paper [default: desk].")] = None,
    with_clean: Annotated[bool | None, typer.Option("--with-clean", help="Also train on unprotected images.")] = None,
    device: Device = "auto",
    jobs: Jobs = 0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan and stop.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Compute finished cells again.")] = False,
    save: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the grid as TOML.")] = None,
    figure: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw the accuracy matrix (PNG, SVG, PDF).")
    ] = None,
    plugin: Plugins = None,
    results: Results = RESULTS,
    as_json: AsJson = False,
) -> None:
    """Protect faces with each METHOD, train each ATTACKER on them, and measure its clean test accuracy."""
    from uebench.planning.grid import plan
    from uebench.plugins.registry import Registry
    from uebench.store.store import Store

    given = {
        "method": method, "attacker": attacker, "data": data, "seed": seed,
        "method_seed": method_seed, "preset": preset, "with_clean": with_clean,
    }  # fmt: skip
    grid = read_grid(grid_file, {name: value for name, value in given.items() if value not in (None, [])})
    if figure:
        from uebench.report import files, matrix

        files.check(figure, "--figure")
    if save:
        write_grid(save, grid)
    registry, store = Registry(plugin or ()), Store(results)
    if not dry_run:
        store.check_writable()
    cells = plan(grid, registry, store)
    if dry_run:
        show_plan(cells, store, as_json)
        return
    outcomes = compute(cells, store, device, jobs, force)
    _show(outcomes, registry, store, as_json)
    if figure:
        drawn = matrix.figure([asked for outcome in outcomes if (asked := outcome.as_asked)])
        files.save(drawn, figure, "--figure", [outcome.record for outcome in outcomes if outcome.record])
    if any(outcome.status == "failed" for outcome in outcomes):
        raise typer.Exit(1)


def read_grid(file: Path | None, given: dict[str, Any]) -> Grid:
    """Return the grid of a TOML file with the options given on the command line in place of its own.

    Raises:
        UsageError: If the file is not such a grid, or no method or attacker is named.
        DataError: If the file cannot be read.
    """
    from uebench.planning.grid import Grid
    from uebench.plugins.registry import validate

    options: dict[str, Any] = {}
    if file:
        try:
            options = tomllib.loads(file.read_text())
        except OSError as error:
            raise DataError(f"{file}: cannot be read ({in_words(error)})") from None
        except ValueError as error:
            raise UsageError(f"{file}: not valid TOML ({error})") from None
        for name in options:
            if name not in Grid.model_fields:
                raise UsageError(f"{file}: unknown name {name!r}; {nearest(name, Grid.model_fields)}")
    options |= given
    for name in ("method", "attacker"):
        if not options.get(name):
            raise UsageError(f"no {name} named: add --{name} NAME; uebench list {name}s shows them")
    return validate(Grid, options, "grid")  # type: ignore[no-any-return]


def write_grid(file: Path, grid: Grid) -> None:
    """Write a grid as TOML; ``uebench run FILE`` is then the same request."""
    import tomli_w

    from uebench.report.files import writing

    with writing(file, "--save"):
        file.write_text(tomli_w.dumps(grid.model_dump(mode="json", exclude_defaults=True)))


def compute(cells: list[Cell], store: Store, device: str, jobs: int, force: bool) -> list[Outcome]:
    """Compute what is not done, showing progress; without torch where nothing is to do."""
    from uebench.cli.output import lines_of, note, progress_bars

    for cell in cells:
        if cell.status == "damaged":
            note(f"{cell.reason.split(';')[0]}; computing it again")
    if not force and all(cell.status in ("done", "impossible") for cell in cells):
        from uebench.evaluation.outcome import settled

        return settled(cells, store)
    from uebench.evaluation.runner import Runner
    from uebench.executors import processes as parallel

    todo = sum(force or cell.status in ("to do", "damaged") for cell in cells)
    jobs = min(jobs or parallel.suitable(todo, device), todo)
    if jobs > 1:
        return parallel.run(cells, jobs, store.root, device, force=force, progress=lines_of)

    with progress_bars() as progress:
        return Runner(store, device, progress=progress).run(cells, force=force)


def show_plan(cells: list[Cell], store: Store, as_json: bool) -> None:
    """Show what is done, to do and impossible."""
    from rich.table import Table

    from uebench.cli import output
    from uebench.planning.estimates import estimate, known_rates

    rates = known_rates(store)
    rows: list[dict[str, Any]] = [
        {
            "data": cell.dataset.name, "method": cell.method.written, "attacker": cell.attacker_text, "seed": cell.seed,
            "status": cell.status, "reason": cell.reason, "key": cell.key,
            "estimated_seconds": estimate(cell, rates) if cell.status in ("to do", "damaged") else 0.0,
        }
        for cell in cells
    ]  # fmt: skip
    if as_json:
        output.print_json(rows)
        return
    table = Table("data", "method", "attacker", "seed", "status", "training at most", "key", box=None)
    for row in rows:
        time = output.seconds(row["estimated_seconds"]) if row["status"] in ("to do", "damaged") else "-"
        status = f"{row['status']}: {row['reason']}" if row["status"] == "impossible" else row["status"]
        table.add_row(row["data"], row["method"], row["attacker"], str(row["seed"]), status, time, row["key"][:12])
    output.print_table(table)


def _show(outcomes: list[Outcome], registry: Registry, store: Store, as_json: bool) -> None:
    from rich.table import Table

    from uebench.cli import output
    from uebench.planning.grid import reference

    table = Table(
        "data", "method", "attacker", "seed", "clean test acc. % [95 %]", "clean ref. %", "chance %", "peak %",
        "generation", "training", "record", box=None,
    )  # fmt: skip
    documents: list[dict[str, Any]] = []
    for outcome in outcomes:
        cell, record = outcome.cell, outcome.record
        if record is None:
            documents.append({"cell": cell.title, "status": outcome.status, "reason": outcome.reason})
            continue
        documents.append({"cell": cell.title, "status": outcome.status, "record": record})
        clean = store.read_cell_or_none(reference(cell, registry).key)
        counts, peak, timings = record["counts"], record["peak"], record["timings"]
        table.add_row(
            record["data"]["name"],
            cell.method.written,
            cell.attacker_text,
            str(cell.seed),
            output.percent(counts["correct"], counts["n"]),
            f"{100 * clean['counts']['correct'] / clean['counts']['n']:.1f}" if clean else "- (--with-clean)",
            f"{100 / record['data']['num_classes']:.1f}",
            f"{100 * peak['correct'] / peak['n']:.1f} (epoch {peak['epoch']} of {record['training']['epochs']})",
            output.seconds(timings["fit_seconds"] + timings["protect_seconds"]),
            output.seconds(timings["train_seconds"]),
            str(store.cell_path(cell.key).parent / f"{cell.key[:12]}…json"),
        )
    if as_json:
        output.print_json(documents)
    elif table.row_count:
        output.print_table(table)
    notes(outcomes)


def notes(outcomes: list[Outcome]) -> None:
    """Say what was there already, what went wrong, and which sources changed."""
    from uebench.cli import output

    done = sum(outcome.status == "done" for outcome in outcomes)
    if done:
        output.note(f"{done} of {len(outcomes)} already done; --force computes again")
    for outcome in outcomes:
        if outcome.status in ("failed", "impossible"):
            output.note(f"{outcome.status}: {outcome.cell.title}: {outcome.reason}")
        elif outcome.status == "done":
            for name in outcome.stale():
                output.note(f"{outcome.cell.title}: the source of {name} changed since; raise its version or --force")
