"""``uebench figure``: the figures of the Segue paper, from records."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from uebench.cli.options import RESULTS, Device, MethodSeed, Plugins, Results
from uebench.errors import CellError, UsageError, nearest
from uebench.plugins.presets import DEFAULT

if TYPE_CHECKING:
    from uebench.store.store import Store

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
    from uebench.report import files
    from uebench.store.store import Store

    if number not in NUMBERS:
        raise UsageError(f"no figure {number!r}; {nearest(number, NUMBERS)}")
    files.check(out, "--out")
    presets.get(preset)
    if number == "4":
        _robustness(out, data, preset, Store(results))
    else:
        _strips(out, data, preset, method, method_seed, device, plugin, Store(results))


def _robustness(out: Path, data: str | None, preset: str, store: Store) -> None:
    from uebench.report import files, robustness

    records = [record for _, record in store.cells() if record and record["preset"] == preset]
    names = {record["data"]["name"] for record in records}
    if data and data not in names:
        raise UsageError(f"--data {data}: no record of that set at preset {preset}; {nearest(data, names)}")
    chosen = robustness.choose(records, data)
    files.save(robustness.figure(chosen), out, "--out", chosen)


def _strips(
    out: Path, data: str | None, preset: str, methods: list[str] | None, method_seed: int, device: str,
    plugins: list[Path] | None, store: Store,
) -> None:  # fmt: skip
    from uebench.cli import output
    from uebench.planning.grid import protections
    from uebench.planning.parts import REFERENCE
    from uebench.plugins.registry import Registry
    from uebench.report import files, strips

    registry = Registry(plugins or ())
    wanted = methods or [name for name in registry.names("method") if name != REFERENCE]
    planned = protections(wanted, [data or strips.REDISTRIBUTABLE], preset, method_seed, registry, store)
    strips.check(planned[0].dataset)

    from uebench.evaluation.runner import Runner

    with output.progress_bars() as progress:
        made = Runner(store, device, progress=progress).sets(planned)
    named = []
    for one, protected in made:
        if isinstance(protected, str):
            output.note(f"left out: {one.title}: {protected}")
        else:
            named.append((one.method.written, strips.strip(one.dataset, protected.delta, faces=3)))
    if not named:
        raise CellError("figure 3: no protected set to draw; uebench audit says why")
    drawn = [one.protect_key for one, protected in made if not isinstance(protected, str)]
    facts = [found for key in drawn if (found := store.read_protection(key))]
    files.save(strips.figure(named), out, "--out", facts)
