"""Figure 4 of the Segue paper: JPEG, augmentations, side information and training loss. Missing results stay gaps."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from uebench.paper.fill import FilledPlace, FilledTable, cells_behind, fill_table
from uebench.paper.match import Plugins, RecordIndex
from uebench.paper.panels import ARCHITECTURE, PLAIN, panels
from uebench.paper.place import MAIN, TablePlace
from uebench.paper.tables import SIDE, SIDES
from uebench.planning.parts import REFERENCE
from uebench.plugins.registry import Registry
from uebench.report.figures.style import COLOURS, GREY, error_lengths, write_no_record
from uebench.report.text import literal
from uebench.store.record import Record
from uebench.store.store import Store

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLES = {
    "figure4.1": "(1) JPEG quality",
    "figure4.2": "(2) augmentation",
    "figure4.3": "(3) labels that the method saw",
    "figure4.4": "(4) surrogate's training loss",
}
STYLES: tuple[Any, ...] = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 4)))

Panel = Mapping[str, Mapping[str, FilledPlace]]
"""Method -> name of a position on the x axis -> measurement."""


def filled_panels(store: Store, registry: Registry, preset: str, data: str | None) -> dict[str, FilledTable]:
    """Fill the four panels from a results folder.

    Args:
        store: The results folder.
        registry: The plugins.
        preset: ``smoke``, ``desk``, ``desk64`` or ``paper``.
        data: The name of a measured set; None for the one that fills the most places.

    Raises:
        UsageError: If there is no record of that set.
    """
    records = RecordIndex(Plugins(registry, preset, store))
    tables = panels(records)
    places = [place for table in tables.values() for place in table.places]
    roles = records.choose_sets(places, {MAIN: data} if data else {})
    return {name: fill_table(table, roles, records) for name, table in tables.items()}


def drawn_from(tables: Mapping[str, FilledTable]) -> list[Record]:
    """Return the records behind the panels, each once."""
    return cells_behind(filled for table in tables.values() for filled in table.places)


def figure(tables: Mapping[str, FilledTable]) -> Figure:
    """Draw the four panels.

    Args:
        tables: The panels; see ``filled_panels``.
    """
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    fig = Figure(figsize=(10, 7), layout="constrained")
    axes = dict(zip(TITLES, fig.subplots(2, 2).flat, strict=True))
    jpeg, augmented = (_by_method(tables[name], beside=PLAIN) for name in ("figure4.1", "figure4.2"))
    side = _by_side_information(tables["figure4.3"])
    losses = [filled for filled in tables["figure4.4"].places if filled.fit and _method(filled.place) in side]
    colours = _colours([*jpeg, *augmented, *side])
    for name, panel in {"figure4.1": jpeg, "figure4.2": augmented, "figure4.3": side, "figure4.4": losses}.items():
        _prepare(axes[name], TITLES[name], "" if panel else tables[name].table.command)
    if jpeg:
        _lines(axes["figure4.1"], jpeg, _qualities(tables["figure4.1"]), colours)
    if augmented:
        columns = list(dict.fromkeys(filled.place.column for filled in tables["figure4.2"].places))
        _bars(axes["figure4.2"], augmented, [PLAIN, *(name for name in columns if name != PLAIN)], colours)
    if side:
        rows = [filled.place.row for filled in tables["figure4.3"].places if filled.place.row in SIDE or filled.cells]
        rows = sorted(dict.fromkeys(rows), key=lambda row: (row != "true", not row.startswith("0.")))
        _bars(axes["figure4.3"], side, rows, colours)
    _losses(axes["figure4.4"], losses, colours)
    for name, panel in {"figure4.1": jpeg, "figure4.2": augmented, "figure4.3": side}.items():
        if panel:
            axes[name].axhline(_chance(tables), color=GREY, linestyle=":", linewidth=1)
    if records := drawn_from(tables):
        fig.suptitle(literal(_title(records[0])), fontsize=10)
    if colours:
        handles = [Patch(color=colour, label=name) for name, colour in colours.items()]
        fig.legend(handles=handles, loc="outside lower left", ncols=6, fontsize=8, frameon=False)
    return fig


def _title(record: Record) -> str:
    data = record.data
    return (
        f"{data.name}, {data.size} px, {ARCHITECTURE}, preset {record.preset}: clean test accuracy, %; dotted: chance "
        f"{100 * data.chance:.1f}%; means over seeds with 95% intervals"
    )


def _chance(tables: Mapping[str, FilledTable]) -> float:
    return 100 * drawn_from(tables)[0].data.chance


def _by_method(table: FilledTable, beside: str) -> dict[str, dict[str, FilledPlace]]:
    """Return the measured places by method and column, without methods that were measured only at ``beside``."""
    panel: dict[str, dict[str, FilledPlace]] = {}
    for filled in table.places:
        if filled.value is not None:
            panel.setdefault(filled.place.row, {})[filled.place.column] = filled
    return {method: columns for method, columns in panel.items() if set(columns) != {beside}}


def _by_side_information(table: FilledTable) -> dict[str, dict[str, FilledPlace]]:
    """Return the measured places by method and labels, for methods that were also measured with untrue labels."""
    panel: dict[str, dict[str, FilledPlace]] = {}
    for filled in table.places:
        if filled.value is not None:
            panel.setdefault(_method(filled.place), {})[filled.place.row] = filled
    return {method: labels for method, labels in panel.items() if set(labels) - {"true"}}


def _method(place: TablePlace) -> str:
    """Return the method of a place in panel 3 or 4, whose rows are kinds of labels."""
    return SIDES[place.setting]["true"]


def _colours(methods: Sequence[str]) -> dict[str, str]:
    """Return a colour for each method, grey for the reference."""
    names = sorted(set(methods), key=lambda name: (name != REFERENCE, name))
    others = [name for name in names if name != REFERENCE]
    colours = {name: COLOURS[number % len(COLOURS)] for number, name in enumerate(others)}
    return {name: colours.get(name, GREY) for name in names}


def _qualities(table: FilledTable) -> dict[str, str]:
    """Return the measured columns of panel 1 in the order of JPEG quality, each with its label on the axis."""
    columns = {filled.place.column for filled in table.places if filled.value is not None} - {PLAIN}
    numbers = {int(column.partition("=")[2]): column for column in columns}
    return {numbers[number]: str(number) for number in sorted(numbers)} | {PLAIN: PLAIN}


def _lines(axes: Axes, panel: Panel, columns: Mapping[str, str], colours: Mapping[str, str]) -> None:
    for method, places in panel.items():
        means = [_value(places[name]) if name in places else math.nan for name in columns]
        errors = [_errors(places[name]) if name in places else (0.0, 0.0) for name in columns]
        axes.errorbar(
            range(len(columns)), means, list(zip(*errors, strict=True)), marker="o", markersize=4, capsize=2,
            color=colours[method], elinewidth=0.8,
        )  # fmt: skip
    axes.set_xticks(range(len(columns)), list(columns.values()))
    axes.set_ylim(0, 100)


def _bars(axes: Axes, panel: Panel, positions: Sequence[str], colours: Mapping[str, str]) -> None:
    width = 0.8 / len(panel)
    for number, (method, places) in enumerate(panel.items()):
        for position, name in enumerate(positions):
            x = position - 0.4 + width * (number + 0.5)
            if name not in places:
                write_no_record(axes, x)
                continue
            axes.bar(
                x, _value(places[name]), 0.9 * width, yerr=[[error] for error in _errors(places[name])], capsize=2,
                color=colours[method], error_kw={"linewidth": 0.8},
            )  # fmt: skip
    axes.set_xticks(range(len(positions)), [_label(name) for name in positions])
    axes.set_xlim(-0.6, len(positions) - 0.4)
    axes.set_ylim(0, 100)


def _losses(axes: Axes, places: Sequence[FilledPlace], colours: Mapping[str, str]) -> None:
    styles = iter(STYLES)
    for filled in places:
        assert filled.fit
        losses, method = filled.fit.surrogate_losses, _method(filled.place)
        axes.semilogy(
            losses.keys(), losses.values(), linestyle=next(styles, STYLES[-1]), color=colours[method], linewidth=1.3,
            label=filled.place.label,
        )  # fmt: skip
    if places:
        axes.set_xlabel("epoch of the method")
        axes.legend(fontsize=7, frameon=False)


def _prepare(axes: Axes, title: str, remedy: str) -> None:
    """Write the title of a panel; if it has no records, also the command that computes them."""
    axes.set_title(title, fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    if remedy:
        axes.set_axis_off()
        axes.text(0.5, 0.5, f"no records\n{remedy}", ha="center", va="center", fontsize=9, transform=axes.transAxes)


def _label(name: str) -> str:
    """Return the label of a position on the x axis, with shares of true labels in percent."""
    return f"{float(name):.0%}" if name.startswith("0.") else name


def _value(filled: FilledPlace) -> float:
    assert filled.value is not None
    return filled.value


def _errors(filled: FilledPlace) -> tuple[float, float]:
    """Return the lengths of the interval below and above the value."""
    assert filled.interval is not None
    return error_lengths(_value(filled), filled.interval)
