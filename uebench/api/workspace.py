"""The workspace of a call: its plugins, results folder and cache."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from uebench.data.cache import default_cache
from uebench.data.folders import expanded
from uebench.errors import StoreError, UsageError
from uebench.planning.grid import Planner
from uebench.plugins.registry import Registry
from uebench.store.store import Store

RESULTS = "results"
Texts = str | Path | Iterable[str | Path]


def as_path(given: str | Path, name: str = "path") -> Path:
    """Return a caller's path with ``~`` and ``~user`` replaced by the home folder.

    Args:
        given: The path.
        name: The name of the argument, for messages.

    Raises:
        DataError: If there is no such user.
        UsageError: If it is no path, or empty.
    """
    if isinstance(given, str) and not given.strip():
        raise UsageError(f"{name} {given!r}: names nothing; give a path")
    try:
        path = Path(given)
    except TypeError:
        raise UsageError(f"{name}: {given!r} given; give a path") from None
    return expanded(path)


def several(texts: Texts, name: str = "names") -> tuple[str, ...]:
    """Return a caller's texts, one or several.

    Args:
        texts: The texts.
        name: The name of the argument, for messages.

    Raises:
        UsageError: If it is neither.
    """
    return tuple(map(str, _listed(texts, name, "a text")))


def plugin_files(plugins: Texts) -> tuple[Path, ...]:
    """Return the paths of a caller's plugin files, one or several.

    Raises:
        DataError: If there is no such user as a path names.
        UsageError: If one is no path.
    """
    return tuple(as_path(file, "plugins") for file in _listed(plugins, "plugins", "the path of a Python file"))


def _listed(given: Texts, name: str, what: str) -> Iterable[str | Path]:
    if isinstance(given, str | Path):
        return (given,)
    if isinstance(given, bytes) or not isinstance(given, Iterable):
        raise UsageError(f"{name}: {given!r} given; give {what}, or a list of several")
    return given


def existing(results: str | Path) -> Store:
    """Return an existing results folder as a store.

    Raises:
        StoreError: If there is no such folder.
    """
    folder = as_path(results, "results")
    if not folder.is_dir():
        raise StoreError(f"results {str(folder)!r}: no such folder; name the folder of an earlier run")
    return Store(folder)


@dataclass(frozen=True)
class Workspace:
    """The workspace of a call.

    Attributes:
        results: The results folder.
        plugins: Python files with plugins.
        use_cache: Keep decoded photographs between calls, in the user's cache folder.
    """

    results: str | Path = RESULTS
    plugins: tuple[Path, ...] = ()
    use_cache: bool = True

    @classmethod
    def of(cls, results: str | Path, plugins: Texts, use_cache: bool = True) -> Workspace:
        """Return the workspace for a caller's arguments; see ``as_path`` and ``plugin_files`` for their errors."""
        as_path(results, "results")
        return cls(results, plugin_files(plugins), use_cache)

    @cached_property
    def registry(self) -> Registry:
        """Return the plugins of the package and of ``plugins``."""
        return Registry(self.plugins)

    @cached_property
    def store(self) -> Store:
        """Return the results folder as a store."""
        return Store(as_path(self.results))

    @cached_property
    def cache(self) -> Path | None:
        """Return the folder for decoded photographs, or None."""
        return default_cache() if self.use_cache else None

    @cached_property
    def planner(self) -> Planner:
        """Return the planner for these plugins, this store and this cache."""
        return Planner(self.registry, self.store, self.cache)
