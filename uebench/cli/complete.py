"""Shell completion of plugins with their options, of keys and of studies; torch is not imported."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import typer

from uebench.errors import UebenchError

Complete = Callable[[typer.Context, str], list[str]]


def plugins(*kinds: str) -> Complete:
    """Return what completes ``name``, ``name(option=`` and, for attackers, ``name+countermeasure``.

    Args:
        kinds: The kinds of plugins that may stand there.
    """

    def complete(context: typer.Context, incomplete: str) -> list[str]:
        try:
            return [word for word in _words(kinds, context, incomplete) if word.startswith(incomplete)]
        except UebenchError:  # a plugin file that is wrong says so when the command runs
            return []

    return complete


def keys(context: typer.Context, incomplete: str) -> list[str]:
    """Return the keys in the results folder that begin so, of cells and of protected sets, by their first digits."""
    from uebench.cli.options import RESULTS
    from uebench.store.store import Store

    store = Store(Path(context.params.get("results") or RESULTS))
    found = (key[:12] for kind in ("cells", "protected") for key in store.keys(kind)) if incomplete else ()
    return sorted({key for key in found if key.startswith(incomplete)})


def plugins_and_keys(*kinds: str) -> Complete:
    """Return what completes a plugin as ``plugins`` does, or a key."""
    of_plugins = plugins(*kinds)

    def complete(context: typer.Context, incomplete: str) -> list[str]:
        return of_plugins(context, incomplete) + keys(context, incomplete)

    return complete


def studies(incomplete: str) -> list[str]:
    """Return the studies of the package and the TOML files that begin so."""
    from uebench.planning.study_file import known_studies

    folder, name = Path(incomplete).parent, incomplete.rpartition("/")[2]
    files = sorted(file.as_posix() for file in folder.glob("*.toml") if file.name.startswith(name))
    return [known for known in known_studies() if known.startswith(incomplete)] + files


def preset_names(incomplete: str) -> list[str]:
    """Return the presets that begin so."""
    from uebench.plugins.presets import PRESETS

    return [name for name in PRESETS if name.startswith(incomplete)]


def _words(kinds: Sequence[str], context: typer.Context, incomplete: str) -> Iterator[str]:
    from uebench.plugins.registry import Registry

    registry = Registry(context.params.get("plugin") or ())
    before, plus, last = incomplete.rpartition("+")
    if plus and "attacker" in kinds:
        kinds = ("countermeasure",)
    name, bracket, options = last.partition("(")
    known = [registry.entry(kind, one) for kind in kinds for one in registry.names(kind)]
    if not bracket:
        yield from (f"{before}{plus}{entry.name}" for entry in known)
    given = options[: options.rfind(",") + 1]
    for entry in known if bracket else ():
        if entry.name == name:
            yield from (f"{before}{plus}{name}({given}{option}=" for option in entry.plugin.Config.model_fields)
