"""Find plugins by name.

Plugins come from the packages ``uebench_methods`` and ``uebench_attackers``, from ``uebench.data``, from installed
distributions with an entry point in the group ``uebench.plugins`` (its value names a module, or a package with all its
modules), and from single files. Listing only reads their source (``uebench.plugins.scan``).
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Iterator
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uebench.errors import UsageError, nearest
from uebench.plugins import presets
from uebench.plugins.entry import Entry, module_of
from uebench.plugins.scan import INFO, PACKAGES, Declaration, Kind, declarations, find
from uebench.plugins.spec import Spec, is_word
from uebench.plugins.validation import validate
from uebench.plugins.values import Info

if TYPE_CHECKING:
    from uebench.plugins.base import Plugin

OWN_MODULES = ("sources", "orl", "foreign.method")
"""The modules of ``uebench.data`` with plugins: sources, and the method that reads sets protected by other code."""
GROUP = "uebench.plugins"


class Registry:
    """All plugins that can be named in this run."""

    def __init__(self, files: Iterable[Path] = ()) -> None:
        """Scan the packages, the entry points and the given plugin files.

        Args:
            files: Python files with plugins.

        Raises:
            UsageError: If a file is missing, not Python or without a plugin, or if two plugins share a name.
        """
        self._entries: dict[tuple[Kind, str], Entry] = {}
        self.overlooked: list[str] = []
        """A line for each class that looks like a plugin but is not, with the reason."""
        for module, source in _sources():
            self._add(_entries(declarations(module, source), module, source))
        for point in entry_points(group=GROUP):
            self._add(_of_entry_point(point, self.overlooked))
        for file in files:
            self._add(_of_file(file, self.overlooked))

    def _add(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            other = self._entries.setdefault((entry.kind, entry.name), entry)
            if (other.source, other.class_name) != (entry.source, entry.class_name):  # else it was named twice
                where = f"{other.source} and {entry.source}"
                raise UsageError(f"{entry.kind} {entry.name!r}: defined twice, in {where}; rename one of them")

    def __contains__(self, kind_and_name: tuple[Kind, str]) -> bool:
        """Return whether there is a plugin of this kind and name."""
        return kind_and_name in self._entries

    def names(self, kind: Kind) -> list[str]:
        """Return the sorted names of one kind."""
        return sorted(name for k, name in self._entries if k == kind)

    def ready(self, kind: Kind) -> list[str]:
        """Return the sorted names of one kind, without plugins that have required options."""
        options = {entry.name: entry.plugin.Config.model_fields.values() for entry in self.entries(kind)}
        return [name for name, fields in options.items() if not any(field.is_required() for field in fields)]

    def entries(self, kind: Kind) -> list[Entry]:
        """Return the entries of one kind, sorted by name."""
        return [self._entries[kind, name] for name in self.names(kind)]

    def entry(self, kind: Kind, name: str) -> Entry:
        """Return one entry.

        Raises:
            UsageError: If there is none; the message suggests the nearest name.
        """
        try:
            return self._entries[kind, name]
        except KeyError:
            what = "folder or source" if kind == "source" else kind
            hint = nearest(name, self.names(kind))
            if hint.startswith("known"):
                hint += "; if it is in a file of your own, name the file with --plugin"
            raise UsageError(f"unknown {what} {name!r}; {hint}") from None

    def preset_options(self, kind: Kind, spec: Spec, preset: str) -> dict[str, Any]:
        """Return the options that presets set for a plugin and its spec does not.

        An attacker that follows the preset takes its training from the preset of the run. The plugin's own preset comes
        on top: the one that the spec names as ``preset``, by default the one with the name of the run's preset.

        Args:
            kind: The kind of plugin.
            spec: The plugin's name and the options given to it.
            preset: The preset of the run, such as ``desk``; empty for none.

        Raises:
            UsageError: If the name of the plugin, of the preset or of the plugin's own preset is unknown.
        """
        plugin = self.entry(kind, spec.name).plugin
        named = str(spec.options.get("preset", preset))
        if "preset" in spec.options and named not in plugin.presets:
            raise UsageError(f"{kind} {spec.name!r}: unknown preset {named!r}; {nearest(named, plugin.presets)}")
        options = preset_options(plugin, preset, named)
        return {name: value for name, value in options.items() if name not in spec.options}

    def build(self, kind: Kind, spec: Spec, preset: str = "") -> Plugin[Any]:
        """Make a plugin; options that the spec leaves out come from the presets, or else from the plugin's defaults.

        Args:
            kind: The kind of plugin.
            spec: The plugin's name and the options given to it.
            preset: The preset of the run, such as ``desk``; empty for none.

        Raises:
            UsageError: If the name or an option is unknown, or a value is refused.
        """
        from uebench.plugins import questions

        plugin = self.entry(kind, spec.name).plugin
        given = {name: value for name, value in spec.options.items() if name != "preset"}
        options = self.preset_options(kind, spec, preset) | given
        return questions.instance(plugin, validate(plugin.Config, options, f"{kind} {spec.name!r}"))


def preset_options(plugin: type[Plugin[Any]], preset: str, setting: str) -> dict[str, Any]:
    """Return the options that presets set for a plugin.

    Args:
        plugin: Its class.
        preset: The preset of the run, from which an attacker that follows it takes its training; empty for none.
        setting: Name of the plugin's own preset, which comes on top if the plugin has it.

    Raises:
        UsageError: If the preset is unknown.
    """
    from uebench.plugins.base import Attacker

    options: dict[str, Any] = {}
    if preset and issubclass(plugin, Attacker) and plugin.follows_preset:
        training, known = presets.get(preset).training, plugin.Config.model_fields
        options = {name: value for name, value in training.items() if name in known}
    return options | dict(plugin.presets.get(setting, {}))


def _sources() -> Iterator[tuple[str, Path]]:
    for name in OWN_MODULES:
        yield f"uebench.data.{name}", Path(__file__).parents[1].joinpath("data", *name.split(".")).with_suffix(".py")
    for package in PACKAGES:
        spec = importlib.util.find_spec(package)
        for folder in (spec.submodule_search_locations or ()) if spec else ():
            yield from _modules(package, folder)


def _modules(name: str, folder: str) -> Iterator[tuple[str, Path]]:
    """Yield the modules of a package, except those whose names begin with an underscore."""
    for file in sorted(Path(folder).rglob("[!_]*.py")):
        yield ".".join((name, *file.relative_to(folder).with_suffix("").parts)), file


def _of_entry_point(point: EntryPoint, overlooked: list[str]) -> list[Entry]:
    """Return the plugins of an installed module, or of all modules of an installed package."""
    what = f"entry point {point.name!r}" + (f" of {point.dist.name}" if point.dist else "")
    spec = find(point.module)
    if spec is None:
        raise UsageError(f"{what}: there is no module {point.module!r}; correct its value or uninstall it")
    files = [(point.module, Path(spec.origin))] if spec.origin else []
    for folder in spec.submodule_search_locations or ():
        files += _modules(point.module, folder)
    return _plugins(files, what, overlooked)


def _of_file(file: Path, overlooked: list[str]) -> list[Entry]:
    what = f"plugin file {file}"
    if not file.is_file():
        raise UsageError(f"{what}: no such file")
    return _plugins([(module_of(file, file.read_bytes()), file)], what, overlooked)


def _plugins(files: Iterable[tuple[str, Path]], what: str, overlooked: list[str]) -> list[Entry]:
    """Return the plugins of some modules; add to ``overlooked`` the classes that look like plugins but are not.

    Raises:
        UsageError: If a module is not Python, or if none of them has a plugin.
    """
    entries: list[Entry] = []
    reasons: list[str] = []
    for module, file in files:
        try:
            declared = list(declarations(module, file))
        except SyntaxError as error:
            where = f", line {error.lineno}" if error.lineno else ""
            raise UsageError(f"{what}: not valid Python: {file.name}{where}: {error.msg}") from None
        except ValueError as error:
            raise UsageError(f"{what}: not valid Python: {file.name}: {error}") from None
        entries += _entries(declared, module, file)
        reasons += [f"; no base of {one.class_name} leads to a contract" for one in declared if one.kind is None]
        overlooked += [
            f"{what}: {file.name}: no base of {one.class_name} leads to a contract, so it is not a plugin"
            for one in declared
            if one.kind is None and one.literals.keys() & {"version", "info"}
        ]
    if entries:
        return entries
    raise UsageError(
        f"{what}: no plugin in it; a plugin is a class that inherits from Method, Attacker, Countermeasure "
        f"or Source of uebench.plugins.base and has a literal `name` of its own{''.join(reasons)}"
    )


def _entries(declared: Iterable[Declaration], module: str, source: Path) -> Iterator[Entry]:
    for one in declared:
        if one.kind is None:
            continue
        if missing := [f"`{name}`" for name in ("version", "info") if name not in one.literals]:
            raise UsageError(f"plugin file {source}: class {one.class_name} lacks a literal {' and '.join(missing)}")
        name, version, info = (one.literals[key] for key in ("name", "version", "info"))
        if type(version) is not int or version < 1:
            raise UsageError(
                f"plugin file {source}: class {one.class_name} has version {version!r}; write a whole number from 1"
            )
        try:
            info = Info(**info)
        except TypeError:
            raise UsageError(
                f"plugin file {source}: class {one.class_name} has an info that is not Info(...); write "
                f"Info(title=...) with some of {', '.join(INFO)}"
            ) from None
        if not is_word(name):
            raise UsageError(f"plugin file {source}: {name!r} cannot be a name; use letters, digits and _")
        earlier = one.literals.get("earlier", {})
        yield Entry(one.kind, name, version, info, one.class_name, module, source.resolve(), one.inherited, earlier)
