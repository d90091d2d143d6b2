"""``uebench audit``: what the perturbation of each method really is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from uebench.cli.options import RESULTS, AsJson, Device, MethodSeed, Plugins, PresetName, Results
from uebench.presets import DEFAULT

if TYPE_CHECKING:
    from uebench.plan import Protection
    from uebench.store import Protected


def audit(
    method: Annotated[
        list[str] | None, typer.Option("--method", help="name(option=value). Repeatable; all if left out.")
    ] = None,
    data: Annotated[list[str] | None, typer.Option("--data", help="orl, a folder, or name(option=value).")] = None,
    method_seed: MethodSeed = 0,
    preset: PresetName = DEFAULT,
    device: Device = "auto",
    plugin: Plugins = None,
    results: Results = RESULTS,
    as_json: AsJson = False,
) -> None:
    """Protect faces with each METHOD, attack nothing, and measure the perturbation.

    Largest change, length, PSNR, and how well a linear classifier tells identities by the perturbation alone.
    """
    from uebench.cli import output
    from uebench.plan import protections
    from uebench.registry import Registry
    from uebench.runner import Runner
    from uebench.store import Store

    registry, store = Registry(plugin or ()), Store(results)
    planned = protections(method or registry.names("method"), data or (), preset, method_seed, registry, store)
    with output.progress_bars() as progress:
        made = Runner(store, device, progress=progress).protect(planned)
    rows = [_facts(one, protected) for one, protected in made if not isinstance(protected, str)]
    missing = [(one, reason) for one, reason in made if isinstance(reason, str)]
    if as_json:
        output.print_json(
            rows + [{"data": o.dataset.name, "method": o.method.written, "reason": r} for o, r in missing]
        )
    else:
        _print(rows)
    for one, reason in missing:
        output.note(f"impossible: {one.dataset.name}: {reason}" if one.reason else f"failed: {one.title}: {reason}")
    if any(not one.reason for one, _ in missing):
        raise typer.Exit(1)


def _facts(one: Protection, protected: Protected) -> dict[str, Any]:
    return {
        "data": one.dataset.name,
        "method": one.method.written,
        "images": len(protected.delta),
        "num_classes": one.dataset.num_classes,
        **protected.meta,
    }


def _print(rows: list[dict[str, Any]]) -> None:
    from rich.table import Table

    from uebench.cli import output
    from uebench.spec import format_value

    table = Table(
        "data", "method", "budget", "max |x'-x|", "L2 mean", "PSNR dB", "changed", "linearly separable % [95 %]",
        "chance %", "purity of labels %", "generation", box=None,
    )  # fmt: skip
    for row in rows:
        facts, side = row["audit"], row["side_information"]
        table.add_row(
            row["data"],
            row["method"],
            "none" if facts["norm"] == "none" else f"{facts['norm']} {format_value(facts['eps'])}",
            f"{facts['max_levels']}/255",
            f"{facts['l2_mean']:.3f}",
            "-" if facts["psnr_mean"] is None else f"{facts['psnr_mean']:.1f}",
            f"{facts['changed']} of {row['images']}",
            output.percent(**facts["separable"]) if facts["separable"] else "-",
            f"{100 / row['num_classes']:.1f}",
            output.percent(**side["purity"]) if side else "true labels",
            output.seconds(row["fit_seconds"] + row["protect_seconds"]),
        )
    output.print_table(table)
