"""What must be said beside numbers, by the preset and by the records that they come from."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from uebench.plugins.presets import PRESETS
from uebench.store.record import Record

SMALL = 112
"""At this size and below the Segue authors' ResNet-18 has the small stem."""

OTHER_BUDGETS = {
    "l2": "bounded in L2, not at each pixel; a pixel may change by more than with the others",
    "l0": "bounded in the number of changed pixels, which may change by as much as they can",
    "none": "bounded by nothing; the photographs may change more visibly than with the others",
}
"""What a reader must know of a budget that is no L-inf bound, where methods with different ones stand together."""


def caveats(records: Iterable[Record], preset: str = "") -> list[str]:
    """Return sentences for the foot of a table.

    Args:
        records: What is behind its numbers.
        preset: The preset that they were made with, for tables of protected sets, which no cell is behind.
    """
    known = list(records)
    presets = {record.preset for record in known} | {preset}
    return [*of_presets(presets), *_varied(known), *_budgets(known), *_enlarged(known), *_stems(known)]


def of_presets(names: Collection[str]) -> list[str]:
    """Return what must be said of every number that one of these presets gave."""
    return [one.caveat for name, one in PRESETS.items() if name in names and one.caveat]


def _varied(records: Iterable[Record]) -> list[str]:
    found = {record.data.name: record.data for record in records if record.data.images_of_each > 1}
    return [
        f"{name}: {data.test_images} test images are made of {data.test_images // data.images_of_each} photographs; "
        "intervals and tests count the photographs"
        for name, data in sorted(found.items())
    ]


def _budgets(records: Collection[Record]) -> list[str]:
    norms = {record.written["method"]: record.audit.norm for record in records}
    if len(set(norms.values())) < 2:
        return []
    named = {norm: ", ".join(sorted(name for name, its in norms.items() if its == norm)) for norm in OTHER_BUDGETS}
    return [f"{names}: {OTHER_BUDGETS[norm]}" for norm, names in named.items() if names]


def _enlarged(records: Iterable[Record]) -> list[str]:
    found: dict[tuple[int, int], set[str]] = {}
    for record in records:
        model = record.training.model
        if model.get("upsampled_from"):
            sizes = (model["upsampled_from"], model["input_size"])
            found.setdefault(sizes, set()).add(record.attacker[0].name)
    return [
        f"{', '.join(sorted(names))}: images enlarged from {before} to {after} px, which washes out part of a "
        "perturbation"
        for (before, after), names in sorted(found.items())
    ]


def _stems(records: Iterable[Record]) -> list[str]:
    found: dict[int, set[str]] = {}
    for record in records:
        attacker, model = record.attacker[0], record.training.model
        if "stem" in attacker.config and model.get("stem") == "imagenet" and model["input_size"] <= SMALL:
            found.setdefault(model["input_size"], set()).add(attacker.name)
    return [
        f"{', '.join(sorted(names))}: the ImageNet stem (7x7, stride 2, pooling) at {size} px saves time. Up to "
        f"{SMALL} px, the Segue authors' ResNet-18 has a 3x3 stem with stride 1 and no pooling (stem=small)"
        for size, names in sorted(found.items())
    ]
