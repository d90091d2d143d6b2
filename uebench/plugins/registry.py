"""Names -> plugins.

Plugins come from the packages ``uebench_methods`` and ``uebench_attackers``, from ``uebench.data.sources``, from
installed distributions with an entry point in the group ``uebench.plugins`` (its value names a module), and from files
given with ``--plugin``. Listing reads the source with ``ast``; only a plugin that is used is imported.
"""

from __future__ import annotations

import ast
import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from uebench.errors import UsageError, nearest
from uebench.plugins.source_digest import source_digest
from uebench.plugins.spec import Spec, format_value

if TYPE_CHECKING:
    from uebench.plugins.base import Plugin

KINDS = {
    "Method": "method",
    "NoiseMethod": "method",
    "Attacker": "attacker",
    "Countermeasure": "countermeasure",
    "Source": "source",
}
OWN_SOURCES = "uebench.data.sources"
PACKAGES = ("uebench_methods", "uebench_attackers")
GROUP = "uebench.plugins"


@dataclass(frozen=True)
class Entry:
    """A plugin as its source declares it, not yet imported."""

    kind: str
    name: str
    version: int
    info: Mapping[str, Any]
    class_name: str
    module: str
    source: Path

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel without the class, which the other process imports."""
        return Entry, tuple(getattr(self, field.name) for field in fields(self))

    @cached_property
    def source_digest(self) -> str:
        """Return the digest of what the class and its module compute, for provenance."""
        return source_digest(self.source.read_bytes(), self.class_name)

    @cached_property
    def plugin(self) -> type[Plugin[Any]]:
        """Import and return the plugin class.

        Raises:
            UsageError: If its module cannot be imported.
        """
        try:
            return getattr(import_module(self.module, self.source), self.class_name)  # type: ignore[no-any-return]
        except Exception as error:
            raise UsageError(f"plugin {self.name!r}: {self.source} cannot be imported: {error!r}") from error


class Registry:
    """All plugins that can be named in this run."""

    def __init__(self, files: Iterable[Path] = ()) -> None:
        """Scan the packages, the entry points and the given plugin files.

        Raises:
            UsageError: If a file is missing, not Python or without a plugin, or if two plugins share a name.
        """
        self._entries: dict[tuple[str, str], Entry] = {}
        for module, source in _sources():
            self._add(_scan(module, source))
        for file in files:
            found = list(_scan_file(file))
            if not found:
                raise UsageError(
                    f"--plugin {file}: no plugin in it; a plugin is a class with the base Method, Attacker, "
                    "Countermeasure or Source and literal `name`, `version` and `info` attributes"
                )
            self._add(found)

    def _add(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            other = self._entries.setdefault((entry.kind, entry.name), entry)
            if other is not entry:
                raise UsageError(f"{entry.kind} {entry.name!r} is defined twice: {other.source} and {entry.source}")

    def __contains__(self, place: tuple[str, str]) -> bool:
        """Return whether there is a plugin of this kind and name."""
        return place in self._entries

    def names(self, kind: str) -> list[str]:
        """Return the sorted names of one kind."""
        return sorted(name for k, name in self._entries if k == kind)

    def entries(self, kind: str) -> list[Entry]:
        """Return the entries of one kind, sorted by name."""
        return [self._entries[kind, name] for name in self.names(kind)]

    def entry(self, kind: str, name: str) -> Entry:
        """Return one entry.

        Raises:
            UsageError: If there is none; the message suggests the nearest name.
        """
        try:
            return self._entries[kind, name]
        except KeyError:
            raise UsageError(f"unknown {kind} {name!r}; {nearest(name, self.names(kind))}") from None

    def build(self, kind: str, spec: Spec, preset: str = "", base: Mapping[str, Any] | None = None) -> Plugin[Any]:
        """Make a plugin from a spec.

        Options come from the class defaults, then ``base`` (those that the plugin has), then the plugin's own preset
        (the stage's, or the one that the spec names as ``preset``), then the spec.

        Raises:
            UsageError: If the name or an option is unknown, or a value is refused.
        """
        plugin = self.entry(kind, spec.name).plugin
        known = plugin.Config.model_fields
        options = {name: value for name, value in (base or {}).items() if name in known}
        given = dict(spec.options)
        if "preset" in given and (preset := str(given.pop("preset"))) not in plugin.presets:
            raise UsageError(f"{kind} {spec.name!r}: unknown preset {preset!r}; {nearest(preset, plugin.presets)}")
        options |= plugin.presets.get(preset, {})
        return plugin(validate(plugin.Config, options | given, f"{kind} {spec.name!r}"))


def validate(config: Any, options: Mapping[str, Any], what: str) -> Any:  # noqa: ANN401
    """Build a pydantic configuration, turning its complaint into one line.

    Raises:
        UsageError: Naming the option at fault and the remedy.
    """
    from pydantic import ValidationError

    try:
        return config(**options)
    except ValidationError as error:
        first = error.errors()[0]
        option = str(first["loc"][0]) if first["loc"] else ""
        if first["type"] == "extra_forbidden":
            known = ", ".join(config.model_fields) or "none"
            raise UsageError(f"{what}: unknown option {option!r}; options: {known}") from None
        if first["type"] == "missing":
            raise UsageError(f"{what}: option {option!r} is missing; write it in parentheses") from None
        message = first["msg"].removeprefix("Value error, ")
        raise UsageError(f"{what}: {option}={format_value(first['input'])} {_lower(message)}") from None


def _lower(message: str) -> str:
    return f"is refused: {message[0].lower()}{message[1:]}" if message.startswith("Input") else message


def _sources() -> Iterator[tuple[str, Path]]:
    yield OWN_SOURCES, Path(__file__).parents[1] / "data" / "sources.py"
    for package in PACKAGES:
        spec = importlib.util.find_spec(package)
        for location in (spec.submodule_search_locations or ()) if spec else ():
            for file in sorted(Path(location).rglob("[!_]*.py")):
                yield ".".join((package, *file.relative_to(location).with_suffix("").parts)), file
    for point in entry_points(group=GROUP):
        spec = importlib.util.find_spec(point.value)
        if spec is None or spec.origin is None:
            raise UsageError(f"entry point {point.name!r} of group {GROUP!r}: module {point.value!r} is not there")
        yield point.value, Path(spec.origin)


def _scan_file(file: Path) -> Iterator[Entry]:
    if not file.is_file():
        raise UsageError(f"--plugin {file}: no such file")
    module = f"uebench_plugin_{hashlib.sha256(str(file.resolve()).encode()).hexdigest()[:12]}"
    try:
        yield from _scan(module, file)
    except (SyntaxError, ValueError) as error:
        raise UsageError(f"--plugin {file}: not valid Python: {error}") from None


def _scan(module: str, source: Path) -> Iterator[Entry]:
    kinds: dict[str, str] = {}
    for node in ast.parse(source.read_bytes()).body:
        if not isinstance(node, ast.ClassDef):
            continue
        bases = [_base_name(base) for base in node.bases]
        kind = next((KINDS.get(base) or kinds.get(base) for base in bases if base in KINDS or base in kinds), None)
        if kind is None:
            continue
        kinds[node.name] = kind
        literals = dict(_literals(node))
        if {"name", "version", "info"} <= literals.keys():
            yield Entry(
                kind, literals["name"], literals["version"], literals["info"], node.name, module, source.resolve()
            )


def _base_name(node: ast.expr) -> str:
    match node:
        case ast.Subscript(value=value):
            return _base_name(value)
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
    return ""


def _literals(node: ast.ClassDef) -> Iterator[tuple[str, Any]]:
    for statement in node.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                pass
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                pass
            case _:
                continue
        try:
            match value:
                case ast.Call(func=ast.Name(id="Info") | ast.Attribute(attr="Info"), keywords=keywords):
                    yield name, {k.arg: ast.literal_eval(k.value) for k in keywords if k.arg}
                case _:
                    yield name, ast.literal_eval(value)
        except ValueError:
            continue


def import_module(module: str, source: Path) -> ModuleType:
    """Import a plugin's module by its name, or from its file if it was given with ``--plugin``."""
    if module in sys.modules or not module.startswith("uebench_plugin_"):
        return importlib.import_module(module)
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
