"""``uebench fit``: train a method and save its weights."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from uebench.cli.shared import complete
from uebench.cli.shared.options import Device, MethodSeed, PresetName, with_workspace
from uebench.plugins.presets import DEFAULT

if TYPE_CHECKING:
    from uebench.api.workspace import Workspace


@with_workspace
def fit(
    method: Annotated[str, typer.Argument(help="name(option=value)", autocompletion=complete.plugins("method"))],
    out: Annotated[Path, typer.Option(metavar="FILE", help="File for the weights (safetensors).")],
    data: Annotated[str | None, typer.Option(help="orl, a folder, or name(option=value).")] = None,
    preset: PresetName = DEFAULT,
    method_seed: MethodSeed = 0,
    device: Device = "auto",
    *,
    workspace: Workspace,
) -> None:
    """Train a method and save its weights.

    METHOD(weights="FILE") then uses them on other data sets.
    """
    from uebench.api.fit import SUFFIXES, fit_in
    from uebench.cli.shared.output import lines, note
    from uebench.report import files

    files.check(out, "--out", SUFFIXES)
    meta = fit_in(workspace, method, data, preset, method_seed, out, device=device, progress=lines(method))
    note(f"{out}: {meta['method']} trained on {meta['data']} at {meta['size']} px in {meta['seconds']:.0f} s")
