"""``uebench status``: what the store holds."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from uebench.cli.options import RESULTS, AsJson, Plugins, Results
from uebench.errors import StoreError


def status(
    stale: Annotated[bool, typer.Option("--stale", help="Only cells whose plugin source changed since.")] = False,
    plugin: Plugins = None,
    results: Results = RESULTS,
    as_json: AsJson = False,
) -> None:
    """List the records of a results folder, damaged ones and failures, and count the protected sets."""
    from uebench.cli import output
    from uebench.plugins.registry import Registry
    from uebench.store.store import Store

    store = Store(results)
    registry = Registry(plugin or ())
    rows: list[dict[str, Any]] = []
    damaged = []
    for path, record in store.cells():
        if record is None:
            damaged.append(str(path))
            continue
        changed = _changed(record, registry)
        if stale and not changed:
            continue
        rows.append(
            {
                "key": record["key"], "data": record["data"]["name"], "preset": record["preset"],
                "method": record["written"]["method"], "attacker": record["written"]["attacker"],
                "seed": record["seed"], **record["counts"], "stale": changed,
            }
        )  # fmt: skip
    protected = dict(store.protections())
    damaged += [str(path) for path, facts in protected.items() if facts is None]
    keys = [facts["protect_key"] for facts in protected.values() if facts]
    failures = store.failures()
    if as_json:
        output.print_json({"cells": rows, "protected": keys, "damaged": damaged, "failed": failures})
    else:
        for row in rows:
            accuracy = 100 * row["correct"] / row["n"]
            mark = f"  (stale: {', '.join(row['stale'])})" if row["stale"] else ""
            typer.echo(
                f"{row['key'][:12]}  {accuracy:5.1f} %  {row['preset']:5}  {row['data']}: {row['method']} vs "
                f"{row['attacker']}, seed {row['seed']}{mark}"
            )
        counts = f"{len(rows)} cells, {len(damaged)} damaged, {len(failures)} failed, {len(keys)} protected sets"
        typer.echo(f"{counts} in {results}")
        for failure in failures:
            output.note(f"failed: {failure['cell']}: {failure['error']}")
    if damaged:
        raise StoreError(
            f"{damaged[0]}: damaged ({len(damaged)} in all); run the command of that cell again (for a "
            "protected set: uebench audit), or delete it"
        )


def _changed(record: dict[str, Any], registry: Any) -> list[str]:  # noqa: ANN401
    """Return the plugins of a record whose source differs from today's while the version does not."""
    parts = [("method", record["method"])]
    parts += [("countermeasure" if number else "attacker", part) for number, part in enumerate(record["attacker"])]
    found = []
    for kind, part in parts:
        if (kind, part["name"]) not in registry:
            continue
        entry = registry.entry(kind, part["name"])
        same_version = entry.version == part["version"]
        if same_version and entry.source_digest != record["provenance"]["sources"][part["name"]]:
            found.append(part["name"])
    return found
