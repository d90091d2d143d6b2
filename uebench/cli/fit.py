"""``uebench fit``: train a method once, to be used many times."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from uebench.cli.options import RESULTS, Device, MethodSeed, Plugins, PresetName, Results
from uebench.plugins.presets import DEFAULT


def fit(
    method: Annotated[str, typer.Argument(help="name(option=value)")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where the weights go (safetensors).")],
    data: Annotated[str | None, typer.Option(help="orl, a folder, or name(option=value).")] = None,
    preset: PresetName = DEFAULT,
    method_seed: MethodSeed = 0,
    device: Device = "auto",
    plugin: Plugins = None,
    results: Results = RESULTS,
) -> None:
    """Train METHOD on a data set and keep its weights, for METHOD(weights="FILE") on other sets."""
    from uebench.api.fit import fit_once
    from uebench.cli.output import lines, note
    from uebench.plugins.registry import Registry
    from uebench.store.store import Store

    meta = fit_once(
        method, data, preset, method_seed, out, registry=Registry(plugin or ()), store=Store(results),
        device=device, progress=lines(method),
    )  # fmt: skip
    note(f"{out}: {meta['method']} trained on {meta['data']} at {meta['size']} px in {meta['seconds']:.0f} s")
