"""``uebench audit``: what the perturbation of each method really is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from uebench.cli.options import AsJson, MethodSeed, PresetName, with_compute, with_workspace
from uebench.plugins.presets import DEFAULT

if TYPE_CHECKING:
    from uebench.api.compute import Compute
    from uebench.api.result import ProtectionResult
    from uebench.api.workspace import Workspace


@with_workspace
@with_compute
def audit(
    method: Annotated[
        list[str] | None, typer.Option("--method", help="name(option=value). Repeatable [default: all].")
    ] = None,
    data: Annotated[list[str] | None, typer.Option("--data", help="orl, a folder, or name(option=value).")] = None,
    lpips_trunk: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also measure LPIPS, with torchvision's AlexNet weights.")
    ] = None,
    method_seed: MethodSeed = 0,
    preset: PresetName = DEFAULT,
    as_json: AsJson = False,
    *,
    workspace: Workspace,
    how: Compute,
) -> None:
    """Protect faces with each METHOD and measure the perturbation, without an attack.

    It shows the largest change, L2 norm, PSNR, SSIM and LPIPS, and how well a linear classifier can tell identities
    apart from the perturbation alone. Earlier measurements are read from the results folder.
    """
    from uebench.api.audit import audit as measure
    from uebench.cli import output

    how = replace(how, lpips_trunk=lpips_trunk)
    how.check()
    methods = method or workspace.registry.names("method")
    planned = workspace.planner.protections(methods, data or (), preset, (method_seed,))
    with output.progress_bars() as progress:
        measured = measure(planned, workspace, how, progress)
    missing = [one for one in measured if one.record is None]
    records = [one.record for one in measured if one.record]
    if as_json:
        failures = [{"protection": one.spec.title, "reason": one.reason} for one in missing]
        output.print_json([record.model_dump(mode="json") for record in records] + failures)
    else:
        _print([one for one in measured if one.record])
        for reason in sorted({record.quality.lpips_reason or "" for record in records} - {""}):
            output.note(f"no LPIPS: {reason}")
    for one in missing:
        what = one.spec.data.name if one.status == "impossible" else one.spec.title
        output.note(f"{one.status}: {what}: {one.reason}")
    if any(one.status != "impossible" for one in missing):
        raise typer.Exit(1)


def _print(measured: list[ProtectionResult]) -> None:
    from rich.table import Table

    from uebench.cli import output

    table = Table(
        "data", "method", "budget", "max |x'-x|", "L2 mean", "PSNR dB", "SSIM", "LPIPS", "changed",
        "linearly separable % [95%]", "chance %", "purity of labels %", "generation", box=None,
    )  # fmt: skip
    for one in measured:
        record = one.record
        assert record
        audit, side, timings = record.audit, record.side_information, record.timings
        table.add_row(
            record.data.name,
            one.spec.method.written,
            audit.budget,
            f"{audit.max_levels}/255",
            f"{audit.l2_mean:.3f}",
            *output.quality(record.quality),
            f"{audit.changed} of {record.quality.n}",
            output.percent(audit.separable) if audit.separable else "-",
            f"{100 * record.data.chance:.1f}",
            output.percent(side.purity) if side else "true labels",
            output.seconds(timings.fit_seconds + timings.protect_seconds),
        )
    output.print_table(table)
