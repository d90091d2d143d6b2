"""``uebench show``: one plugin, or the record of one cell or protected set."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from uebench.cli.options import RESULTS, AsJson, Plugins, Results
from uebench.errors import UsageError, nearest

if TYPE_CHECKING:
    from uebench.plugins.registry import Entry, Registry


def show(
    name: Annotated[str, typer.Argument(help="A method, attacker or countermeasure; or the first digits of a key.")],
    plugin: Plugins = None,
    preset: Annotated[str, typer.Option("--preset", help="Show the options in force under smoke, desk or paper.")] = "",
    results: Results = RESULTS,
    as_json: AsJson = False,
) -> None:
    """Show a plugin with its options, or a record."""
    from uebench.plugins import presets
    from uebench.plugins.registry import Entry, Registry
    from uebench.plugins.scan import KINDS
    from uebench.store.store import Store

    registry = Registry(plugin or ())
    known = {entry.name: entry for kind in KINDS for entry in registry.entries(kind)}
    if preset:
        presets.get(preset)
    if isinstance(entry := known.get(name), Entry):
        _plugin(_describe(entry, registry, preset), as_json)
    elif len(name) >= 4 and all(sign in "0123456789abcdef" for sign in name):
        _record(Store(results).find(name), as_json)
    else:
        raise UsageError(f"{name!r}: no plugin and no key; {nearest(name, known)}")


def _describe(entry: Entry, registry: Registry, preset: str) -> dict[str, Any]:
    from uebench.plugins.base import Attacker
    from uebench.plugins.spec import Spec

    plugin = entry.plugin
    fields = plugin.Config.model_fields
    defaults = {name: field.get_default() for name, field in fields.items() if not field.is_required()}
    in_force = defaults | registry.preset_options(entry.kind, Spec(entry.name), preset)
    return {
        "name": entry.name,
        "kind": entry.kind,
        "version": entry.version,
        **entry.info,
        "about": " ".join((plugin.__doc__ or "").split()),
        "options": {name: defaults.get(name) for name in fields},
        "required": [name for name, field in fields.items() if field.is_required()],
        "presets": {name: dict(options) for name, options in plugin.presets.items()},
        "why": dict(plugin.why),
        "follows_preset": issubclass(plugin, Attacker) and plugin.follows_preset,
        "source": Path(entry.source).name,
        **({"preset": preset, "in_force": in_force} if preset else {}),
    }


def _plugin(facts: dict[str, Any], as_json: bool) -> None:
    from rich.table import Table

    from uebench.cli import output
    from uebench.plugins.spec import format_value

    if as_json:
        output.print_json(facts)
        return
    where = " ".join(str(facts[k]) for k in ("venue", "year") if facts.get(k))
    typer.echo(f"{facts['name']} ({facts['kind']}, version {facts['version']})\n{facts['title']}. {where}".rstrip())
    if facts.get("url"):
        typer.echo(facts["url"])
    typer.echo(f"{facts['about']}\n")
    presets = {facts["preset"]: facts["in_force"]} if "preset" in facts else facts["presets"]
    table = Table("option", "default", *presets, box=None)
    for name, default in facts["options"].items():
        shown = "required" if name in facts["required"] else format_value(default)
        settings = [format_value(options[name]) if name in options else "" for options in presets.values()]
        table.add_row(name, shown, *settings)
    if facts["options"]:
        output.print_table(table)
    if facts["follows_preset"] and "preset" not in facts:
        typer.echo("In a run, the preset sets the training; with --preset desk, say, this shows it.")
    for name, reason in facts["why"].items():
        if name in presets:
            typer.echo(f"{name}: {reason}")


def _record(record: dict[str, Any], as_json: bool) -> None:
    from uebench.cli import output

    if as_json:
        output.print_json(record)
        return
    lines = _cell(record) if "key" in record else _protection(record)
    for name, text in lines.items():
        typer.echo(f"{name:18} {text}")


def _audit(audit: dict[str, Any]) -> str:
    from uebench.cli import output
    from uebench.plugins.spec import format_value

    budget = f"{audit['norm']} {format_value(audit['eps'])}" if audit["norm"] != "none" else "no budget"
    found = audit.get("separable")
    separable = f", linearly separable {output.percent(**found)} %" if found else ""
    return f"max {audit['max_levels']} grey levels, mean L2 {audit['l2_mean']:.3f}, {budget}{separable}"


def _subject(record: dict[str, Any]) -> dict[str, str]:
    from uebench.cli import output

    data = record["data"]
    return {
        "data": f"{data['name']}, {data['num_classes']} identities, {data['train_images']} train + "
        f"{data['test_images']} test images, {data['size']} px",
        "method": f"{record['written']['method']}: {output.options(record['method']['config'])}",
    }


def _maker(made: dict[str, Any] | None) -> str:
    if made is None:
        return "an earlier version"
    return (
        f"uebench {made['versions']['uebench']} ({made['commit']}), torch {made['versions']['torch']}, "
        f"{made['device']}, {made['threads']} threads, {made['finished']}"
    )


def _protection(record: dict[str, Any]) -> dict[str, str]:
    from uebench.cli import output

    quality, timings = record["quality"], record["timings"]
    psnr, ssim, lpips = output.quality(quality)
    reason = f" ({quality['lpips_reason']})" if quality["lpips_reason"] else ""
    return {
        "key": record["protect_key"],
        **_subject(record),
        "seed": f"method {record['method_seed']}, preset {record['preset']}",
        "audit": _audit(record["audit"]),
        "quality": f"PSNR {psnr} dB, SSIM {ssim}, LPIPS {lpips}{reason}",
        "seconds": f"fit {timings['fit_seconds']:.1f}, protect {timings['protect_seconds']:.2f}",
        "made by": _maker(record["provenance"]),
    }


def _cell(record: dict[str, Any]) -> dict[str, str]:
    from uebench.cli import output

    counts, peak, timings, training = (record[part] for part in ("counts", "peak", "timings", "training"))
    return {
        "key": record["key"],
        **_subject(record),
        "attacker": record["written"]["attacker"],
        "  options": output.options(record["attacker"][0]["config"]),
        "  model": output.options(training["model"]),
        "seed": f"{record['seed']} (method {record['method_seed']}), preset {record['preset']}",
        "clean test acc. %": f"{output.percent(**counts)}, chance {100 / record['data']['num_classes']:.1f}",
        "peak %": f"{100 * peak['correct'] / peak['n']:.1f} in epoch {peak['epoch']}",
        "training": f"{training['epochs']} epochs, {training['steps']} steps, stopped: {training['stopped']}",
        "audit": _audit(record["audit"]),
        "seconds": f"fit {timings['fit_seconds']:.1f}, protect {timings['protect_seconds']:.2f}, "
        f"train {timings['train_seconds']:.1f} ({timings['train_images_per_second']:.0f} images/s)",
        "made by": _maker(record["provenance"]),
    }
