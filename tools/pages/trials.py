"""The trials behind the presets: what was tried on held-out photographs, and what won."""

from __future__ import annotations

import tomllib
from collections import Counter
from dataclasses import dataclass
from functools import cache
from typing import Any

from tools.pages import ROOT
from uebench.grouping import grouped
from uebench.hashing import digest
from uebench.plugins.spec import Spec, parse
from uebench.store.record import Record
from uebench.store.record_parts import PluginRecord
from uebench.store.store import Store

STORE = ROOT / "results" / "tuning"


@dataclass(frozen=True)
class Trial:
    """One trial.

    Attributes:
        plugin: What was tried, with all of its options.
        written: The same as the grid has it.
        record: What came out.
    """

    plugin: PluginRecord
    written: str
    record: Record

    @property
    def options(self) -> dict[str, Any]:
        """Return its options."""
        return self.plugin.config

    @property
    def digest(self) -> str:
        """Return the digest of its options."""
        return digest(self.plugin.config)[:12]


@cache
def planned(kind: str) -> tuple[Spec, ...]:
    """Return the trials that the grids have for plugins of a kind, ``method`` or ``attacker``."""
    grid = tomllib.loads((STORE / f"{kind}s.toml").read_text())
    return tuple(parse(text) for text in grid[kind])


def count(kind: str) -> Counter[str]:
    """Return how many trials there are to be for each plugin."""
    return Counter(spec.name for spec in planned(kind))


@cache
def of_architectures() -> dict[str, list[Trial]]:
    """Return the trials of each architecture on clean photographs, the best first."""
    return _sorted(
        [Trial(one.attacker[0], one.written["attacker"], one) for one in _records() if one.method.name == "clean"], -1
    )


@cache
def of_methods() -> dict[str, list[Trial]]:
    """Return the trials of each method, the one that leaves the attacker least first."""
    tried = [one for one in _records() if one.method.name != "clean"]
    return _sorted([Trial(one.method, one.written["method"], one) for one in tried], 1)


def table(kind: str) -> str:
    """Return the trials of ``architectures`` or ``methods`` as Markdown; the best are in bold, once all are there."""
    found = of_architectures() if kind == "architectures" else of_methods()
    counts_of = count("attacker" if kind == "architectures" else "method")
    cost = "training" if kind == "architectures" else "fitting"
    lines = [f"| trial | validation accuracy | epoch of the peak | {cost}, s | options |", "|---|---|---|---|---|"]
    for name, trials in found.items():
        for place, trial in enumerate(trials):
            counts, seconds = trial.record.counts, trial.record.timings
            spent = seconds.train_seconds if kind == "architectures" else seconds.fit_seconds
            mark = "**" if place == 0 and len(trials) == counts_of[name] else ""
            share = f"{mark}{100 * counts.share:.1f}% ({counts.correct} of {counts.n}){mark}"
            cells = (f"{mark}`{trial.written}`{mark}", share, trial.record.peak.epoch, f"{spent:.0f}", trial.digest)
            lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines)


def _records() -> list[Record]:
    return [record for _, record in Store(STORE).cells if record and len(record.attacker) == 1]


def _sorted(trials: list[Trial], sign: int) -> dict[str, list[Trial]]:
    in_order = sorted(trials, key=lambda trial: (sign * trial.record.counts.correct, trial.written))
    return dict(sorted(grouped(in_order, lambda trial: trial.plugin.name).items()))
