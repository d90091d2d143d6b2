"""Made-up records for reports: ``BASE`` with other names and counts."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from uebench.hashing import digest, file_digest
from uebench.planning.parts import attacker_parts, method_part
from uebench.planning.streams import needs_own_streams
from uebench.plugins import presets
from uebench.plugins.registry import Registry
from uebench.plugins.spec import Spec, parse
from uebench.store.answers import encode
from uebench.store.record import ProtectionRecord, Record
from uebench.store.record_parts import DataRecord, Fit, TrainingRecord

PEOPLE = {
    "name": "people", "source": "folder", "options": {}, "size": 64, "num_classes": 10,
    "train_images": 1300, "test_images": 200,
}  # fmt: skip

BASE: dict[str, Any] = {
    "format": 1,
    "preset": "desk64",
    "protect_key": "0b" * 32,
    "data_key": "82" * 32,
    "data": PEOPLE,
    "method_seed": 0,
    "seed": 0,
    "side_information": None,
    "assets": [],
    "attacker_assets": [],
    "audit": {
        "norm": "linf", "eps": 8 / 255, "max_levels": 8, "l2_mean": 3.26, "l2_max": 3.35, "psnr_mean": 30.6,
        "changed": 1300, "separable": {"correct": 650, "n": 650},
    },
    "training": {
        "epochs": 2, "steps": 164, "stopped": "epochs", "chosen": None,
        "model": {
            "model": "resnet50", "stem": "imagenet", "parameters": 23528522, "input_size": 64, "upsampled_from": None,
            "normalisation": "mean 0.5, std 0.5",
        },
    },
    "scope": None,
    "timings": {
        "fit_seconds": 0.02, "protect_seconds": 2.4, "train_seconds": 82.0, "train_images_per_second": 31.7,
    },
    "provenance": {
        "versions": {"python": "3.11.7", "torch": "2.14.1", "uebench": "0.1.0"}, "device": "cpu", "threads": 1,
        "machine": "Linux x86_64, 2 cores", "commit": "fd23fb24892e", "finished": "2026-11-24T21:22:34+00:00",
        "sources": {"resnet50": "cf" * 32, "segue_restart": "d3" * 32},
    },
}  # fmt: skip
"""The fields of every made-up record, except those that follow from its plugins and counts."""


def made_up(
    method: str = "lsp",
    attacker: Sequence[tuple[str, Mapping[str, Any]]] = (("resnet18", {"epochs": 2}),),
    correct: int = 100,
    seed: int = 0,
    **changes: object,
) -> Record:
    """Return a valid record of 200 test photographs of 10 identities, of plugins that need not exist.

    Args:
        method: Its name.
        attacker: Name and options of the architecture and of each countermeasure.
        correct: How many of the 200 the attacker knows.
        seed: The attacker's.
        changes: Whole fields to replace.
    """
    words = [str(Spec(name, options)) for name, options in attacker]
    return _record(
        {
            "method": {"name": method, "version": 1, "config": {"eps": 8 / 255}},
            "attacker": [{"name": name, "version": 1, "config": dict(options)} for name, options in attacker],
            "written": {"method": method, "attacker": "+".join(words)},
            "counts": {"correct": correct, "n": 200},
            "seed": seed,
            **changes,
        }
    )


def several(
    method: str,
    attacker: Sequence[tuple[str, Mapping[str, Any]]] = (("resnet18", {"epochs": 2}),),
    correct: int = 100,
    runs: int = 3,
) -> list[Record]:
    """Return made-up records of several runs: with as many method seeds, or attacker seeds for the clean reference.

    Args:
        method: See ``made_up``.
        attacker: See ``made_up``.
        correct: How many of the 200 the attacker knows on average over three runs; one more or one less in some.
        runs: How many.
    """
    varied = "seed" if method == "clean" else "method_seed"
    changes: list[dict[str, Any]] = [{varied: seed, "correct": correct + seed - 1} for seed in range(runs)]
    return [made_up(method, attacker, **one) for one in changes]


def answered(method: str, right: Sequence[bool], **changes: Any) -> Record:  # noqa: ANN401
    """Return a made-up record, as ``made_up``, that says which of its 200 test photographs were recognised.

    Args:
        method: Its name.
        right: Which, 20 of each identity after the other.
        changes: Whole fields to replace.
    """
    truth = [number // 20 for number in range(200)]
    said = [one if known else (one + 1) % 10 for one, known in zip(truth, right, strict=True)]
    people = [{"correct": sum(right[first : first + 20]), "n": 20} for first in range(0, 200, 20)]
    return made_up(method, correct=sum(right), per_identity=people, answers=encode(said), **changes)


def as_asked(method: str, attacker: str, correct: int = 100, preset: str = "desk", **changes: object) -> Record:
    """Return a record of what the registry builds today for a method and an attacker, as places of tables ask for it.

    Args:
        method: ``name(option=value)``.
        attacker: ``name(option=value)+countermeasure``.
        correct: How many of 200 the attacker knows.
        preset: Where options come from that the texts leave out.
        changes: Whole fields to replace.
    """
    registry, size = Registry(), presets.get(preset).size
    part, side = method_part(registry, parse(method), preset)
    known = {"labels": None, "embedding": None, **side.published(), "purity": {"correct": 1, "n": 1}}
    return _record(
        {
            "method": part.published(),
            "attacker": [one.published() for one in attacker_parts(registry, attacker, preset)],
            "written": {"method": method, "attacker": attacker},
            "counts": {"correct": correct, "n": 200},
            "side_information": None if side.true else known,
            "assets": [{"file": file.name, "sha256": file_digest(file)} for file in part.plugin.assets(size)],
            "preset": preset,
            **changes,
        }
    )


def protection_of(cell: Record, fit: Fit | None) -> ProtectionRecord:
    """Return a record of the protected set of a cell.

    Args:
        cell: A record of an attack on it.
        fit: How its method was trained.
    """
    common = cell.model_dump(mode="json", include=set(ProtectionRecord.model_fields) - {"timings"})
    quality = {"psnr": 40.0, "ssim": 0.9, "lpips": None, "lpips_reason": "no", "trunk": None, "n": 9}
    timings = {"fit_seconds": 1.0, "protect_seconds": 1.0}
    return ProtectionRecord.model_validate(common | {"quality": quality, "timings": timings, "fit": fit})


def _record(changes: Mapping[str, object]) -> Record:
    record = copy.deepcopy(BASE) | dict(changes)
    first = record["attacker"][0]["name"]
    record["own_streams"] = needs_own_streams(record["method"], record["method_seed"], first, record["seed"])
    counts, people = record["counts"], DataRecord.model_validate(record["data"]).num_classes
    record |= {"per_identity": _people(people, **counts), "peak": {**counts, "epoch": 1}, **changes}
    data = DataRecord.model_validate(record["data"])
    record["data"] = {**data.model_dump(), "test_images": counts["n"]}
    record["audit"] = {**record["audit"], "changed": min(record["audit"]["changed"], data.train_images)}
    training = TrainingRecord.model_validate(record["training"])
    if "curve" in changes:
        best = max(record["curve"], key=lambda epoch: epoch["test_correct"])
        record["peak"] = {"correct": best["test_correct"], "n": counts["n"], "epoch": best["epoch"]}
    else:
        record["curve"] = _curve(training.epochs, counts["correct"], record["peak"])
    record["training"] = {**training.model_dump(), "epochs": len(record["curve"])}
    made = Record.model_validate(record | {"key": "0"})
    parts = {"data", "method", "side_information", "attacker", "written", "seed", "method_seed"}
    return made.model_copy(update={"key": digest(made.model_dump(mode="json", include=parts))})


def _curve(epochs: int, correct: int, peak: Mapping[str, int]) -> list[dict[str, float]]:
    """Return some epochs, and one more if the best would be the last and not as good as the result."""
    numbers = range(1, max(epochs, peak["epoch"] + (peak["correct"] != correct)) + 1)
    known = dict.fromkeys(numbers, correct) | {peak["epoch"]: peak["correct"]}
    return [{"epoch": e, "loss": 1 / e, "train_correct": 1200, "test_correct": known[e]} for e in numbers]


def _people(people: int, correct: int, n: int) -> list[dict[str, int]]:
    """Return equal shares of n photographs, of which the attacker knows the first ones."""
    ends = [person * n // people for person in range(people + 1)]
    return [{"correct": min(max(correct - a, 0), b - a), "n": b - a} for a, b in itertools.pairwise(ends)]
