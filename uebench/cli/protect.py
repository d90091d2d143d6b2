"""``uebench protect``: protect a folder of photographs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from uebench.cli import RESULTS
from uebench.cli.shared import complete
from uebench.cli.shared.options import AsJson, Device, MethodSeed, Plugins, PresetName, Results
from uebench.errors import counted

TRAINED = ("segue(weights=auto)", "desk")
"""A method and a preset for which the package has a trained generator, which protects any folder within seconds. There
is one for ``paper`` too."""


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
    """Protect a folder of photographs.

    OUT gets a protected copy of every photograph in IN, cropped to a square and resized to the size of the preset: 96
    pixels for desk, 224 for paper. OUT/protected.json says how the copies were made. Publish the copies unchanged: JPEG
    compression removes part of the protection.
    """
    from uebench.api.protect_folder import protect_folder
    from uebench.cli.shared import output

    manifest = protect_folder(
        source, target, method, seed=method_seed, preset=preset, device=device, plugins=plugin or (), results=results,
        progress=output.lines(method),
    )  # fmt: skip
    if left_out := manifest["left_out"]:
        items = counted(len(left_out), "item")
        output.note(f"left out: {items} with another suffix or a leading underscore, such as {left_out[0]}")
    if as_json:
        output.print_json(manifest)
        return
    audit, count = manifest["audit"], len(manifest["identities"])
    people = counted(count, "identity", "identities")
    change = f"largest change {audit['max_levels']}/255"
    if audit["psnr_mean"] is not None:
        change += f", PSNR {audit['psnr_mean']:.1f} dB"
    if unchanged := manifest["images"] - audit["changed"]:
        change += f"; {unchanged} of {manifest['images']} are unchanged, so not protected"
    output.note(f"{target}: {manifest['images']} photographs of {people}, {manifest['size']} px, {change}")
