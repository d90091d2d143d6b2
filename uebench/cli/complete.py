"""Shell completion of the names of plugins and of their options; torch is not imported."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

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
