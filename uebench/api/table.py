"""``uebench.table``: a table of the Segue paper with reported and measured numbers."""

from __future__ import annotations

from pathlib import Path

from uebench.api.workspace import RESULTS, Texts, existing, plugin_files, several
from uebench.plugins import presets
from uebench.plugins.registry import Registry
from uebench.report.formats import Page
from uebench.report.pages import filled_tables


def table(
    name: str | int,
    *,
    data: Texts = (),
    preset: str = presets.DEFAULT,
    results: str | Path = RESULTS,
    plugins: Texts = (),
) -> Page:
    """Return a table of the Segue paper, with reported numbers beside those from a results folder.

    Nothing is computed; ``reproduce`` computes what is missing.

    Args:
        name: ``1`` to ``9``, ``figure4.1`` to ``figure4.4``, or ``claims``.
        data: Measured sets by the names that tables print, as ``NAME`` for the paper's main set or as ``ROLE=NAME``;
            empty for the set that fills the most places.
        preset: ``smoke``, ``desk``, ``desk64`` or ``paper``.
        results: The results folder.
        plugins: Python files with your own plugins.

    Returns:
        The table; ``frame()`` has a row per number, and ``text("tex")`` is LaTeX.

    Raises:
        StoreError: If there is no such folder.
        UsageError: If there is no such table, preset, role or measured set.

    Example:
        >>> import uebench
        >>> _ = uebench.run("ue", "resnet18", data="synthetic", preset="smoke")
        >>> rows = uebench.table(5, preset="smoke").frame()
        >>> rows[rows.measured.notna()][["row", "column", "reported"]].values.tolist()
        [['ue', 'resnet18', 14.5]]
    """
    store = existing(results)
    registry = Registry(plugin_files(plugins))
    given = several(data, "data")
    return filled_tables.measured(str(name), preset=preset, data=given, registry=registry, store=store).page
