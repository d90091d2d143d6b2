"""``uebench protect``: protected copies of a folder of photographs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from uebench.cli import complete
from uebench.cli.options import RESULTS, AsJson, Device, MethodSeed, Plugins, PresetName, Results

TRAINED = ("segue(weights=auto)", "desk")
"""A method and a preset that the package has a trained generator for: it protects any folder within seconds. It has one
for ``paper`` too."""


def protect(
    source: Annotated[
        Path, typer.Argument(metavar="IN", help="One folder per identity, or photographs of one person.")
    ],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="A new folder for the protected copies (PNG).")],
    method: Annotated[
        str, typer.Option("--method", help="name(option=value)", autocompletion=complete.plugins("method"))
    ] = TRAINED[0],
    preset: PresetName = TRAINED[1],
    method_seed: MethodSeed = 0,
    device: Device = "auto",
    plugin: Plugins = None,
    results: Results = RESULTS,
    as_json: AsJson = False,
) -> None:
    """Write a protected copy of every photograph in IN to OUT, cropped to a square and resized to the preset's size.

    OUT/protected.json says how the copies were made. Publish the copies as they are: JPEG compression removes part of
    the protection.
    """
    from uebench.api.protect_folder import protect_folder
    from uebench.cli import output
    from uebench.plugins.registry import Registry
    from uebench.store.store import Store

    made = protect_folder(
        method, source, target, registry=Registry(plugin or ()), store=Store(results), preset=preset,
        seed=method_seed, device=device, progress=output.lines(method),
    )  # fmt: skip
    if lost := made["left_out"]:
        items = "1 item" if len(lost) == 1 else f"{len(lost)} items"
        output.note(f"left out: {items} with another suffix or a leading underscore, such as {lost[0]}")
    if as_json:
        output.print_json(made)
        return
    audit, count = made["audit"], len(made["identities"])
    people = "1 identity" if count == 1 else f"{count} identities"
    change = f"largest change {audit['max_levels']}/255"
    if audit["psnr_mean"] is not None:
        change += f", PSNR {audit['psnr_mean']:.1f} dB"
    output.note(f"{target}: {made['images']} photographs of {people}, {made['size']} px, {change}")
