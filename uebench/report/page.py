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
from uebench.analysis.leaderboard import Stage, stages
from uebench.analysis.records import Record, is_clean, percent
from uebench.analysis.statistics import wilson
from uebench.plugins.spec import format_value
from uebench.report import strips
from uebench.store.store import Store

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True, slots=True)
class Quality:
    """What a method's perturbation is and costs, from the records of one stage."""

    method: str
    audit: Record
    images: int
    fit_seconds: float
    protect_seconds: float
    train_seconds: float


def render(records: Sequence[Record], store: Store) -> str:
    """Return the page.

    Args:
        records: What it shows.
        store: Where protected sets are looked for, for the image strips.
    """
    found = stages(records)
    places = [place for stage in found for place in stage.places.values()]
    intervals = {record["key"]: [100 * end for end in wilson(**record["counts"])] for record in records}
    style, script = ((TEMPLATES / name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= {"budget": _budget, "duration": _duration, "breakable": _breakable}
    environment.globals |= {"percent": percent}
    return environment.get_template("page.html").render(
        stages=found,
        numbers={
            pair: number for number, pair in enumerate((s, *p) for s, stage in enumerate(found) for p in stage.places)
        },
        count=len(records),
        names={
            "data": sorted({stage.data["name"] for stage in found}),
            "preset": sorted({stage.preset for stage in found}),
            "measure": sorted({name for place in places for name in place.measures}),
            "seeds": range(2, 1 + max((len(place.records) for place in places), default=1)),
        },
        quality=[_quality(stage) for stage in found],
        strips=[_strips(stage, store) for stage in found],
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


def _document(found: Sequence[Stage], intervals: Mapping[str, list[float]]) -> dict[str, Any]:
    """Return what the script works on: the records, and the places with the stage that each belongs to."""
    return {
        "records": {
            record["key"]: {**record, "interval": intervals[record["key"]]}
            for stage in found
            for record in stage.records
        },
        "places": [
            {
                "stage": number,
                "method": place.method,
                "attacker": place.attacker,
                "measures": place.measures,
                "clean": is_clean(place.records[0]),
                "accuracy": place.accuracy,
                "reference": place.reference,
                "keys": [record["key"] for record in place.records],
            }
            for number, stage in enumerate(found)
            for place in stage.places.values()
        ],
    }


def _quality(stage: Stage) -> list[Quality]:
    lines = []
    for method in stage.methods:
        records = [record for place in stage.places.values() if place.method == method for record in place.records]
        seconds = {
            name: fmean(record["timings"][name] for record in records)
            for name in ("fit_seconds", "protect_seconds", "train_seconds")
        }
        lines.append(Quality(method, records[0]["audit"], records[0]["data"]["train_images"], **seconds))
    return lines


def _strips(stage: Stage, store: Store) -> list[dict[str, Any]]:
    """Return, for each method of a stage whose faces may be shown, its images as data URIs, or the reason."""
    if stage.data["source"] != strips.REDISTRIBUTABLE:
        return []
    lines = []
    for method in stage.methods:
        record = next(p.records[0] for p in stage.places.values() if p.method == method)
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


def _budget(audit: Record) -> str:
    """Return the bound that the referee held the method to: ``linf 8/255``, ``l2 2.61``, ``none``."""
    if audit["norm"] == "none" or not audit["eps"]:
        return "none"
    text = format_value(audit["eps"])
    return f"{audit['norm']} {text if '/' in text else format(audit['eps'], '.3g')}"


def _duration(seconds: float) -> str:
    """Return seconds with about two digits: ``0.21``, ``4.5``, ``1,108``."""
    return f"{seconds:.2f}" if seconds < 1 else f"{seconds:.1f}" if seconds < 10 else f"{seconds:,.0f}"


def _breakable(text: str) -> Markup:
    """Return a label that may break before a bracket or a plus, escaped."""
    return Markup("".join(f"<wbr>{sign}" if sign in "(+" else str(Markup.escape(sign)) for sign in text))
