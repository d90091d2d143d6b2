"""``uebench list``: list plugins, presets and studies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from uebench.cli.shared.options import AsJson, Plugins
from uebench.cli.shared.terminal import say
from uebench.errors import UsageError, nearest
from uebench.plugins import scan

if TYPE_CHECKING:
    from uebench.plugins.registry import Registry

OF_PLUGINS: Mapping[str, scan.Kind] = {f"{kind}s": kind for kind in scan.KINDS}
KINDS = (*OF_PLUGINS, "presets", "studies")


def list_(
    kind: Annotated[str, typer.Argument(help=f"{', '.join(KINDS[:-1])} or {KINDS[-1]} [default: all].")] = "",
    plugin: Plugins = None,
    as_json: AsJson = False,
) -> None:
    """List plugins, presets and studies.

    Plugins are methods, attackers, countermeasures and sources of faces.
    """
    if kind and kind not in KINDS:
        raise UsageError(f"cannot list {kind!r}; {nearest(kind, KINDS)}")
    from uebench.cli.shared.output import note, print_json
    from uebench.plugins.registry import Registry

    registry = Registry(plugin or ())
    tables = {name: _rows(name, registry) for name in KINDS if kind in ("", name)}
    if as_json:
        print_json(tables)
        return
    for number, (name, rows) in enumerate(tables.items()):
        if not kind:
            say(("\n" if number else "") + name)
        _print(rows, "" if kind else "  ")
    for reason in registry.overlooked:
        note(reason)


def _rows(kind: str, registry: Registry) -> list[dict[str, Any]]:
    if kind == "presets":
        from uebench.plugins.presets import PRESETS

        return [
            {
                "name": name, "title": preset.title, "data": preset.data, "size": f"{preset.size} px",
                "precision": preset.training.get("precision", "float32"),
            }
            for name, preset in PRESETS.items()
        ]  # fmt: skip
    if kind == "studies":
        from uebench.planning.study_file import about_studies

        return [{"name": name, "about": about} for name, about in about_studies().items()]
    entries = registry.entries(OF_PLUGINS[kind])
    if kind == "sources":
        return [{"name": entry.name, "title": entry.info.title, "from": entry.origin} for entry in entries]
    return [
        {
            "name": entry.name,
            "title": entry.info.title,
            "venue": entry.info.published or "-",
            "family": entry.info.family,
            "from": entry.origin,
        }
        for entry in entries
    ]


def _print(rows: list[dict[str, Any]], indent: str) -> None:
    if not rows:
        say(f"{indent}none")
        return
    widths = {column: max(len(str(row[column])) for row in rows) for column in rows[0]}
    for row in rows:
        say((indent + "  ".join(f"{row[column]!s:{width}}" for column, width in widths.items())).rstrip())
