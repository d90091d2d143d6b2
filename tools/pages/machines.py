"""One cell in several kinds of arithmetic: whether machines differ more than seeds do."""

from __future__ import annotations

from statistics import fmean, stdev

from tools.pages import ROOT
from uebench.store.record import Record
from uebench.store.store import Store

STORES = ROOT / "results" / "machines"
"""One results folder for each kind of arithmetic."""


def accuracies() -> dict[str, dict[int, Record]]:
    """Return the records by kind of arithmetic and attacker seed."""
    return {
        folder.name: {record.seed: record for _, record in Store(folder).cells if record}
        for folder in sorted(STORES.glob("*/"))
    }


def table() -> str:
    """Return the accuracies as Markdown, with the standard deviations over machines and over seeds."""
    found = accuracies()
    seeds = sorted({seed for records in found.values() for seed in records})
    shares = {name: [100 * found[name][seed].counts.share for seed in seeds] for name in found}
    lines = [f"| seed | {' | '.join(found)} |", f"|---|{'---|' * len(found)}"]
    for place, seed in enumerate(seeds):
        lines.append(f"| {seed} | {' | '.join(f'{of_seeds[place]:.1f}%' for of_seeds in shares.values())} |")
    over_seeds = fmean(stdev(of_seeds) for of_seeds in shares.values())
    over_machines = fmean(stdev(of_machines) for of_machines in zip(*shares.values(), strict=True))
    return "\n".join(
        [
            *lines,
            "",
            f"Mean standard deviation over machines, with one seed: {over_machines:.1f} points. Over seeds, on one "
            f"machine: {over_seeds:.1f} points.",
        ]
    )
