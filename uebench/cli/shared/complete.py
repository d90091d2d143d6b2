"""Shell completion of plugins and their options, keys, studies and presets, without torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import typer

from uebench.cli import RESULTS
from uebench.errors import UebenchError
from uebench.plugins.scan import Kind

Complete = Callable[[typer.Context, str], list[str]]


def plugins(*kinds: Kind) -> Complete:
    """Return a completion of ``name``, ``name(option=`` and, for attackers, ``name+countermeasure``.

    Args:
        kinds: The kinds of the plugins.
    """

    def complete(context: typer.Context, incomplete: str) -> list[str]:
        try:
            return [word for word in _words(kinds, context, incomplete) if word.startswith(incomplete)]
        except UebenchError:  # a faulty plugin file; the command itself will report it
            return []

    return complete


def keys(context: typer.Context, incomplete: str) -> list[str]:
    """Return the first 12 digits of the keys of cells and protected sets that begin with ``incomplete``."""
    from uebench.store.store import Store

    store = Store(Path(context.params.get("results") or RESULTS))
    short_keys = (key[:12] for key in store.cells.keys() | store.protections.keys()) if incomplete else ()
    return sorted({key for key in short_keys if key.startswith(incomplete)})


def plugins_and_keys(*kinds: Kind) -> Complete:
    """Return a completion of plugins, as ``plugins`` does, and of keys."""
    complete_plugins = plugins(*kinds)

    def complete(context: typer.Context, incomplete: str) -> list[str]:
        return complete_plugins(context, incomplete) + keys(context, incomplete)

    return complete


def studies(incomplete: str) -> list[str]:
    """Return the studies of the package and the TOML files that begin with ``incomplete``."""
    from uebench.planning.study_file import known_studies

    folder, name = Path(incomplete).parent, incomplete.rpartition("/")[2]
    files = sorted(file.as_posix() for file in folder.glob("*.toml") if file.name.startswith(name))
    return [known for known in known_studies() if known.startswith(incomplete)] + files


def preset_names(incomplete: str) -> list[str]:
    """Return the presets that begin with ``incomplete``."""
    from uebench.plugins.presets import PRESETS

    return [name for name in PRESETS if name.startswith(incomplete)]


def _words(kinds: Sequence[Kind], context: typer.Context, incomplete: str) -> Iterator[str]:
    from uebench.plugins.registry import Registry

    registry = Registry(context.params.get("plugin") or ())
    before, plus, last = incomplete.rpartition("+")
    if plus and "attacker" in kinds:
        kinds = ("countermeasure",)
    name, bracket, options = last.partition("(")
    entries = [registry.entry(kind, known) for kind in kinds for known in registry.names(kind)]
    if not bracket:
        yield from (f"{before}{plus}{entry.name}" for entry in entries)
    given = options[: options.rfind(",") + 1]
    for entry in entries if bracket else ():
        if entry.name == name:
            yield from (f"{before}{plus}{name}({given}{option}=" for option in entry.plugin.Config.model_fields)
