"""``uebench audit``: measure the perturbations of methods, and examine protected sets made by other code."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from uebench.cli.shared.options import (
    AsJson,
    MethodSeed,
    PresetName,
    Protected,
    methods_option,
    with_compute,
    with_workspace,
)
from uebench.cli.shared.terminal import say
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
        list[str] | None, methods_option("name(option=value), or all. Repeatable [default: quick ones].")
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
            help="L-inf budget for --protected; images that exceed it are counted [default: 8/255].",
        ),
    ] = None,
    method_seed: MethodSeed = 0,
    preset: PresetName = DEFAULT,
    as_json: AsJson = False,
    *,
    workspace: Workspace,
    how: Compute,
) -> None:
    """Measure perturbations, without an attack.

    It protects faces with each method and shows the largest change, L2 norm, PSNR, SSIM and LPIPS, and how well a
    linear classifier can tell identities apart from the perturbation alone. Earlier measurements are read from the
    results folder. Without --method, it makes only those sets that take less than a minute.

    With --protected, it examines protected sets made by other code instead: their order, size, and flaws.
    """
    from uebench.api.audit import audit_in
    from uebench.cli.shared import output
    from uebench.planning.quick import choose_quick

    how = replace(how, lpips_trunk=lpips_trunk)
    if protected:
        if method or len(data or ()) > 1:
            raise UsageError("--protected: takes one --data and no --method; audit methods in a separate call")
        if lpips_trunk or method_seed:
            option = "--lpips-trunk" if lpips_trunk else "--method-seed"
            raise UsageError(f"{option}: applies to methods only; leave it out with --protected")
        _protected(protected, (data or [""])[0], preset, eps, workspace, as_json)
        return
    if eps is not None:
        raise UsageError(
            "--eps: applies to --protected sets only; give a method its budget as an option, as lsp(eps=8/255)"
        )
    planned = workspace.planner.protections(method or ["all"], data or (), preset, method_seed)
    if not method:
        planned, slow = choose_quick(planned, workspace.store)
        output.note_slow(slow)
    with output.progress_bars() as progress:
        results = audit_in(workspace, planned, how, progress)
    missing = [result for result in results if result.record is None]
    records = [result.record for result in results if result.record]
    if as_json:
        failures = [{"protection": result.spec.title, "reason": result.reason} for result in missing]
        output.print_json([record.model_dump(mode="json") for record in records] + failures)
    else:
        _print([result for result in results if result.record])
        for reason in sorted({record.quality.lpips_reason or "" for record in records} - {""}):
            output.note(f"no LPIPS: {reason}")
    for result in missing:
        subject = result.spec.data.name if result.status == "impossible" else result.spec.title
        output.note(f"{result.status}: {subject}: {result.reason}")
    if any(result.status != "impossible" for result in missing):
        raise typer.Exit(1)


def _protected(texts: list[str], data: str, preset: str, eps: str | None, workspace: Workspace, as_json: bool) -> None:
    from uebench.api.foreign_sets import parse_protected
    from uebench.api.inspect_protected import EPS, inspect_in, raise_if_refused
    from uebench.cli.shared import output

    protected = parse_protected(texts)
    inspections = inspect_in(workspace, protected, data, preset, EPS if eps is None else _radius(eps))
    if as_json:
        output.print_json([inspection.document for inspection in inspections])
    else:
        for inspection in inspections:
            for subject, text in inspection.lines.items():
                say(f"{subject:18} {text}")
    raise_if_refused(inspections)


def _radius(text: str) -> float:
    from uebench.plugins.spec import number

    try:
        return number(text)
    except UsageError:
        raise UsageError(f"eps {text}: give a radius on the [0, 1] pixel scale, such as 8/255") from None


def _print(results: list[ProtectionResult]) -> None:
    from rich.table import Table

    from uebench.cli.shared import output
    from uebench.report import text

    table = Table(
        "data", "method", "budget", "max |x'-x|", "L2 mean", "PSNR dB", "SSIM", "LPIPS", "changed",
        "linearly separable % [95%]", "chance %", "purity of labels %", "generation", box=None,
    )  # fmt: skip
    for result in results:
        record = result.record
        assert record
        audit, side, timings = record.audit, record.side_information, record.timings
        table.add_row(
            record.data.name,
            result.spec.method.written,
            audit.budget,
            f"{audit.max_levels}/255",
            f"{audit.l2_mean:.3f}",
            *text.quality(record.quality),
            f"{audit.changed} of {record.quality.n}",
            text.percent(audit.separable) if audit.separable else "-",
            f"{100 * record.data.chance:.1f}",
            text.percent(side.purity) if side else "true labels",
            text.seconds(timings.fit_seconds + timings.protect_seconds),
        )
    output.print_table(table)
