"""The facts of a protected set: what its record holds, and what a cell's record takes over from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from uebench.evaluation import referee
from uebench.metrics import Lpips, quality
from uebench.planning.cell import Protection
from uebench.progress import Progress
from uebench.store.record import FORMAT, ProtectionRecord
from uebench.store.store import Protected


def shared(one: Protection, protected: Protected) -> dict[str, Any]:
    """Return what the records of a protected set and of the cells that attack it have in common."""
    dataset = one.dataset
    return {
        "format": FORMAT,
        "protect_key": one.protect_key,
        "data_key": dataset.key,
        "preset": one.preset,
        "data": {
            "name": dataset.name,
            **dataset.spec,
            "num_classes": dataset.num_classes,
            "train_images": len(dataset.train.labels),
            "test_images": len(dataset.test.labels),
        },
        "method": one.method.published(),
        "assets": [{"file": name, "sha256": digest} for name, digest in one.assets],
        "method_seed": one.method_seed,
        "written": {"method": one.method.written},
        "side_information": protected.meta.get("side_information"),
        "audit": protected.meta["audit"],
        "timings": {name: protected.meta[name] for name in ("fit_seconds", "protect_seconds")},
    }


def complete(known: Mapping[str, Any], lpips: Lpips | None) -> bool:
    """Say whether nothing is left to measure."""
    return lpips is None or known["quality"]["trunk"] == lpips.sha256


def gather(
    one: Protection, protected: Protected, known: Mapping[str, Any] | None, lpips: Lpips | None, progress: Progress
) -> dict[str, Any]:
    """Measure a protected set.

    Args:
        one: What was protected, and how.
        protected: The set.
        known: Earlier facts of this key; if they are of the same set, only their quality changes.
        lpips: The network to measure LPIPS with, if any.
        progress: Where the progress goes.

    Returns:
        The record, as the store takes it.
    """
    clean = one.dataset.train.images
    record = {
        **shared(one, protected),
        "quality": quality(clean, referee.apply(one.dataset, protected.delta).images, lpips, progress),
        "provenance": protected.meta.get("provenance"),
    }
    fresh = ProtectionRecord.model_validate(record).model_dump(mode="json")
    return {**known, "quality": fresh["quality"]} if known and known["audit"] == fresh["audit"] else fresh
