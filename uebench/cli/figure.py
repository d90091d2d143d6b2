"""``uebench figure``: draw figures of the Segue paper."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from uebench.cli.shared.options import Device, MethodSeed, methods_option, with_workspace
from uebench.errors import CellError, UsageError, nearest
from uebench.plugins import presets

if TYPE_CHECKING:
    from uebench.api.workspace import Workspace

NUMBERS = ("3", "4")


@with_workspace
def figure(
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="3: ORL faces, clean and protected. 4: robustness.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="Image file to write (PNG, SVG, PDF).")],
    data: Annotated[
        str | None,
        typer.Option(
            help="For 3: orl(option=value). For 4: a measured set, by name [default: the one with most results]."
        ),
    ] = None,
    preset: Annotated[str, typer.Option("--preset", help="smoke, desk, desk64 or paper.")] = presets.DEFAULT,
    method: Annotated[
        list[str] | None, methods_option("For 3: name(option=value). Repeatable [default: quick ones].")
    ] = None,
    method_seed: MethodSeed = 0,
    device: Device = "auto",
    *,
    workspace: Workspace,
) -> None:
    """Draw Figure 3 or 4 of the Segue paper.

    Figure 3 needs protected sets, and makes those that are missing. Without --method, it makes only those that take
    less than a minute. Figure 4 uses finished cells only.
    """
    from uebench.report import files

    if number not in NUMBERS:
        raise UsageError(f"no figure {number!r}; {nearest(number, NUMBERS)}")
    if number == "4" and (method or method_seed or device != "auto"):
        raise UsageError("figure 4: draws finished cells; leave out --method, --method-seed and --device")
    files.check(out, "--out")
    presets.get(preset)
    if number == "4":
        _robustness(out, data, preset, workspace)
    else:
        _strips(out, data, preset, method, method_seed, workspace, device)


def _robustness(out: Path, data: str | None, preset: str, workspace: Workspace) -> None:
    from uebench.cli.shared import output
    from uebench.report import files
    from uebench.report.figures import figure4

    tables = figure4.filled_panels(workspace.store, workspace.registry, preset, data)
    records = figure4.drawn_from(tables)
    files.save(figure4.figure(tables), out, "--out", records)
    if records:
        output.note_drawn(out, records)
    else:
        output.note(f"figure 4: no record at preset {preset}; {out} says which commands measure it")


def _strips(
    out: Path, data: str | None, preset: str, methods: list[str] | None, method_seed: int, workspace: Workspace,
    device: str,
) -> None:  # fmt: skip
    from uebench.api.compute import Compute, protect_sets_in
    from uebench.cli.shared import output
    from uebench.planning.parts import REFERENCE
    from uebench.planning.quick import choose_quick
    from uebench.report import files
    from uebench.report.figures import strips

    everything = [name for name in workspace.registry.ready("method") if name != REFERENCE]
    planned = workspace.planner.protections(methods or everything, [data] if data else (), preset, method_seed)
    strips.check(planned[0].data, workspace.registry)
    if not methods:
        planned, slow = choose_quick(planned, workspace.store)
        output.note_slow(slow)
    with output.progress_bars() as progress:
        results = protect_sets_in(workspace, planned, Compute(device=device), progress)
    drawn, records = [], []
    for result in results:
        record = result.record
        strip = strips.stored(workspace.store, record, workspace.registry, faces=3) if record else result.reason
        if record is None or isinstance(strip, str):
            output.note(f"left out: {result.spec.title}: {strip}")
        else:
            drawn.append((result.spec.method.written, record.audit, strip))
            records.append(record)
    if not drawn:
        raise CellError("figure 3: no protected set to draw; uebench audit says why")
    files.save(strips.figure(drawn), out, "--out", records)
    output.note_drawn(out, records)
