"""Assembles the records of protected sets and of cells from the measurements."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from pydantic import ValidationError

from uebench.data.dataset import Dataset
from uebench.errors import CellError
from uebench.evaluation import referee
from uebench.evaluation.attack import Attack
from uebench.evaluation.provenance import provenance
from uebench.metrics import Lpips, quality
from uebench.planning.cell import CellSpec, ProtectionSpec
from uebench.plugins.base import Trained
from uebench.plugins.part import source_digests
from uebench.progress import Progress
from uebench.store.record import FORMAT, ProtectionRecord, Record
from uebench.store.record_parts import Epoch, ProtectionTimings, Timings, TrainingRecord
from uebench.store.seal import complaint
from uebench.store.store import ProtectedSet


def is_complete(record: ProtectionRecord, lpips: Lpips | None) -> bool:
    """Return whether the record of a protected set has LPIPS from this network, or none is to be measured."""
    return lpips is None or record.quality.trunk == lpips.sha256


def protection_record(
    spec: ProtectionSpec,
    dataset: Dataset,
    protected: ProtectedSet,
    known: ProtectionRecord | None,
    lpips: Lpips | None,
    progress: Progress,
) -> ProtectionRecord:
    """Measure the image quality of a protected set, and return its record.

    Args:
        spec: The specification of the protected set.
        dataset: The clean photographs.
        protected: The set.
        known: An earlier record of this set, of which only the quality is replaced.
        lpips: The network to measure LPIPS with, if any.
        progress: Called with (done, total, what).
    """
    images = referee.apply(dataset, protected.delta).images
    measured = quality(dataset.train.images, images, lpips, progress)
    if known:
        return known.model_copy(update={"quality": measured})
    meta = protected.meta
    return ProtectionRecord.model_validate(
        _shared(spec, protected)
        | {
            "quality": measured,
            "timings": ProtectionTimings(fit_seconds=meta.fit_seconds, protect_seconds=meta.protect_seconds),
            "provenance": meta.provenance,
            "fit": meta.fit,
            "peak_memory_mib": meta.peak_memory_mib,
        }
    )


def cell_record(cell: CellSpec, protected: ProtectedSet, attack: Attack, device: torch.device) -> Record:
    """Return the record of a finished cell.

    Raises:
        CellError: If the attacker's curve has no epoch.
    """
    trained, counts = attack.trained, attack.counts
    best = max(trained.curve, key=lambda epoch: epoch["test_correct"])
    shared, meta = _shared(cell.protection, protected), protected.meta
    sources = source_digests(cell.parts())
    if meta.provenance:  # the source of the method that made the set, which may have changed since
        sources |= meta.provenance.sources
    return Record.model_validate(
        shared
        | {
            "key": cell.key,
            "attacker": [part.published() for part in cell.chain],
            "attacker_assets": _assets(cell.attacker_assets),
            "seed": cell.seed,
            "own_streams": cell.own_streams,
            "written": {**shared["written"], "attacker": cell.attacker_text},
            "counts": counts,
            "peak": {
                "correct": best["test_correct"],
                "n": counts.n,
                "epoch": best["epoch"],
                "answers": best.get("test_answers"),
            },
            "per_identity": attack.per_identity,
            "answers": attack.answers,
            "curve": epochs(trained),
            "training": TrainingRecord(
                epochs=len(trained.curve),
                steps=trained.steps,
                stopped=trained.stopped,
                model=dict(trained.details),
                chosen=trained.chosen,
            ),
            "scope": attack.scope,
            "robust": attack.robust,
            "timings": Timings(
                fit_seconds=meta.fit_seconds,
                protect_seconds=meta.protect_seconds,
                train_seconds=trained.seconds,
                train_images_per_second=trained.images / max(trained.seconds, 1e-9),
            ),
            "provenance": provenance(sources, device),
        }
    )


def epochs(trained: Trained) -> list[Epoch]:
    """Return the curve for the record, without the answers of each epoch, which would be most of the file."""
    counts = ({name: value for name, value in epoch.items() if name != "test_answers"} for epoch in trained.curve)
    try:
        return [Epoch.model_validate(epoch) for epoch in counts]
    except ValidationError as error:
        raise CellError(
            f"an epoch of the attacker's curve cannot be recorded ({complaint(error)}); see Trained"
        ) from None


def _shared(spec: ProtectionSpec, protected: ProtectedSet) -> dict[str, Any]:
    """Return the fields that the record of a protected set shares with those of the cells that attack it."""
    data = spec.data
    return {
        "format": FORMAT,
        "protect_key": spec.key,
        "data_key": data.key,
        "preset": spec.preset,
        "data": data.record,
        "method": spec.method.published(),
        "assets": _assets(spec.assets),
        "method_seed": spec.method_seed,
        "written": {"method": spec.method.written},
        "side_information": protected.meta.side_information,
        "audit": protected.meta.audit,
        "protected_digest": protected.digest,
    }


def _assets(files: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"file": name, "sha256": digest} for name, digest in files]
