"""``uebench audit``: what the perturbation of each method really is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from uebench.cli import complete
from uebench.cli.options import AsJson, MethodSeed, PresetName, Protected, with_compute, with_workspace
from uebench.cli.terminal import say
from uebench.errors import UsageError
from uebench.plugins.presets import DEFAULT

if TYPE_CHECKING:
    from uebench.api.compute import Compute
    from uebench.api.result import ProtectionResult
    from uebench.api.workspace import Workspace


@with_workspace
@with_compute
def audit(
    method: Annotated[
        list[str] | None,
        typer.Option(
            "--method",
            help="name(option=value). Repeatable [default: all].",
            autocompletion=complete.plugins("method"),
        ),
    ] = None,
    protected: Protected = None,
    data: Annotated[list[str] | None, typer.Option("--data", help="orl, a folder, or name(option=value).")] = None,
    lpips_trunk: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also measure LPIPS, with torchvision's AlexNet weights.")
    ] = None,
    eps: Annotated[
        str | None,
        typer.Option(
            metavar="EPS",
            help="Count the images of a protected set with a larger L-inf change [default: 8/255].",
        ),
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

    With --protected, it looks at protected sets that others made instead: their order, size, and flaws.
    """
    from uebench.api.audit import audit as measure
    from uebench.cli import output

    how = replace(how, lpips_trunk=lpips_trunk)
    how.check()
    if protected:
        if method or len(data or ()) > 1:
            raise UsageError("--protected: takes one --data and no --method; audit methods in a call of their own")
        if lpips_trunk or method_seed:
            option = "--lpips-trunk" if lpips_trunk else "--method-seed"
            raise UsageError(
                f"{option}: is for methods; an audit of a --protected set does not use it, so leave it out"
            )
        _protected(protected, (data or [""])[0], preset, "8/255" if eps is None else eps, workspace, as_json)
        return
    if eps is not None:
        raise UsageError("--eps: is for a set that --protected names; a method has the budget of its own options")
    methods = method or workspace.registry.ready("method")
    planned = workspace.planner.protections(methods, data or (), preset, method_seed)
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


def _protected(texts: list[str], data: str, preset: str, eps: str, workspace: Workspace, as_json: bool) -> None:
    from uebench.api.inspect_protected import complain, inspect_in
    from uebench.api.protected_sets import named
    from uebench.cli import output

    found = inspect_in(workspace, named(texts), data, preset, _radius(eps))
    if as_json:
        output.print_json([one.document for one in found])
    for one in found if not as_json else ():
        for about, text in one.lines.items():
            say(f"{about:18} {text}")
    complain(found)


def _radius(text: str) -> float:
    from uebench.plugins.spec import parse

    try:
        value = parse(f"budget(eps={text})").options["eps"]
    except (UsageError, KeyError):
        value = None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise UsageError(f"--eps {text}: give a radius on the [0, 1] pixel scale, such as 8/255")
    return float(value)


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
