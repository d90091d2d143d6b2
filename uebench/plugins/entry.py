"""Plugins as their source declares them; a plugin is imported when it is used."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import os
import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass, field, fields
from functools import cache, cached_property
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from uebench.errors import PluginError, UebenchError, UsageError
from uebench.plugins.helpers import beside, helpers
from uebench.plugins.scan import CORE, PACKAGES, Kind
from uebench.plugins.source_digest import module_digest, source_digest
from uebench.plugins.values import Info

if TYPE_CHECKING:
    from uebench.plugins.base import Plugin

PLUGIN_FILE = "uebench_plugin_"
"""The prefix of the module names of plugin files."""


@dataclass(frozen=True)
class Entry:
    """A plugin as its source declares it, not yet imported.

    Attributes:
        kind: Its kind.
        name: The name that users write.
        version: Raised by its author when outputs change; part of every key.
        info: Its paper, and its place in listings.
        class_name: The name of its class.
        module: The name under which its module is imported.
        source: The file of the module, absolute.
        inherited: File and name of each class of another plugin file that it inherits from.
        earlier: Source digests of earlier code of this version that computes the same outputs, each with what changed.
    """

    kind: Kind
    name: str
    version: int
    info: Info
    class_name: str
    module: str
    source: Path
    inherited: tuple[tuple[Path, str], ...] = ()
    earlier: Mapping[str, str] = field(default_factory=dict)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the fields only; the other process imports the class."""
        return Entry, tuple(getattr(self, one.name) for one in fields(self))

    @property
    def origin(self) -> str:
        """Return where it comes from: the package that holds it, or its file."""
        return self.source.name if self.is_plugin_file else self.module.partition(".")[0]

    @cached_property
    def source_digest(self) -> str:
        """Return the digest of the class's source code, for provenance.

        It covers what the class uses from its module, the other modules of its package that this module imports (for a
        plugin file: those beside it), and the classes of other packages that it inherits from.
        """
        strict = self.origin not in (CORE, *PACKAGES)  # records hold the digests of our own plugins
        own = source_digest(self._content(), self.class_name, strict)
        used = beside(self.source) if self.is_plugin_file else helpers(self.module, self.source)
        others = [source_digest(_installed(file), name, strict) for file, name in self.inherited if file not in used]
        others += [module_digest(_installed(file), strict) for file in used]
        return hashlib.sha256(" ".join([own, *others]).encode()).hexdigest() if others else own

    @property
    def first_digest(self) -> str:
        """Return the source digest of the first code of this version that computes what today's code does."""
        return next(iter(self.earlier), self.source_digest)

    def computes_as(self, digest: str | None) -> bool:
        """Return whether source code of this digest and of the same version computes what today's code does."""
        return digest == self.source_digest or digest in self.earlier

    @cached_property
    def plugin(self) -> type[Plugin[Any]]:
        """Import and return the plugin class.

        Raises:
            UsageError: If its module cannot be imported.
            PluginError: If the class breaks its contract.
        """
        from uebench.plugins.class_form import fault

        try:
            with redirect_stdout(sys.stderr):  # of a module that prints; stdout is for results
                plugin = getattr(self._imported(), self.class_name)
        except UebenchError:
            raise
        except (Exception, SystemExit) as error:
            raise UsageError(f"plugin {self.name!r}: {self.source} cannot be imported: {error!r}") from error
        if reason := fault(plugin, self.kind) or self._unread(plugin):
            raise PluginError(f"{self.kind} {self.name!r}: class {self.class_name} of {self.source.name} {reason}")
        return plugin  # type: ignore[no-any-return]

    def _unread(self, plugin: type[Plugin[Any]]) -> str:
        """Return the fault of a class whose ``earlier`` cannot be read without importing it; empty if it has none."""
        if plugin.earlier == self.earlier:
            return ""
        return "has an `earlier` that is not a literal; write {digest: sentence}"

    def _imported(self) -> ModuleType:
        """Import the plugin's module by its name, or from its file if it is a plugin file."""
        self._content()
        if self.module in sys.modules or not self.is_plugin_file:
            return importlib.import_module(self.module)
        spec = importlib.util.spec_from_file_location(self.module, self.source)
        if spec is None or spec.loader is None:
            raise ImportError(f"{self.source} is not a Python file")
        loaded = importlib.util.module_from_spec(spec)
        sys.modules[self.module] = loaded
        try:
            spec.loader.exec_module(loaded)
        except BaseException:
            del sys.modules[self.module]
            raise
        return loaded

    def _content(self) -> bytes:
        """Return the source of the plugin's module.

        Raises:
            UsageError: If it is a plugin file that was edited after it was scanned.
        """
        if not self.is_plugin_file:
            return _installed(self.source)
        content = self.source.read_bytes()
        if self.module != module_of(self.source, content):
            raise UsageError(f"plugin file {self.source}: edited while it was in use; run again")
        return content

    @property
    def is_plugin_file(self) -> bool:
        """Return whether it comes from a file that the user named, not from an installed module."""
        return self.module.startswith(PLUGIN_FILE)


@cache
def _installed(file: Path) -> bytes:
    """Return the source of an installed module as this process first read it: most likely the code that it runs."""
    return file.read_bytes()


def module_of(file: Path, content: bytes) -> str:
    """Return the module name of a plugin file; an edited file gets another, so that it is imported again."""
    digest = hashlib.sha256(os.fsencode(file.resolve()) + b"\0" + content).hexdigest()
    return f"{PLUGIN_FILE}{digest[:12]}"
