"""Image strips, clean / protected / residual, of faces that may be shown: the ORL set alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from uebench.data.dataset import Dataset, DatasetInfo, load
from uebench.errors import DataError, UsageError
from uebench.plugins.registry import Registry
from uebench.plugins.spec import Spec
from uebench.report.text import literal
from uebench.store.record import ProtectionRecord, Record
from uebench.store.store import DamagedError, Store

if TYPE_CHECKING:
    from matplotlib.figure import Figure

REDISTRIBUTABLE = ("orl", "orl_varied")
"""The sources whose photographs may be shown."""
CREDIT = "Photographs: AT&T Laboratories Cambridge (ORL)."
MAGNIFIED = 30
GREY = 128


@dataclass(frozen=True, slots=True)
class Strip:
    """The same faces three times, each (n, H, W, 3) uint8; the residual is magnified 30 times around mid-grey."""

    clean: NDArray[np.uint8]
    protected: NDArray[np.uint8]
    residual: NDArray[np.uint8]


def check(data: DatasetInfo) -> None:
    """Refuse a set whose photographs may not be shown.

    Raises:
        UsageError: If it is not made of ORL.
    """
    if data.record.source not in REDISTRIBUTABLE:
        shown = " and ".join(REDISTRIBUTABLE)
        raise UsageError(f"data {data.name!r}: its photographs may not be shown; only those of {shown} may")


def strip(dataset: Dataset, delta: NDArray[Any], faces: int) -> Strip:
    """Cut a strip: the first training photograph of each of the first identities.

    Args:
        dataset: The clean set.
        delta: (N, 3, H, W) protected minus clean, in grey levels.
        faces: How many identities.

    Raises:
        UsageError: If the photographs may not be shown.
    """
    check(dataset.info)
    rows = np.unique(dataset.train.labels, return_index=True)[1][:faces]
    clean, change = dataset.train.images[rows].astype(np.int32), delta[rows].astype(np.int32)
    parts = (clean, clean + change, np.clip(GREY + MAGNIFIED * change, 0, 255))
    return Strip(*(part.astype(np.uint8).transpose(0, 2, 3, 1) for part in parts))


def stored(store: Store, record: Record | ProtectionRecord, faces: int = 6) -> Strip | str:
    """Return the strip of a record's protected set, or the reason why there is none.

    Args:
        store: Where the protected set is looked for.
        record: Of a cell or of the set itself.
        faces: How many identities.
    """
    if record.data.source not in REDISTRIBUTABLE:
        return "The photographs of this set may not be shown."
    try:
        protected = store.read_protected(record.protect_key)
        if protected is None:
            return "The protected set is not in this results folder; uebench audit makes it."
        dataset = _faces(str(Spec(record.data.source, record.data.options)), record.data.size)
    except (DamagedError, DataError) as error:
        return f"{error}."
    if dataset.key != record.data_key:
        return "The ORL photographs here are not those of the record."
    return strip(dataset, protected.delta, faces)


@cache
def _faces(text: str, size: int) -> Dataset:
    return load(text, size, Registry())


def figure(named: Sequence[tuple[str, Strip]]) -> Figure:
    """Draw Figure 3: a column for each method after the clean photographs; under each face its residual.

    Args:
        named: Methods with their strips, all of the same faces; at least one.
    """
    from matplotlib.figure import Figure

    faces = len(named[0][1].clean)
    drawn = Figure(figsize=(1.35 * (1 + len(named)) + 0.3, 2.75 * faces + 0.5), layout="constrained")
    grid = drawn.subplots(2 * faces, 1 + len(named), squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for face in range(faces):
        grid[2 * face, 0].imshow(named[0][1].clean[face])
        for column, (_, one) in enumerate(named, start=1):
            grid[2 * face, column].imshow(one.protected[face])
            grid[2 * face + 1, column].imshow(one.residual[face])
    for column, name in enumerate(["clean", *(name for name, _ in named)]):
        grid[0, column].set_title(literal(name.replace("(", "\n(", 1)), fontsize=9)
    drawn.supxlabel(f"Under each face: protected minus clean, {MAGNIFIED} times.\n{CREDIT}", fontsize=7)
    return drawn
