"""``uebench show``: show a plugin, a record or a failure."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from uebench.cli import RESULTS
from uebench.cli.shared import complete
from uebench.cli.shared.options import AsJson, Plugins, ReadResults
from uebench.cli.shared.terminal import say
from uebench.errors import UsageError, nearest
from uebench.plugins.scan import KINDS

if TYPE_CHECKING:
    from uebench.plugins.entry import Entry
    from uebench.plugins.registry import Registry
    from uebench.store.record import Failure, ProtectionRecord, Record


def show(
    name: Annotated[
        str,
        typer.Argument(
            help="Name of a plugin, or the first digits of a key.", autocompletion=complete.plugins_and_keys(*KINDS)
        ),
    ],
    plugin: Plugins = None,
    preset: Annotated[
        str | None, typer.Option("--preset", help="Show the options of a plugin under this preset.")
    ] = None,
    results: ReadResults = RESULTS,
    as_json: AsJson = False,
) -> None:
    """Show a plugin, a record or a failure.

    It shows the options of a plugin, the contents of the record of a cell or of a protected set, or why a cell failed.
    """
    from uebench.plugins import presets
    from uebench.plugins.registry import Registry
    from uebench.store.store import Store

    registry = Registry(plugin or ())
    known = [entry for kind in KINDS for entry in registry.entries(kind)]
    if preset is not None:
        presets.get(preset)
    if named := [entry for entry in known if entry.name == name]:
        _plugins([_describe(entry, registry, preset or "") for entry in named], as_json)
    elif len(name) >= 4 and all(digit in "0123456789abcdef" for digit in name):
        if preset is not None:
            raise UsageError(f"--preset {preset}: shows a plugin's options; {name} is a record, which has its own")
        _record(Store(results).find(name), registry, as_json)
    else:
        raise UsageError(f"{name!r}: no plugin or key with this name; {nearest(name, [entry.name for entry in known])}")


def _describe(entry: Entry, registry: Registry, preset: str) -> dict[str, Any]:
    from uebench.plugins.base import Attacker
    from uebench.plugins.spec import Spec

    plugin = entry.plugin
    fields = plugin.Config.model_fields
    defaults = {name: field.get_default() for name, field in fields.items() if not field.is_required()}
    in_force = defaults | registry.preset_options(entry.kind, Spec(entry.name), preset)
    notes = sys.modules[plugin.__module__].__doc__ or ""
    return {
        "name": entry.name,
        "kind": entry.kind,
        "version": entry.version,
        **entry.info.given,
        "about": " ".join((plugin.__doc__ or "").split()),
        "options": {name: defaults.get(name) for name in fields},
        "meanings": plugin.Config.meanings(),
        "required": [name for name, field in fields.items() if field.is_required()],
        "presets": {name: dict(options) for name, options in plugin.presets.items()},
        "why": dict(plugin.why),
        "deviations": [" ".join(part.split()) for part in notes.split("\n\n") if part.startswith("Deviation")],
        "follows_preset": issubclass(plugin, Attacker) and plugin.follows_preset,
        "source": Path(entry.source).name,
        **({"preset": preset, "in_force": in_force} if preset else {}),
    }


def _plugins(found: list[dict[str, Any]], as_json: bool) -> None:
    """Show the plugins of one name, of which each kind may have one."""
    from uebench.cli.shared import output

    if as_json:
        output.print_json(found[0] if len(found) == 1 else found)
        return
    for details in found:
        _plugin(details)


def _plugin(details: dict[str, Any]) -> None:
    from rich.table import Table

    from uebench.cli.shared import output
    from uebench.plugins.spec import format_value

    venue = " ".join(str(details[field]) for field in ("venue", "year") if details.get(field))
    say(f"{details['name']} ({details['kind']}, version {details['version']})\n{details['title']}. {venue}".rstrip())
    if details.get("url"):
        say(details["url"])
    say(f"{details['about']}\n")
    presets = {details["preset"]: details["in_force"]} if "preset" in details else details["presets"]
    table = Table("option", "default", *presets, box=None)
    for name, default in details["options"].items():
        text = "required" if name in details["required"] else format_value(default)
        settings = [format_value(options[name]) if name in options else "" for options in presets.values()]
        table.add_row(name, text, *settings)
    meanings = Table("option", "meaning", box=None)
    for name, text in details["meanings"].items():
        meanings.add_row(name, text.replace("``", ""))
    if details["options"]:
        output.print_table(table)
        output.print_table(meanings)
    if details["follows_preset"] and "preset" not in details:
        say("In a run, the preset sets the training options; add --preset desk to see them.")
    for name, reason in details["why"].items():
        if name in presets:
            say(f"{name}: {reason}")
    for text in details["deviations"]:
        say(text.replace("``", ""))


def _record(record: Record | ProtectionRecord | Failure, registry: Registry, as_json: bool) -> None:
    from uebench.cli.shared import output
    from uebench.report import record_text
    from uebench.report.command import commands
    from uebench.store.record import Record

    if as_json:
        output.print_json(record.model_dump(mode="json"))
        return
    for name, text in record_text.lines(record).items():
        say(f"{name:18} {text}")
    if isinstance(record, Record):
        say(f"{'to repeat it':18} {commands([record], registry)[0]}")
