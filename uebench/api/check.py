"""Run the contract suite on plugins of files, or on plugins by name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from uebench.api.workspace import as_path, plugin_files
from uebench.errors import UsageError, nearest
from uebench.plugins.registry import Entry, Registry
from uebench.plugins.scan import KINDS
from uebench.plugins.spec import Spec, parse

if TYPE_CHECKING:
    from uebench.testing import Outcome

PRESET = "smoke"


def check(targets: Iterable[str], plugins: str | Path | Iterable[str | Path] = ()) -> Iterator[Outcome]:
    """Yield what came of each check, plugin by plugin.

    Args:
        targets: Python files, of which every plugin is checked; and plugins, as ``name`` or ``name(option=value)``.
            Options that are left out are those of the preset ``smoke``.
        plugins: Python files with plugins that are named.

    Raises:
        UsageError: If there is no such file or plugin, or if an option is wrong or missing.
    """
    targets = tuple(targets)
    files = [as_path(one) for one in targets if one.endswith(".py")]
    registry = Registry((*plugin_files(plugins), *files))
    chosen: list[tuple[Entry, Spec]] = []
    for target in targets:
        if target.endswith(".py"):
            source = as_path(target).resolve()
            entries = [one for kind in KINDS for one in registry.entries(kind) if one.source == source]
            chosen += [(entry, Spec(entry.name)) for entry in entries]
        else:
            spec = parse(target)
            chosen += [(entry, spec) for entry in _named(registry, spec.name)]
    for entry, spec in chosen:
        yield from _checked(registry, entry, spec)


def _named(registry: Registry, name: str) -> list[Entry]:
    found = [registry.entry(kind, name) for kind in KINDS if (kind, name) in registry]
    if not found:
        known = [one for kind in KINDS for one in registry.names(kind)]
        raise UsageError(f"unknown plugin {name!r}; {nearest(name, known)}")
    return found


def _checked(registry: Registry, entry: Entry, spec: Spec) -> Iterator[Outcome]:
    from uebench.evaluation.failures import line_of
    from uebench.testing import Outcome, checks

    try:
        entry.plugin  # noqa: B018
    except UsageError as error:
        cause = error.__cause__ or error
        reason = f"{type(cause).__name__}: {' '.join(str(cause).split())}"
        where = line_of(cause, {str(entry.source)})
        yield Outcome(entry.kind, entry.name, "import", "its file can be imported", "failed", reason, where)
        return
    for one in checks(registry.build(entry.kind, spec, PRESET)):
        yield one.outcome()
