"""The benchmarks of a package: which there are, their figures as JSON, and the page of tables made from these.

A benchmark is a module with a function ``measure(quick: bool)`` that returns rows: each a ``Comparison``, or a
dictionary of JSON values if the module has a ``table(rows)`` of its own that returns Markdown. A function
``picture(rows, file)``, if there is one, draws a picture that stands below the table.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from tabulate import tabulate

from benchmarks.timing import Comparison

BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"

Figures = dict[str, dict[str, Any]]
"""Name of a benchmark -> its ``rows``, whether it was ``quick``, and the ``provenance`` of the run."""


def names(package: str) -> list[str]:
    """Return the modules of a package that have a function ``measure``, read from source."""
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.submodule_search_locations is not None
    files = sorted(Path(spec.submodule_search_locations[0]).glob("*.py"))
    return [file.stem for file in files if _measures(ast.parse(file.read_bytes()))]


def _measures(tree: ast.Module) -> bool:
    return any(isinstance(node, ast.FunctionDef) and node.name == "measure" for node in tree.body)


def run(module: str, quick: bool) -> dict[str, Any]:
    """Measure with a module in this process, and return what the JSON file keeps of it."""
    found = importlib.import_module(module).measure(quick)
    rows = [row.as_dict() if isinstance(row, Comparison) else row for row in found]
    import torch  # only now: a benchmark of memory or of start-up wants a small process

    from uebench.evaluation.provenance import provenance

    made = provenance({}, torch.device("cpu")).model_dump(mode="json")
    return {"quick": quick, "rows": rows, "provenance": made}


def read(file: Path) -> Figures:
    """Return the figures that a JSON file holds; none if there is no file."""
    return json.loads(file.read_text()) if file.exists() else {}


def write(file: Path, figures: Figures) -> None:
    """Write figures as a JSON file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(figures, indent=1, sort_keys=True) + "\n")


def pictures(package: str, figures: Figures, folder: Path) -> None:
    """Draw the pictures of the benchmarks that have one."""
    for name, kept in figures.items():
        module = importlib.import_module(f"{package}.{name}")
        if hasattr(module, "picture"):
            module.picture(kept["rows"], folder / f"{name}.png")


def put_tables(page: str, package: str, figures: Figures) -> str:
    """Return a page with the tables of all figures between its two markers."""
    head, rest = page.split(BEGIN)
    _, tail = rest.split(END)
    parts = [_section(name, importlib.import_module(f"{package}.{name}"), kept) for name, kept in figures.items()]
    return f"{head}{BEGIN}\n\n{''.join(parts)}{END}{tail}"


def _section(name: str, module: ModuleType, kept: Mapping[str, Any]) -> str:
    about = (module.__doc__ or "").splitlines()[0]
    made: Mapping[str, Any] = kept["provenance"]
    quick = "**Quick run, no conclusions.** " if kept["quick"] else ""
    where = f"{made['machine']}, {made['threads']} threads, Python {made['versions']['python']}, torch "
    where += f"{made['versions']['torch']}, commit {made['commit']}, {made['finished'][:10]}"
    table = getattr(module, "table", comparisons)(kept["rows"]).strip()
    picture = f"\n\n![{about}]({name}.png)" if hasattr(module, "picture") else ""
    return f"## {name}\n\n{about}\n\n{quick}{where}.\n\n{table}{picture}\n\n"


def comparisons(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return comparisons as a Markdown table."""
    lines = [
        {
            "what": row["what"],
            "ours, s": f"{row['ours']:.3g}",
            "other, s": f"{row['theirs']:.3g}",
            "other / ours [range]": f"{row['ratio']:.2f} [{row['low']:.2f}, {row['high']:.2f}]",
            "pairs": str(row["pairs"]),
            "target": "-" if row["target"] is None else f"{row['target']:g}",
            "remark": row["remark"],
        }
        for row in rows
    ]
    return tabulate(lines, headers="keys", tablefmt="github", disable_numparse=True)
