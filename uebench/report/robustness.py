"""Figure 4 of the Segue paper: JPEG, augmentations, side information, training loss. A gap is a gap."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from statistics import fmean
from typing import TYPE_CHECKING, Any

from uebench.analysis.records import Record, chance, is_clean, labels, percent
from uebench.hashing import canonical
from uebench.paper.tables import SIDE
from uebench.planning.parts import REFERENCE
from uebench.plugins.spec import Spec, parse

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ARCHITECTURE = "resnet18"
"""The paper's attacker unless it says otherwise (section 5.1.4)."""
AUGMENTATIONS: Mapping[str, Mapping[str, Any]] = {
    "blur": {"kernel": 5, "sigma": 1.0},
    "cutout": {"holes": 2, "length": 0.5},
    "mixup": {"alpha": 1.0},
    "cutmix": {"holes": 2, "length": 0.5, "blend": True},
}
"""Section 5.5.3, as options."""
JPEG: Mapping[str, Any] = {"subsampling": "4:2:0"}
PLAIN = "none"
UNGUIDED = {SIDE["none"]: SIDE["true"]}
"""Methods that are another one without side information."""
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8a6fd1", "#7a7a2c")
GREY = "#444444"
STYLES: tuple[Any, ...] = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 4)))

Values = dict[str, dict[Any, list[float]]]
"""Method -> place on the axis -> accuracies of its seeds in percent."""


def choose(records: Sequence[Record], data: str | None) -> list[Record]:
    """Return the records that the figure is of: one set, the paper's architecture, one way to train it.

    Args:
        records: All there are.
        data: The set's name; the one with most records if None.
    """
    kept = [r for r in records if r["attacker"][0]["name"] == ARCHITECTURE and data in (None, r["data"]["name"])]
    for part in (lambda r: r["data_key"], lambda r: canonical(r["attacker"][0])):
        kept = _commonest(kept, part)
    return kept


def figure(records: Sequence[Record]) -> Figure:
    """Draw the four panels of the records that ``choose`` returned, which may be none."""
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    drawn = Figure(figsize=(15, 4), layout="constrained")
    panels = drawn.subplots(1, 4)
    quality, augmented, side = by_quality(records), by_augmentation(records), by_side_information(records)
    shown = sorted(quality | augmented | side, key=lambda name: (name != REFERENCE, name))
    colours = {REFERENCE: GREY} | {
        name: COLOURS[n % len(COLOURS)] for n, name in enumerate(name for name in shown if name != REFERENCE)
    }
    _lines(panels[0], quality, colours, "(1) JPEG quality", "uebench run ... --attacker 'resnet18+jpeg(quality=50)'")
    _bars(
        panels[1], augmented, [PLAIN, *AUGMENTATIONS], colours, "(2) augmentation",
        "uebench run ... --attacker resnet18+blur",
    )  # fmt: skip
    shares = sorted({place for places in side.values() for place in places if isinstance(place, float)}, reverse=True)
    _bars(
        panels[2], side, ["true", *shares, "kmeans", PLAIN], colours, "(3) labels that the method saw",
        "uebench run --method 'NAME(labels=kmeans)' ...",
    )  # fmt: skip
    _losses(panels[3], records, set(side), colours)
    if records:
        for axes, values in zip(panels, (quality, augmented, side), strict=False):
            if values:
                axes.axhline(chance(records[0]), color=GREY, linestyle=":", linewidth=1)
        data = records[0]["data"]
        drawn.suptitle(
            f"{data['name']}, {data['size']} px, {ARCHITECTURE}, preset {records[0]['preset']}: clean test "
            f"accuracy, %; dotted: chance {chance(records[0]):.1f} %; mean and range over seeds",
            fontsize=10,
        )
    if shown:
        handles = [Patch(color=colours[name], label=name) for name in shown]
        drawn.legend(handles=handles, loc="outside lower left", ncols=8, fontsize=8, frameon=False)
    return drawn


def by_quality(records: Sequence[Record]) -> Values:
    """Return accuracies by JPEG quality, with those without compression under ``none``, of methods met with JPEG."""

    def place(record: Record) -> Any:  # noqa: ANN401
        measure = _measure(record)
        if measure is None:
            return PLAIN
        return measure["config"]["quality"] if measure["name"] == "jpeg" and _agrees(measure, JPEG) else None

    return _sorted_out(records, place, beside=PLAIN)


def by_augmentation(records: Sequence[Record]) -> Values:
    """Return accuracies by augmentation, with those without one under ``none``, of methods met with any."""

    def place(record: Record) -> Any:  # noqa: ANN401
        measure = _measure(record)
        if measure is None:
            return PLAIN
        known = AUGMENTATIONS.get(measure["name"])
        return measure["name"] if known and _agrees(measure, known) else None

    return _sorted_out(records, place, beside=PLAIN)


def by_side_information(records: Sequence[Record]) -> Values:
    """Return accuracies by what the method saw as labels, of methods that met more than the truth."""
    return _sorted_out(records, lambda record: None if record["attacker"][1:] else _side(record), beside="true")


def _sorted_out(records: Sequence[Record], place: Callable[[Record], Any], beside: str) -> Values:
    """Sort records; a method that stands at ``beside`` alone is left out, and so are wrong labels in other panels."""
    found: Values = {}
    names = _names(records)
    for record in sorted(records, key=lambda record: not is_clean(record)):
        at = place(record)
        if at is not None and (beside == "true" or _side(record) == "true"):
            found.setdefault(names[_options(record)], {}).setdefault(at, []).append(percent(record))
    return {method: places for method, places in found.items() if set(places) != {beside}}


def _measure(record: Record) -> Any:  # noqa: ANN401
    """Return the one countermeasure, None without any, and a nameless one for a longer chain."""
    measures = record["attacker"][1:]
    return None if not measures else measures[0] if len(measures) == 1 else {"name": "", "config": {}}


def _agrees(measure: Mapping[str, Any], options: Mapping[str, Any]) -> bool:
    return all(measure["config"].get(name) == value for name, value in options.items())


def _side(record: Record) -> Any:  # noqa: ANN401
    if record["method"]["name"] in UNGUIDED:
        return PLAIN
    side = record.get("side_information")
    return side["labels"] if side else "true"


def _names(records: Sequence[Record]) -> dict[str, str]:
    """Return each method by its options, named as it was written, but for what says of its side information."""

    def written(record: Record) -> str:
        spec = parse(record["written"]["method"])
        return str(Spec(spec.name, {k: v for k, v in spec.options.items() if k not in ("labels", "embedding")}))

    return {options: UNGUIDED.get(name, name) for options, name in labels(records, _options, written).items()}


def _options(record: Record) -> str:
    return canonical(record["method"])


def _commonest(records: Sequence[Record], part: Callable[[Record], str]) -> list[Record]:
    groups: dict[str, list[Record]] = {}
    for record in records:
        groups.setdefault(part(record), []).append(record)
    return max(groups.values(), key=len, default=[])


def _lines(axes: Axes, values: Values, colours: Mapping[str, str], title: str, remedy: str) -> None:
    if _empty(axes, values, title, remedy):
        return
    qualities = sorted({place for places in values.values() for place in places if place != PLAIN})
    at = [*qualities, PLAIN]
    for method, places in values.items():
        means, spread = _summary([places.get(place, [math.nan]) for place in at])
        axes.errorbar(range(len(at)), means, spread, marker="o", markersize=4, capsize=2, color=colours[method])
    axes.set_xticks(range(len(at)), [str(place) for place in at])
    axes.set_ylim(0, 100)


def _bars(
    axes: Axes, values: Values, places: Sequence[Any], colours: Mapping[str, str], title: str, remedy: str
) -> None:
    if _empty(axes, values, title, remedy):
        return
    width = 0.8 / len(values)
    for number, (method, found) in enumerate(values.items()):
        for x, place in enumerate(places):
            where = x - 0.4 + width * (number + 0.5)
            if place not in found:
                axes.text(where, 2, "no record", ha="center", rotation=90, color=colours[method], fontsize=6)
                continue
            means, spread = _summary([found[place]])
            axes.bar(
                where, means, 0.9 * width, yerr=spread, capsize=2, color=colours[method], error_kw={"linewidth": 1}
            )
    axes.set_xticks(range(len(places)), [f"{p:.0%}" if isinstance(p, float) else p for p in places])
    axes.set_xlim(-0.6, len(places) - 0.4)
    axes.set_ylim(0, 100)


def _losses(axes: Axes, records: Sequence[Record], methods: set[str], colours: Mapping[str, str]) -> None:
    """Draw the attacker's loss; the paper's panel has the surrogate's, which records do not hold."""
    runs: dict[tuple[str, str], list[list[float]]] = {}
    names = _names(records)
    for record in records:
        name = names[_options(record)]
        if not record["attacker"][1:] and methods and (name in methods or is_clean(record)):
            seen = "" if is_clean(record) else str(_side(record))
            runs.setdefault((name, seen), []).append([epoch["loss"] for epoch in record["curve"]])
    if _empty(axes, runs, "(4) attacker's training loss", "uebench run --method 'NAME(labels=kmeans)' ..."):
        return
    kinds = ["true", *sorted({known for _, known in runs} - {"true", ""})]
    for (name, known), curves in sorted(runs.items()):
        mean = [fmean(losses) for losses in zip(*curves, strict=False)]
        text = f"{name}, labels {known}" if known else name
        style = STYLES[kinds.index(known or "true") % len(STYLES)]
        axes.semilogy(range(1, len(mean) + 1), mean, linestyle=style, color=colours[name], linewidth=1.3, label=text)
    axes.set_xlabel("epoch")
    axes.legend(fontsize=7, frameon=False)


def _empty(axes: Axes, values: Mapping[Any, Any], title: str, remedy: str) -> bool:
    """Name the panel; if it has no records, say so and how to get them."""
    axes.set_title(title, fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    if values:
        return False
    axes.set_axis_off()
    axes.text(0.5, 0.5, f"no records\n{remedy}", ha="center", va="center", fontsize=7, transform=axes.transAxes)
    return True


def _summary(groups: Sequence[Sequence[float]]) -> tuple[list[float], list[list[float]] | None]:
    """Return the means, and how far the lowest and the highest of each group lie from it; one seed has no range."""
    means = [fmean(group) for group in groups]
    if all(len(group) == 1 for group in groups):
        return means, None
    low = [mean - min(group) for mean, group in zip(means, groups, strict=True)]
    return means, [low, [max(group) - mean for mean, group in zip(means, groups, strict=True)]]
