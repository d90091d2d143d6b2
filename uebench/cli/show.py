"""``uebench show``: one plugin, the record of a cell or of a protected set, or a failure."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from uebench.cli.options import RESULTS, AsJson, Plugins, Results
from uebench.errors import UsageError, nearest

if TYPE_CHECKING:
    from uebench.store.record import Failure, ProtectionRecord, Record


def show(
    name: Annotated[str, typer.Argument(help="A method, attacker or countermeasure; or the first digits of a key.")],
    plugin: Plugins = None,
    results: Results = RESULTS,
    as_json: AsJson = False,
) -> None:
    """Show a plugin with its options, a record, or why a cell failed."""
    from uebench.plugins.registry import KINDS, Entry, Registry
    from uebench.store.store import Store

    registry = Registry(plugin or ())
    known = {entry.name: entry for kind in KINDS.values() for entry in registry.entries(kind)}
    if isinstance(entry := known.get(name), Entry):
        _plugin(_describe(entry), as_json)
    elif len(name) >= 4 and all(sign in "0123456789abcdef" for sign in name):
        _record(Store(results).find(name), as_json)
    else:
        raise UsageError(f"{name!r}: no plugin and no key; {nearest(name, known)}")


def _describe(entry: Any) -> dict[str, Any]:  # noqa: ANN401
    plugin = entry.plugin
    fields = plugin.Config.model_fields
    return {
        "name": entry.name,
        "kind": entry.kind,
        "version": entry.version,
        **entry.info,
        "about": " ".join((plugin.__doc__ or "").split()),
        "options": {name: (None if f.is_required() else f.get_default()) for name, f in fields.items()},
        "required": [name for name, field in fields.items() if field.is_required()],
        "presets": {name: dict(options) for name, options in plugin.presets.items()},
        "why": dict(plugin.why),
        "source": Path(entry.source).name,
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
    table = Table("option", "default", *facts["presets"], box=None)
    for name, default in facts["options"].items():
        shown = "required" if name in facts["required"] else format_value(default)
        settings = [format_value(options[name]) if name in options else "" for options in facts["presets"].values()]
        table.add_row(name, shown, *settings)
    if facts["options"]:
        output.print_table(table)
    for preset, reason in facts["why"].items():
        typer.echo(f"{preset}: {reason}")


def _record(found: Record | ProtectionRecord | Failure, as_json: bool) -> None:
    from uebench.cli import output
    from uebench.report import record_text

    if as_json:
        output.print_json(found.model_dump(mode="json"))
        return
    for name, text in record_text.lines(found).items():
        typer.echo(f"{name:18} {text}")
