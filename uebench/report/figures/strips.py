"""Image strips (clean, protected, residual) of faces whose source says that they may be shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from uebench.data.dataset import Dataset, DatasetInfo, load
from uebench.errors import DataError, StoreError, UsageError
from uebench.plugins.registry import Registry
from uebench.plugins.spec import Spec
from uebench.report.text import literal
from uebench.store.record import ProtectionRecord, Record
from uebench.store.record_parts import Audit
from uebench.store.store import Store

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAGNIFIED = 30
GREY = 128
SIDE, BETWEEN, NAMES, FOOT = 1.28, 0.04, 1.3, 0.4
"""Sizes in inches: a photograph (at 150 dpi a multiple of 64 and of 96 pixels), the gap between two, the names on the
left, and the text below."""


@dataclass(frozen=True, slots=True)
class Strip:
    """The same faces three times, each (n, H, W, 3) uint8. The residual is magnified around mid-grey.

    ``credit`` is the line to show below them.
    """

    clean: NDArray[np.uint8]
    protected: NDArray[np.uint8]
    residual: NDArray[np.uint8]
    credit: str


def credit(source: str, registry: Registry) -> str:
    """Return the line to show below photographs of a source; empty if they may not be shown."""
    return registry.entry("source", source).info.credit if ("source", source) in registry else ""


def check(data: DatasetInfo, registry: Registry) -> None:
    """Check that the photographs of a data set may be shown.

    Raises:
        UsageError: If they may not.
    """
    if not credit(data.record.source, registry):
        allowed = " or ".join(name for name in registry.names("source") if credit(name, registry))
        raise UsageError(f"data {data.name!r}: its photographs may not be shown; use {allowed}")


def strip(dataset: Dataset, delta: NDArray[Any], faces: int, registry: Registry) -> Strip:
    """Return the strip of a set: the first training photograph of each of the first identities.

    Args:
        dataset: The clean set.
        delta: (N, 3, H, W) protected minus clean, in grey levels.
        faces: The number of identities.
        registry: The registry that knows the source.

    Raises:
        UsageError: If the photographs may not be shown.
    """
    check(dataset.info, registry)
    rows = np.unique(dataset.train.labels, return_index=True)[1][:faces]
    clean, change = dataset.train.images[rows].astype(np.int32), delta[rows].astype(np.int32)
    parts = (clean, clean + change, np.clip(GREY + MAGNIFIED * change, 0, 255))
    images, protected, residual = (part.astype(np.uint8).transpose(0, 2, 3, 1) for part in parts)
    return Strip(images, protected, residual, credit(dataset.info.record.source, registry))


def stored(store: Store, record: Record | ProtectionRecord, registry: Registry, faces: int = 6) -> Strip | str:
    """Return the strip of a record's protected set, or the reason why there is none.

    Args:
        store: The store with the protected set.
        record: The record of a cell or of the set itself.
        registry: The registry that knows the source.
        faces: The number of identities.
    """
    if not credit(record.data.source, registry):
        return "The photographs of this set may not be shown."
    try:
        protected = store.sets.read(record.protect_key)
        if protected is None:
            return "The protected set is not in this results folder; uebench audit makes it."
        dataset = _faces(str(Spec(record.data.source, record.data.options)), record.data.size, registry)
    except (StoreError, DataError) as error:
        return f"{error}."
    if dataset.key != record.data_key:
        return "The photographs here are not those of the record."
    return strip(dataset, protected.delta, faces, registry)


@cache
def _faces(text: str, size: int, registry: Registry) -> Dataset:
    return load(text, size, registry)


def figure(methods: Sequence[tuple[str, Audit, Strip]]) -> Figure:
    """Draw Figure 3: the clean photographs, and below them a row for each method, with a residual beside each face.

    Args:
        methods: The name, the audit and the strip of each method, all of the same faces; at least one.
    """
    from matplotlib.figure import Figure

    clean, below = methods[0][2].clean, methods[0][2].credit
    rows, columns = 1 + len(methods), 2 * len(clean)
    width, height = NAMES + columns * (SIDE + BETWEEN), FOOT + rows * (SIDE + BETWEEN)
    fig = Figure(figsize=(width, height))
    space = {
        "wspace": BETWEEN / SIDE,
        "hspace": BETWEEN / SIDE,
        "right": 1 - BETWEEN / width,
        "top": 1 - BETWEEN / height,
    }
    grid = fig.subplots(
        rows, columns, squeeze=False, gridspec_kw={"left": NAMES / width, "bottom": FOOT / height, **space}
    )
    for axes in grid.flat:
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set_visible(False)
    for face, photograph in enumerate(clean):
        grid[0, 2 * face].imshow(photograph, interpolation="nearest")
        for row, (_, _, faces) in enumerate(methods, start=1):
            grid[row, 2 * face].imshow(faces.protected[face], interpolation="nearest")
            grid[row, 2 * face + 1].imshow(faces.residual[face], interpolation="nearest")
    for row, text in enumerate(["clean", *(_label(name, audit) for name, audit, _ in methods)]):
        grid[row, 0].set_ylabel(text, rotation=0, ha="right", va="center", fontsize=8)
    fig.text(
        0.5,
        0.05 / height,
        f"Beside each face: protected minus clean, {MAGNIFIED} times.\n{below}",
        ha="center",
        fontsize=8,
    )
    return fig


def _label(name: str, audit: Audit) -> str:
    """Return the label of a row: the method's name, its budget and its PSNR."""
    psnr = "" if audit.psnr_mean is None else f"\nPSNR {audit.psnr_mean:.1f} dB"
    return literal(f"{name.replace('(', chr(10) + '(', 1)}\nbudget {audit.budget}{psnr}")
