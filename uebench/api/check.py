"""Run the contract suite on plugins, given as files or by name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from uebench.api.workspace import Texts, as_path, plugin_files, several
from uebench.errors import PluginError, UsageError, line_of, nearest
from uebench.plugins.entry import Entry
from uebench.plugins.registry import Registry
from uebench.plugins.scan import KINDS
from uebench.plugins.spec import Spec, parse

if TYPE_CHECKING:
    from uebench.testing import Outcome

PRESET = "smoke"


def check(targets: Texts, plugins: Texts = ()) -> Iterator[Outcome]:
    """Run the checks of plugins, and yield the outcome of each check.

    Args:
        targets: Python files, whose plugins are all checked, and plugins as ``name`` or ``name(option=value)``. The
            preset ``smoke`` sets the options that are left out.
        plugins: Python files with plugins that ``targets`` names.

    Raises:
        UsageError: If there is no such file or plugin, or if an option is wrong or missing.
    """
    targets = several(targets, "targets")
    files = [as_path(target) for target in targets if target.endswith(".py")]
    registry = Registry((*plugin_files(plugins), *files))
    chosen: list[tuple[Entry, Spec]] = []
    for target in targets:
        if target.endswith(".py"):
            source = as_path(target).resolve()
            entries = [entry for kind in KINDS for entry in registry.entries(kind) if entry.source == source]
            chosen += [(entry, Spec(entry.name)) for entry in entries]
        else:
            spec = parse(target)
            chosen += [(entry, spec) for entry in _entries(registry, spec.name)]
    for entry, spec in chosen:
        yield from _check(registry, entry, spec)


def _entries(registry: Registry, name: str) -> list[Entry]:
    """Return the plugins of any kind with this name."""
    entries = [registry.entry(kind, name) for kind in KINDS if (kind, name) in registry]
    if not entries:
        known = [known for kind in KINDS for known in registry.names(kind)]
        raise UsageError(f"unknown plugin {name!r}; {nearest(name, known)}")
    return entries


def _check(registry: Registry, entry: Entry, spec: Spec) -> Iterator[Outcome]:
    from uebench.testing import Outcome, checks

    try:
        entry.plugin  # noqa: B018
        plugin = registry.build(entry.kind, spec, PRESET)
    except PluginError as error:
        yield Outcome(entry.kind, entry.name, "class", "its class keeps its contract", "failed", str(error))
        return
    except UsageError as error:
        if (cause := error.__cause__) is None:  # an option is wrong, which the user gave
            raise
        reason, line = f"{type(cause).__name__}: {' '.join(str(cause).split())}", line_of(cause, {str(entry.source)})
        yield Outcome(entry.kind, entry.name, "import", "its file can be imported", "failed", reason, line)
        return
    for plugin_check in checks(plugin):
        yield plugin_check.outcome()
