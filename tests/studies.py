"""A study with made-up answers, for tests of its tables and figures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from tests.records import as_asked
from uebench.analysis.study import MeasuredPlace, measure
from uebench.planning.grid import Planner
from uebench.planning.study import StudySpec, plan_study
from uebench.planning.study_file import read_study
from uebench.plugins.registry import Registry
from uebench.store.answers import encode
from uebench.store.record import Record
from uebench.store.store import Store

STUDY = """
title = "Two protections & 100% _care_"
preset = "smoke"
seed = [0, 1, 2]
method_seed = [0, 1, 2]
baseline = "LSP"

[[data]]
name = "Made up"
set = "synthetic(identities=10, train=2, test=20)"

[[method]]
name = "LSP"
method = "lsp"
group = "structured"
[[method]]
name = "Noise_1 #2"
method = "random"
group = "random"
[[method]]
name = "Noise 2"
method = "random(noise=classwise)"
group = "random"

[[attacker]]
name = "ResNet-18"
attacker = "resnet18"
group = "plain"
[[attacker]]
name = "JPEG"
attacker = "resnet18+jpeg(quality=50)"
group = "with a countermeasure"
[[attacker]]
name = "Blur"
attacker = "resnet18+blur"
group = "with a countermeasure"
"""

SHARES = {"clean reference": 0.9, "LSP": 0.2, "Noise_1 #2": 0.8, "Noise 2": 0.22}
"""How well the attackers do against each method."""


def written(folder: Path, text: str = STUDY) -> Path:
    """Write a study and return its file."""
    file = folder / "mine.toml"
    file.write_text(text)
    return file


def measured(file: Path, store: Store, shares: Mapping[str, float] = SHARES) -> tuple[StudySpec, list[MeasuredPlace]]:
    """Return a study and its places, after records with these accuracies were written; the other methods are gaps."""
    spec, planner = read_study(file), Planner(Registry(), store)
    for place in plan_study(spec, planner).places:
        share = shares.get(place.method.name)
        if share is None:
            continue
        asked = as_asked(place.method.method, place.attacker.attacker, preset=spec.preset).model_dump()
        for cell in (one.spec for one in place.cells):
            seeds = {"seed": cell.seed, "method_seed": cell.protection.method_seed}
            right = np.random.default_rng(list(seeds.values())).random(200) < share
            about = {"data": cell.data.record, "data_key": cell.data.key, "protect_key": cell.protect_key}
            about["audit"] = asked["audit"] | {"changed": cell.data.record.train_images}
            record = asked | seeds | about | _counted(right.tolist()) | {"key": cell.key}
            store.cells.write(Record.model_validate(record))
    return spec, measure(plan_study(spec, planner), store)


def _counted(right: list[bool]) -> dict[str, object]:
    said = [(number // 20 + (not known)) % 10 for number, known in enumerate(right)]
    people = [{"correct": sum(right[first : first + 20]), "n": 20} for first in range(0, 200, 20)]
    counts = {"correct": sum(right), "n": 200}
    epochs = [{"epoch": epoch, "loss": 1.0, "train_correct": 0, "test_correct": sum(right)} for epoch in (1, 2)]
    known: dict[str, object] = {"counts": counts, "peak": {**counts, "epoch": 1}, "curve": epochs}
    return known | {"per_identity": people, "answers": encode(said)}
