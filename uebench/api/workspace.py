"""The workspace of a call: its plugins, results folder and cache."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from uebench.data.cache import default_cache
from uebench.data.folders import expanded
from uebench.errors import StoreError
from uebench.planning.grid import Planner
from uebench.plugins.registry import Registry
from uebench.store.store import Store

RESULTS = "results"
Texts = str | Path | Iterable[str | Path]


def as_path(given: str | Path) -> Path:
    """Return a caller's path with ``~`` and ``~user`` replaced by the home folder.

    Raises:
        DataError: If there is no such user.
    """
    return expanded(Path(given))


def several(texts: Texts) -> tuple[str, ...]:
    """Return a caller's texts, one or several."""
    return (str(texts),) if isinstance(texts, str | Path) else tuple(map(str, texts))


def plugin_files(plugins: Texts) -> tuple[Path, ...]:
    """Return the paths of a caller's plugin files, one or several."""
    return tuple(map(as_path, (plugins,) if isinstance(plugins, str | Path) else plugins))


def existing(results: str | Path) -> Store:
    """Return an existing results folder as a store.

    Raises:
        StoreError: If there is no such folder.
    """
    folder = as_path(results)
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
        """Return the workspace for a caller's arguments; see ``plugin_files`` for ``plugins``."""
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
