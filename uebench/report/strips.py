"""Image strips, clean / protected / residual, of faces that may be shown: the ORL set alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from uebench.data.dataset import Dataset, load
from uebench.errors import DataError, UsageError
from uebench.planning.grid import protections
from uebench.planning.parts import REFERENCE
from uebench.plugins.registry import Registry
from uebench.plugins.spec import Spec
from uebench.store.record import ProtectionRecord, Record
from uebench.store.store import DamagedError, Store

if TYPE_CHECKING:
    from matplotlib.figure import Figure

REDISTRIBUTABLE = "orl"
"""The one source whose photographs may be shown."""
CREDIT = "Photographs: AT&T Laboratories Cambridge (ORL)."
MAGNIFIED = 30
GREY = 128


@dataclass(frozen=True, slots=True)
class Strip:
    """The same faces three times, each (n, H, W, 3) uint8; the residual is magnified 30 times around mid-grey."""

    clean: NDArray[np.uint8]
    protected: NDArray[np.uint8]
    residual: NDArray[np.uint8]


def check(dataset: Dataset) -> None:
    """Refuse a set whose photographs may not be shown.

    Raises:
        UsageError: If it is not ORL.
    """
    if dataset.spec["source"] != REDISTRIBUTABLE:
        raise UsageError(f"data {dataset.name!r}: its photographs may not be shown; strips are made of orl alone")


def strip(dataset: Dataset, delta: NDArray[Any], faces: int) -> Strip:
    """Cut a strip: the first training photograph of each of the first identities.

    Args:
        dataset: The clean set.
        delta: (N, 3, H, W) protected minus clean, in grey levels.
        faces: How many identities.

    Raises:
        UsageError: If the photographs may not be shown.
    """
    check(dataset)
    rows = np.unique(dataset.train.labels, return_index=True)[1][:faces]
    clean, change = dataset.train.images[rows].astype(np.int32), delta[rows].astype(np.int32)
    parts = (clean, clean + change, np.clip(GREY + MAGNIFIED * change, 0, 255))
    return Strip(*(part.astype(np.uint8).transpose(0, 2, 3, 1) for part in parts))


def stored(store: Store, record: Record, faces: int = 6) -> Strip | str:
    """Return the strip of a record's protected set, or the reason why there is none."""
    if record.data.source != REDISTRIBUTABLE:
        return "The photographs of this set may not be shown."
    try:
        protected = store.read_protected(record.protect_key)
        if protected is None:
            return "The protected set is not in this results folder; uebench audit makes it."
        dataset = _faces(str(Spec(REDISTRIBUTABLE, record.data.options)), record.data.size)
    except (DamagedError, DataError) as error:
        return f"{error}."
    if dataset.key != record.data_key:
        return "The ORL photographs here are not those of the record."
    return strip(dataset, protected.delta, faces)


@cache
def _faces(text: str, size: int) -> Dataset:
    return load(text, size, Registry())


@dataclass(frozen=True, slots=True)
class Made:
    """What Figure 3 is drawn from.

    Attributes:
        strips: Each method as written, with its strip.
        records: Those of the protected sets.
        left_out: Why other sets could not be made, by title.
    """

    strips: Sequence[tuple[str, Strip]]
    records: Sequence[ProtectionRecord]
    left_out: Mapping[str, str]


def make(
    methods: Iterable[str], data: str, preset: str, method_seed: int, *, registry: Registry, store: Store,
    device: str = "auto", progress: Any = None,  # noqa: ANN401
) -> Made:  # fmt: skip
    """Cut the strips of Figure 3, and make the protected sets that are missing.

    Args:
        methods: ``name(option=value)``; all but the clean reference if empty.
        data: The set, as ``orl(option=value)``.
        preset: ``smoke``, ``desk`` or ``paper``.
        method_seed: Seed of the methods.
        registry: Where plugins are named.
        store: Where protected sets are looked for and kept.
        device: Where methods compute.
        progress: As the runner takes it.

    Raises:
        UsageError: If a name is wrong, or the photographs may not be shown.
    """
    from uebench.evaluation.runner import Runner

    wanted = list(methods) or [name for name in registry.names("method") if name != REFERENCE]
    planned = protections(wanted, [data], preset, method_seed, registry, store)
    check(planned[0].dataset)
    named, drawn, left_out = [], [], {}
    for one, protected in Runner(store, device, progress=progress).sets(planned):
        if isinstance(protected, str):
            left_out[one.title] = protected
            continue
        named.append((one.method.written, strip(one.dataset, protected.delta, faces=3)))
        if record := store.read_protection(one.protect_key):
            drawn.append(record)
    return Made(named, drawn, left_out)


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
        grid[0, column].set_title(name.replace("(", "\n(", 1), fontsize=9)
    drawn.supxlabel(f"Under each face: protected minus clean, {MAGNIFIED} times.\n{CREDIT}", fontsize=7)
    return drawn
