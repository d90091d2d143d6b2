"""Find plugins by name.

Plugins come from the packages ``uebench_methods`` and ``uebench_attackers``, from ``uebench.data``, from installed
distributions with an entry point in the group ``uebench.plugins`` (its value names a module, or a package with all its
modules), and from single files. Listing only reads their source (``uebench.plugins.scan``); a plugin is imported when
it is used.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal, overload

from uebench.errors import UebenchError, UsageError, nearest
from uebench.plugins import presets
from uebench.plugins.scan import Declaration, Kind, declarations, find
from uebench.plugins.source_digest import source_digest
from uebench.plugins.spec import Spec, is_word
from uebench.plugins.validation import validate

if TYPE_CHECKING:
    from uebench.plugins.base import Attacker, Countermeasure, Method, Plugin, Source

OWN_SOURCES = ("sources", "orl", "protected_set")
"""The modules of ``uebench.data`` with plugins: sources, and the method that reads sets protected by other code."""
PACKAGES = ("uebench_methods", "uebench_attackers")
GROUP = "uebench.plugins"
PLUGIN_FILE = "uebench_plugin_"
"""The prefix of the module names of plugin files."""


@dataclass(frozen=True)
class Entry:
    """A plugin as its source declares it, not yet imported.

    Attributes:
        kind: Its kind.
        name: The name that users write.
        version: Raised by its author when outputs change; part of every key.
        info: The fields of ``Info``.
        class_name: The name of its class.
        module: The name under which its module is imported.
        source: The file of the module, absolute.
        inherited: File and name of each class of another plugin file that it inherits from.
    """

    kind: Kind
    name: str
    version: int
    info: Mapping[str, Any]
    class_name: str
    module: str
    source: Path
    inherited: tuple[tuple[Path, str], ...] = ()

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the fields only; the other process imports the class."""
        return Entry, tuple(getattr(self, field.name) for field in fields(self))

    @property
    def origin(self) -> str:
        """Return where it comes from: the package that holds it, or its file."""
        return self.source.name if self.module.startswith(PLUGIN_FILE) else self.module.partition(".")[0]

    @cached_property
    def source_digest(self) -> str:
        """Return the digest of the class's source code, for provenance.

        It covers what the class uses from its module, and the classes of other plugin files that it inherits from.
        """
        own = source_digest(_content(self.module, self.source), self.class_name)
        others = [source_digest(file.read_bytes(), name) for file, name in self.inherited]
        return hashlib.sha256(" ".join([own, *others]).encode()).hexdigest() if others else own

    @cached_property
    def plugin(self) -> type[Plugin[Any]]:
        """Import and return the plugin class.

        Raises:
            UsageError: If its module cannot be imported.
        """
        try:
            return getattr(import_module(self.module, self.source), self.class_name)  # type: ignore[no-any-return]
        except UebenchError:
            raise
        except (Exception, SystemExit) as error:
            raise UsageError(f"plugin {self.name!r}: {self.source} cannot be imported: {error!r}") from error


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
                raise UsageError(f"{entry.kind} {entry.name!r} is defined twice: {other.source} and {entry.source}")

    def __contains__(self, kind_and_name: tuple[Kind, str]) -> bool:
        """Return whether there is a plugin of this kind and name."""
        return kind_and_name in self._entries

    def names(self, kind: Kind) -> list[str]:
        """Return the sorted names of one kind."""
        return sorted(name for k, name in self._entries if k == kind)

    def ready(self, kind: Kind) -> list[str]:
        """Return the sorted names of one kind, without plugins that have required options."""
        configs = {name: self.entry(kind, name).plugin.Config for name in self.names(kind)}
        return [
            name
            for name, config in configs.items()
            if not any(field.is_required() for field in config.model_fields.values())
        ]

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

    @overload
    def build(self, kind: Literal["method"], spec: Spec, preset: str = "") -> Method[Any]: ...
    @overload
    def build(self, kind: Literal["attacker"], spec: Spec, preset: str = "") -> Attacker[Any]: ...
    @overload
    def build(self, kind: Literal["countermeasure"], spec: Spec, preset: str = "") -> Countermeasure[Any]: ...
    @overload
    def build(self, kind: Literal["source"], spec: Spec, preset: str = "") -> Source[Any]: ...
    @overload
    def build(self, kind: Kind, spec: Spec, preset: str = "") -> Plugin[Any]: ...
    def build(self, kind: Kind, spec: Spec, preset: str = "") -> Plugin[Any]:
        """Make a plugin; options that the spec leaves out come from the presets, or else from the plugin's defaults.

        Args:
            kind: The kind of plugin.
            spec: The plugin's name and the options given to it.
            preset: The preset of the run, such as ``desk``; empty for none.

        Raises:
            UsageError: If the name or an option is unknown, or a value is refused.
        """
        plugin = self.entry(kind, spec.name).plugin
        given = {name: value for name, value in spec.options.items() if name != "preset"}
        options = self.preset_options(kind, spec, preset) | given
        return plugin(validate(plugin.Config, options, f"{kind} {spec.name!r}"))


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
    for name in OWN_SOURCES:
        yield f"uebench.data.{name}", Path(__file__).parents[1] / "data" / f"{name}.py"
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
    return _plugins([(_module_of(file, file.read_bytes()), file)], what, overlooked)


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
        except (SyntaxError, ValueError) as error:
            raise UsageError(f"{what}: not valid Python: {file.name}: {error}") from None
        entries += _entries(declared, module, file)
        reasons += [f"; no base of {one.class_name} leads to a contract" for one in declared if one.kind is None]
        overlooked += [
            f"{what}: {file.name}: no base of {one.class_name} leads to a contract, so it is no plugin"
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
        if not is_word(name):
            raise UsageError(f"plugin file {source}: {name!r} cannot be a name; use letters, digits and _")
        yield Entry(one.kind, name, version, info, one.class_name, module, source.resolve(), one.inherited)


def _module_of(file: Path, content: bytes) -> str:
    """Return the module name of a plugin file; an edited file gets another, so that it is imported again."""
    digest = hashlib.sha256(os.fsencode(file.resolve()) + b"\0" + content).hexdigest()
    return f"{PLUGIN_FILE}{digest[:12]}"


def _content(module: str, source: Path) -> bytes:
    """Return a plugin's source.

    Raises:
        UsageError: If it is a single file that was edited after it was scanned.
    """
    content = source.read_bytes()
    if module.startswith(PLUGIN_FILE) and module != _module_of(source, content):
        raise UsageError(f"plugin file {source}: edited while it was in use; run again")
    return content


def import_module(module: str, source: Path) -> ModuleType:
    """Import a plugin's module by its name, or from its file if it is a single file."""
    if module in sys.modules or not module.startswith(PLUGIN_FILE):
        return importlib.import_module(module)
    _content(module, source)
    spec = importlib.util.spec_from_file_location(module, source)
    if spec is None or spec.loader is None:
        raise ImportError(f"{source} is not a Python file")
    loaded = importlib.util.module_from_spec(spec)
    sys.modules[module] = loaded
    try:
        spec.loader.exec_module(loaded)
    except BaseException:
        del sys.modules[module]
        raise
    return loaded
