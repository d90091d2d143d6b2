"""Records as pandas frames and as a LaTeX table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal

from uebench.analysis.labels import Labels
from uebench.analysis.runs import interval_of, least_recognised, most_recognised
from uebench.planning.parts import REFERENCE
from uebench.store.record import Record

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = {
    "data": "name of the data set",
    "data_key": "key of the data set: two sets of one name differ in it",
    "size": "side of its images in pixels",
    "preset": "the preset of the run",
    "method": "name of the method",
    "method_label": "the method with its options as written, but for keys, which are abbreviated; a number tells "
    "apart two that were written alike",
    "labels": "the labels that the method saw: true, kmeans, or the share of true ones",
    "attacker": "name of the architecture",
    "attacker_label": "the attacker with its options and countermeasures as written, numbered likewise",
    "countermeasures": "names of the countermeasures, joined by +",
    "seed": "seed of the attacker",
    "method_seed": "seed of the method",
    "correct": "correct answers on the clean test images",
    "n": "number of clean test images",
    "accuracy": "correct / n",
    "low": "lower end of the 95% interval of the accuracy: Wilson's, with an effective number of photographs",
    "high": "upper end of this interval",
    "chance": "accuracy of guessing",
    "peak": "accuracy of the best epoch: an oracle that no attacker has",
    "peak_epoch": "the best epoch",
    "most_recognised": "accuracy on the identity that is recognised most: the one that is protected worst",
    "most_recognised_identity": "number of this identity, from 0",
    "least_recognised": "accuracy on the identity that is recognised least",
    "least_recognised_identity": "number of this identity, from 0",
    "robust": "accuracy under attack within the radius of adversarial training; missing where there is none",
    "epochs": "epochs of the attacker's training",
    "max_levels": "largest change of a pixel in grey levels",
    "psnr": "mean PSNR of the changed images in dB; missing where nothing changed",
    "fit_seconds": "seconds to train or load the method",
    "protect_seconds": "seconds to protect the training photographs",
    "train_seconds": "seconds to train the attacker",
    "key": "key of the cell",
    "protect_key": "key of the protected set",
}
"""The columns of ``frame`` and what they hold; accuracies lie in [0, 1]."""
BOLD = "Bold: the lowest mean of its column"


def frame(records: Iterable[Record]) -> pd.DataFrame:
    """Return one row per record with the columns of ``COLUMNS``, in the order of the records."""
    import pandas as pd

    records = list(records)
    labels = Labels(records)
    return pd.DataFrame([_row(record, labels) for record in records], columns=list(COLUMNS))


def matrix(cells: Iterable[Record] | pd.DataFrame) -> pd.DataFrame:
    """Return the mean accuracies over seeds in percent: methods down, attackers across, in the order of the cells.

    Every method seed counts the same. Cells share an entry if their methods and attackers are the same, however they
    were written, and were measured on the same data set under the same preset. A pair that was not measured is missing
    (NaN). With several data sets or presets, a row's name ends with what tells its own apart.

    Args:
        cells: Records, or a ``frame`` of them.
    """
    return _pivot(cells, "mean") * 100


def seeds(cells: Iterable[Record] | pd.DataFrame) -> pd.DataFrame:
    """Return the number of cells behind each mean of ``matrix``, 0 where there is none."""
    return _pivot(cells, "size").fillna(0).astype(int)


def latex(records: Iterable[Record], caption: str = "", label: str = "") -> str:
    r"""Return the matrix as LaTeX, in percent, the lowest mean of each column in bold; it needs booktabs.

    Args:
        records: The records to show.
        caption: Title as LaTeX; with it, or with a label, the tabular stands in a table environment. What is bold is
            added to it.
        label: For ``\ref``.
    """
    known = frame(records)
    shown = matrix(known).rename_axis(index=None, columns="method")
    protected = [name for name in shown.index if name not in set(known["method_label"][known["method"] == REFERENCE])]
    style = shown.style.format("{:.1f}", na_rep="--").format_index(escape="latex", axis=0)
    style = style.format_index(escape="latex", axis=1)
    compared = [name for name, count in shown.loc[protected].count().items() if count > 1]
    if compared and len(known[["data_key", "preset"]].drop_duplicates()) == 1:
        style = style.highlight_min(subset=(protected, compared), props="textbf:--rwrap;")
        if caption or label:
            caption = f"{caption.rstrip('.')}. {BOLD}" if caption else BOLD
    return str(
        style.to_latex(
            hrules=True, column_format="l" + "r" * shown.shape[1], caption=caption or None, label=label or None,
            position_float="centering" if caption or label else None,
        )
    )  # fmt: skip


def _row(record: Record, labels: Labels) -> dict[str, Any]:
    counts, audit, timings = record.counts, record.audit, record.timings
    low, high = interval_of(record)
    most, least = most_recognised([record]), least_recognised([record])
    return {
        "data": record.data.name, "data_key": record.data_key, "size": record.data.size, "preset": record.preset,
        "method": record.method.name, "method_label": labels.method(record),
        "labels": record.side_information.labels if record.side_information else "true",
        "attacker": record.attacker[0].name, "attacker_label": labels.attacker(record),
        "countermeasures": "+".join(part.name for part in record.attacker[1:]),
        "seed": record.seed, "method_seed": record.method_seed,
        "correct": counts.correct, "n": counts.n, "accuracy": counts.share, "low": low, "high": high,
        "chance": record.data.chance, "peak": record.peak.share, "peak_epoch": record.peak.epoch,
        "most_recognised": most.share, "most_recognised_identity": most.number,
        "least_recognised": least.share, "least_recognised_identity": least.number,
        "robust": record.robust.counts.share if record.robust and record.robust.counts else None,
        "epochs": record.training.epochs, "max_levels": audit.max_levels, "psnr": audit.psnr_mean,
        "fit_seconds": timings.fit_seconds, "protect_seconds": timings.protect_seconds,
        "train_seconds": timings.train_seconds, "key": record.key, "protect_key": record.protect_key,
    }  # fmt: skip


def _pivot(cells: Iterable[Record] | pd.DataFrame, how: Literal["mean", "size"]) -> pd.DataFrame:
    """Return mean accuracies, or numbers of cells, by method and attacker in the order of the cells."""
    import pandas as pd

    known = cells if isinstance(cells, pd.DataFrame) else frame(cells)
    method, attacker = known["method_label"], known["attacker_label"].rename("attacker")
    if parts := _different(known):
        method = method + " (" + pd.concat(parts, axis=1).agg(", ".join, axis=1) + ")"
    method = method.rename("method")
    runs = known["accuracy"].groupby([method, attacker, known["method_seed"]], sort=False)
    both = (runs.mean() if how == "mean" else runs.size()).groupby(level=["method", "attacker"], sort=False)
    table = (both.mean() if how == "mean" else both.sum()).unstack("attacker")
    return table.reindex(index=method.unique(), columns=attacker.unique()).rename_axis(
        index="method", columns="attacker"
    )


def _different(known: pd.DataFrame) -> list[pd.Series]:
    """Return for each cell the names of its set and preset, as far as cells differ in them."""
    parts = []
    if known["data"].nunique() > 1:
        parts.append(known["data"])
    if known.drop_duplicates("data_key")["data"].duplicated().any():
        parts.append(known["data_key"].str[:8])
    if known["preset"].nunique() > 1:
        parts.append(known["preset"])
    return parts
