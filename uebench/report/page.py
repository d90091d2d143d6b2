"""One self-contained HTML page of all records: no request of any kind, readable without JavaScript."""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import fmean
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from uebench import __version__
from uebench.analysis.leaderboard import Benchmark, Pairing, benchmarks
from uebench.analysis.records import is_clean, most_recognised, percent
from uebench.analysis.statistics import wilson
from uebench.errors import UsageError, nearest
from uebench.plugins import presets
from uebench.report import strips
from uebench.report.caveats import caveats
from uebench.store.record import Audit, Record
from uebench.store.store import Store

TEMPLATES = Path(__file__).parent / "templates"
TITLE = "Which unlearnable-example methods really protect faces?"


@dataclass(frozen=True, slots=True)
class MethodSummary:
    """What a method's perturbation is and costs, from the records of one benchmark."""

    method: str
    audit: Audit
    images: int
    fit_seconds: float
    protect_seconds: float
    train_seconds: float


def select(store: Store, preset: str | None = None, data: Sequence[str] = ()) -> tuple[list[Record], list[Path]]:
    """Choose the records of a page.

    Args:
        store: The results folder.
        preset: Only records of this one; None for all.
        data: Only records of these sets; empty for all.

    Returns:
        The records, and the damaged files that were left out.

    Raises:
        UsageError: If there is no such preset, or no record of a named set.
    """
    if preset:
        presets.get(preset)
    found, damaged = store.readable_cells()
    records = [record for record in found if preset in (None, record.preset)]
    names = {record.data.name for record in records}
    for name in data:
        if name not in names:
            raise UsageError(f"data {name!r}: no record of that set; {nearest(name, names)}")
    return [record for record in records if not data or record.data.name in data], damaged


def render(records: Sequence[Record], store: Store, title: str = TITLE) -> str:
    """Return the page.

    Args:
        records: What it shows.
        store: Where protected sets are looked for, for the image strips.
        title: What stands at its head.
    """
    found = benchmarks(records)
    pairings = [pairing for benchmark in found for pairing in benchmark.pairings.values()]
    intervals = {
        record.key: [100 * end for end in wilson(record.counts.correct, record.counts.n)] for record in records
    }
    style, script = ((TEMPLATES / name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= {"duration": _duration, "breakable": _breakable}
    environment.globals |= {"percent": percent, "most_recognised": most_recognised}
    return environment.get_template("page.html").render(
        title=title,
        benchmarks=found,
        numbers={
            pair: number
            for number, pair in enumerate((s, *p) for s, benchmark in enumerate(found) for p in benchmark.pairings)
        },
        count=len(records),
        names={
            "data": sorted({benchmark.data.name for benchmark in found}),
            "preset": sorted({benchmark.preset for benchmark in found}),
            "countermeasure": sorted({name for pairing in pairings for name in pairing.countermeasures}),
            "runs": range(2, 1 + max((len(pairing.records) for pairing in pairings), default=1)),
        },
        quality=[_quality(benchmark) for benchmark in found],
        strips=[_strips(benchmark, store) for benchmark in found],
        caveats=[caveats(benchmark.records) for benchmark in found],
        intervals=intervals,
        document=_document(found, intervals),
        generated=datetime.now(UTC).strftime("%d %B %Y, %H:%M UTC").lstrip("0"),
        version=__version__,
        credit=strips.CREDIT,
        magnified=strips.MAGNIFIED,
        style=Markup(style),
        script=Markup(script),
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )


def _document(found: Sequence[Benchmark], intervals: Mapping[str, list[float]]) -> dict[str, Any]:
    """Return what the script works on: the records, and the pairings with the benchmark that each belongs to."""
    return {
        "records": {
            record.key: {**record.model_dump(mode="json"), "interval": intervals[record.key]}
            for benchmark in found
            for record in benchmark.records
        },
        "pairings": [
            _pairing(number, benchmark, pairing)
            for number, benchmark in enumerate(found)
            for pairing in benchmark.pairings.values()
        ],
    }


def _pairing(number: int, benchmark: Benchmark, pairing: Pairing) -> dict[str, Any]:
    """Return a pairing for the script, with its rank among the methods that met the same attacker."""
    ranks = benchmark.ranks.get(pairing.attacker, {})
    order = list(ranks)
    return {
        "benchmark": number,
        "method": pairing.method,
        "attacker": pairing.attacker,
        "countermeasures": pairing.countermeasures,
        "clean": is_clean(pairing.records[0]),
        "accuracy": pairing.accuracy,
        "interval": pairing.interval,
        "seeds": pairing.runs.seeds,
        "worst": pairing.worst._asdict(),
        "rank": str(ranks[pairing.method]) if pairing.method in ranks else None,
        "order": order.index(pairing.method) if pairing.method in ranks else None,
        "reference": pairing.reference,
        "keys": [record.key for record in pairing.records],
    }


def _quality(benchmark: Benchmark) -> list[MethodSummary]:
    lines = []
    for method in benchmark.methods:
        records = [
            record for pairing in benchmark.pairings.values() if pairing.method == method for record in pairing.records
        ]
        seconds = {
            name: fmean(getattr(record.timings, name) for record in records)
            for name in ("fit_seconds", "protect_seconds", "train_seconds")
        }
        lines.append(MethodSummary(method, records[0].audit, records[0].data.train_images, **seconds))
    return lines


def _strips(benchmark: Benchmark, store: Store) -> list[dict[str, Any]]:
    """Return, for each method of a benchmark whose faces may be shown, its images as data URIs, or the reason."""
    if benchmark.data.source not in strips.REDISTRIBUTABLE:
        return []
    lines = []
    for method in benchmark.methods:
        record = next(p.records[0] for p in benchmark.pairings.values() if p.method == method)
        if is_clean(record):
            continue
        made = strips.stored(store, record)
        lines.append(
            {"method": method, "reason": made}
            if isinstance(made, str)
            else {
                "method": method,
                "reason": "",
                "images": {
                    name: [_uri(image) for image in getattr(made, name)] for name in ("clean", "protected", "residual")
                },
            }
        )
    return lines


def _uri(image: Any) -> str:  # noqa: ANN401
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


def _duration(seconds: float) -> str:
    """Return seconds with about two digits: ``0.21``, ``4.5``, ``1,108``."""
    return f"{seconds:.2f}" if seconds < 1 else f"{seconds:.1f}" if seconds < 10 else f"{seconds:,.0f}"


def _breakable(text: str) -> Markup:
    """Return a label that may break before a bracket or a plus, escaped."""
    return Markup("".join(f"<wbr>{sign}" if sign in "(+" else str(Markup.escape(sign)) for sign in text))
