"""``uebench figure``: the figures of the Segue paper, from records."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from uebench.cli.options import RESULTS, Device, MethodSeed, Plugins, Results
from uebench.errors import CellError, UsageError, nearest
from uebench.plugins.presets import DEFAULT

NUMBERS = ("3", "4")


def figure(
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="3: image strips of ORL; 4: robustness.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where it goes (PNG, SVG, PDF).")],
    data: Annotated[
        str | None, typer.Option(help="4: the set's name in the records [default: most records]; 3: orl(option=value).")
    ] = None,
    preset: Annotated[str, typer.Option("--preset", help="smoke, desk or paper.")] = DEFAULT,
    method: Annotated[
        list[str] | None, typer.Option("--method", help="3: name(option=value). Repeatable; all if left out.")
    ] = None,
    method_seed: MethodSeed = 0,
    device: Device = "auto",
    plugin: Plugins = None,
    results: Results = RESULTS,
) -> None:
    """Draw Figure 3 or 4 of the Segue paper; 3 makes the protected sets that are missing, 4 draws finished cells."""
    from uebench.plugins import presets
    from uebench.plugins.registry import Registry
    from uebench.report import files
    from uebench.store.store import Store

    if number not in NUMBERS:
        raise UsageError(f"no figure {number!r}; {nearest(number, NUMBERS)}")
    files.check(out, "--out")
    presets.get(preset)
    registry, store = Registry(plugin or ()), Store(results)
    if number == "4":
        from uebench.report import figure4

        tables = figure4.filled_panels(store, registry, preset, data)
        files.save(figure4.figure(tables), out, "--out", figure4.drawn_from(tables))
        return

    from uebench.cli import output
    from uebench.report import strips

    with output.progress_bars() as progress:
        found = strips.make(
            method or (), data or strips.REDISTRIBUTABLE, preset, method_seed, registry=registry, store=store,
            device=device, progress=progress,
        )  # fmt: skip
    for title, reason in found.left_out.items():
        output.note(f"left out: {title}: {reason}")
    if not found.strips:
        raise CellError("figure 3: no protected set to draw; uebench audit says why")
    files.save(strips.figure(found.strips), out, "--out", found.records)
