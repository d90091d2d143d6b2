"""Output of the results of a run, for readers and for programs."""

from __future__ import annotations

from typing import Any

from rich.table import Table

from uebench.api.result import CellResult, RunResult
from uebench.cli.shared import output
from uebench.hashing import abbreviated
from uebench.report import text
from uebench.report.caveats import of_presets, unchanged

COLUMNS = (
    "data", "method", "attacker", "seed", "clean test acc. % [95%]", "clean ref. %", "chance %", "peak %",
    "generation", "training", "key",
)  # fmt: skip
SPARE = ("chance %", "peak %", "generation", "training")
"""The columns that a narrow terminal does not show; ``uebench show KEY`` does."""


def show(
    result: RunResult, as_json: bool, *, models: bool = False, collected: bool = False, forced: bool = False
) -> None:
    """Print the cells of a run, and notes about them.

    Args:
        result: The run.
        as_json: Print one JSON document instead of a table.
        models: Also print the files with the weights of the attackers' networks.
        collected: Whether the results were only collected, and nothing was computed.
        forced: Whether --force was given, so that no note advises it.
    """
    kept = [cell for cell in result.cells if cell.record] if models else []
    paths = {cell.spec.key: result.workspace.store.models.path(cell.spec.key) for cell in kept}
    files = {key: str(path) if path.is_file() else None for key, path in paths.items()}
    if as_json:
        models_of = {key: {"model": file} for key, file in files.items()}
        output.print_json([_document(cell) | models_of.get(cell.spec.key, {}) for cell in result.cells])
    else:
        table = Table(*COLUMNS, box=None)
        names = output.names_of_sets(cell.spec for cell in result.cells)
        for cell in result.cells:
            if cell.record:
                table.add_row(names[cell.spec.key], *_row(cell, result))
        if table.row_count:
            output.print_table(table, SPARE)
        for cell in result.cells:
            if file := files.get(cell.spec.key):
                output.note(f"{cell.spec.title}: {file}")
    without = [cell for cell in result.cells if cell.spec.key in files and not files[cell.spec.key]]
    if done := sum(cell.status == "done" for cell in without):
        output.note(f"{done} done without keeping the model" + ("" if forced else "; --force computes them again"))
    if computed := [cell.spec.attacker.name for cell in without if cell.status != "done"]:
        output.note(f"{', '.join(dict.fromkeys(computed))}: trains no network whose weights could be kept")
    if collected:
        there = sum(cell.record is not None for cell in result.cells)
        output.note(f"{there} of {len(result.cells)} cells are done; uebench status --watch follows the others")
    notes(result, collected=collected, forced=forced)


def notes(result: RunResult, *, collected: bool = False, forced: bool = False) -> None:
    """Print notes about cells that were done before, failures, changed sources, and the caveats of presets."""
    done = sum(cell.status == "done" for cell in result.cells)
    if done and not collected:
        output.note(f"{done} of {len(result.cells)} already done" + ("" if forced else "; --force computes them again"))
    for cell in result.cells:
        if cell.record is None and cell.status != "left":
            subject = cell.spec.data.name if cell.status == "impossible" else cell.spec.title
            output.note(f"{cell.status}: {subject}: {cell.reason}")
            if cell.failure and cell.failure.traceback:
                output.note(f"uebench show {cell.spec.key[:12]} shows the traceback")
        elif cell.status == "done":
            for name in cell.changed_sources:
                output.note(
                    f"{cell.spec.title}: the source of {name} has changed since; raise its version or use --force"
                )
    records = [cell.record for cell in result.cells if cell.record]
    for caveat in [*unchanged(records), *of_presets({record.preset for record in records})]:
        output.note(caveat)


def _document(cell: CellResult) -> dict[str, Any]:
    document: dict[str, Any] = {"cell": cell.spec.title, "status": cell.status}
    if cell.record is None:
        return document | {"reason": cell.reason}
    return document | {"record": cell.record.model_dump(mode="json")}


def _row(cell: CellResult, result: RunResult) -> tuple[str, ...]:
    record, spec = cell.record, cell.spec
    assert record
    clean = result.reference(cell)
    peak, timings = record.peak, record.timings
    return (
        abbreviated(spec.protection.method.written),
        abbreviated(spec.attacker_text),
        text.seed(spec.seed, spec.protection.method_seed),
        text.accuracy(record),
        f"{100 * clean.counts.share:.1f}" if clean else "- (--with-clean)",
        f"{100 * record.data.chance:.1f}",
        f"{100 * peak.share:.1f} (epoch {peak.epoch} of {record.training.epochs})",
        text.seconds(timings.fit_seconds + timings.protect_seconds),
        text.seconds(timings.train_seconds),
        spec.key[:12],
    )
