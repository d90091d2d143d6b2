"""The self-contained HTML page of records, which loads nothing and is readable without JavaScript."""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from uebench import __version__
from uebench.analysis.frame import frame
from uebench.analysis.leaderboard import benchmarks
from uebench.analysis.pairing import Pairing
from uebench.analysis.runs import identities, interval_of, is_clean
from uebench.plugins.registry import Registry
from uebench.report import caveats, citation, record_text, text
from uebench.report.command import commands
from uebench.report.figures import strips
from uebench.report.html import charts, views
from uebench.store.record import Record
from uebench.store.store import Store

TEMPLATES = Path(__file__).parent / "templates"
TITLE = "Which unlearnable-example methods really protect faces?"


def render(
    records: Sequence[Record],
    store: Store,
    title: str = TITLE,
    *,
    stored: Sequence[Record] = (),
    registry: Registry | None = None,
) -> str:
    """Return the page.

    Args:
        records: The records to show.
        store: The store with the protected sets of the image strips.
        title: The heading.
        stored: If ``records`` have the names of a study, the same records as stored.
        registry: The plugins, for the commands that repeat a measurement and the photographs that may be shown.
    """
    registry = registry or Registry()
    arranged = [views.view(benchmark, store, registry) for benchmark in benchmarks(records)]
    attackers = [attacker for view in arranged for attacker in view.attackers]
    style, script = ((TEMPLATES / name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    return _environment(registry, {record.key: record for record in stored}).get_template("page.html").render(
        title=title,
        views=arranged,
        count=len(records),
        names={
            "data": sorted({view.benchmark.name for view in arranged}),
            "preset": sorted({view.benchmark.preset for view in arranged}),
            "attacker": list(dict.fromkeys(attacker.name for attacker in attackers)),
            "countermeasure": sorted({name for attacker in attackers for name in attacker.countermeasures}),
        },
        papers=citation.papers(records, registry),
        csv=_data_url("text/csv", frame(records).to_csv(index=False)),
        bibtex=_data_url("application/x-bibtex", citation.bibtex(records, registry)),
        generated=datetime.now(UTC).strftime("%d %B %Y, %H:%M UTC").lstrip("0"),
        style=Markup(style),
        script=Markup(script),
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )  # fmt: skip


def _environment(registry: Registry, stored: Mapping[str, Record]) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip

    def commands_of(pairing: Pairing) -> list[str]:
        return commands([stored.get(record.key, record) for record in pairing.records], registry)

    environment.filters |= {"breakable": _breakable, "uri": _image_url, "duration": _duration}
    environment.globals |= {
        "version": __version__, "charts": charts, "magnified": strips.MAGNIFIED,
        "interval_of": interval_of, "is_clean": is_clean, "identities": identities,
        "few_seeds": caveats.FEW_SEEDS, "cost": caveats.COST,
        "commands": commands_of, "options": text.options, "details": record_text.lines,
    }  # fmt: skip
    return environment


def _data_url(kind: str, content: str) -> str:
    """Return a data URL with a text."""
    return f"data:{kind};base64,{base64.b64encode(content.encode()).decode()}"


def _image_url(image: Any) -> str:  # noqa: ANN401
    """Return a data URL with an image, (H, W, 3) uint8, as PNG."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


def _duration(seconds: float) -> str:
    """Return seconds with at least two digits, as ``0.21``, ``4.5``, ``1,108``."""
    return f"{seconds:.2f}" if seconds < 1 else f"{seconds:.1f}" if seconds < 10 else f"{seconds:,.0f}"


def _breakable(label: str) -> Markup:
    """Return an escaped label that may be broken before brackets and plus signs."""
    return Markup("".join(f"<wbr>{sign}" if sign in "(+" else str(Markup.escape(sign)) for sign in label))
