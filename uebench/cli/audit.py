"""``uebench audit``: what the perturbation of each method really is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from uebench.cli.options import RESULTS, AsJson, Device, MethodSeed, Plugins, PresetName, Results
from uebench.plugins.presets import DEFAULT

if TYPE_CHECKING:
    from uebench.planning.cell import Protection


def audit(
    method: Annotated[
        list[str] | None, typer.Option("--method", help="name(option=value). Repeatable; all if left out.")
    ] = None,
    data: Annotated[list[str] | None, typer.Option("--data", help="orl, a folder, or name(option=value).")] = None,
    lpips_trunk: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also measure LPIPS, with torchvision's AlexNet weights.")
    ] = None,
    method_seed: MethodSeed = 0,
    preset: PresetName = DEFAULT,
    device: Device = "auto",
    plugin: Plugins = None,
    results: Results = RESULTS,
    as_json: AsJson = False,
) -> None:
    """Protect faces with each METHOD, attack nothing, and measure the perturbation.

    Largest change, length, PSNR, SSIM, LPIPS, and how well a linear classifier tells identities by the perturbation
    alone. What was measured before is read from the results folder.
    """
    from uebench.cli import output
    from uebench.evaluation.runner import Runner
    from uebench.metrics import Lpips
    from uebench.planning.grid import protections
    from uebench.plugins.registry import Registry
    from uebench.store.store import Store

    registry, store = Registry(plugin or ()), Store(results)
    planned = protections(method or registry.names("method"), data or (), preset, method_seed, registry, store)
    with output.progress_bars() as progress:
        runner = Runner(store, device, progress=progress)
        made = runner.protect(planned, Lpips.load(lpips_trunk, runner.device) if lpips_trunk else None)
    rows = [(one, facts) for one, facts in made if not isinstance(facts, str)]
    missing = [(one, reason) for one, reason in made if isinstance(reason, str)]
    if as_json:
        failures = [{"protection": one.title, "reason": reason} for one, reason in missing]
        output.print_json([facts for _, facts in rows] + failures)
    else:
        _print(rows)
        for reason in sorted({facts["quality"]["lpips_reason"] for _, facts in rows} - {None}):
            output.note(f"no LPIPS: {reason}")
    for one, reason in missing:
        output.note(f"impossible: {one.dataset.name}: {reason}" if one.reason else f"failed: {one.title}: {reason}")
    if any(not one.reason for one, _ in missing):
        raise typer.Exit(1)


def _print(rows: list[tuple[Protection, dict[str, Any]]]) -> None:
    from rich.table import Table

    from uebench.cli import output
    from uebench.plugins.spec import format_value

    table = Table(
        "data", "method", "budget", "max |x'-x|", "L2 mean", "PSNR dB", "SSIM", "LPIPS", "changed",
        "linearly separable % [95 %]", "chance %", "purity of labels %", "generation", box=None,
    )  # fmt: skip
    for one, facts in rows:
        audit, side, quality, timings = (facts[part] for part in ("audit", "side_information", "quality", "timings"))
        table.add_row(
            one.dataset.name,
            one.method.written,
            "none" if audit["norm"] == "none" else f"{audit['norm']} {format_value(audit['eps'])}",
            f"{audit['max_levels']}/255",
            f"{audit['l2_mean']:.3f}",
            *output.quality(quality),
            f"{audit['changed']} of {quality['n']}",
            output.percent(**audit["separable"]) if audit["separable"] else "-",
            f"{100 / one.dataset.num_classes:.1f}",
            output.percent(**side["purity"]) if side else "true labels",
            output.seconds(timings["fit_seconds"] + timings["protect_seconds"]),
        )
    output.print_table(table)
