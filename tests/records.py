"""Made-up records for reports: a published one with other names and counts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tests.conftest import ROOT
from uebench.hashing import digest
from uebench.plugins.spec import Spec
from uebench.store.record import Record

PUBLISHED = ROOT / "results" / "cells"


def made_up(
    method: str = "lsp",
    attacker: Sequence[tuple[str, Mapping[str, Any]]] = (("resnet18", {"epochs": 2}),),
    correct: int = 100,
    seed: int = 0,
    labels: str | float | None = None,
    **changes: object,
) -> dict[str, Any]:
    """Return a valid record of 200 test photographs of 10 identities; ``changes`` replace whole fields."""
    record = json.loads(min(PUBLISHED.glob("??/*.json")).read_text())
    del record["digest"]
    known = None if labels is None else {"labels": labels, "embedding": None, "purity": {"correct": 1, "n": 1}}
    words = [str(Spec(name, options)) for name, options in attacker]
    record |= {
        "method": {"name": method, "version": 1, "config": {"eps": 8 / 255}},
        "attacker": [{"name": name, "version": 1, "config": dict(options)} for name, options in attacker],
        "written": {"method": method if labels is None else f"{method}(labels={labels})", "attacker": "+".join(words)},
        "counts": {"correct": correct, "n": 200},
        "seed": seed,
        "side_information": known,
        "assets": [],
        "curve": [{"epoch": e, "loss": 1 / e, "train_correct": 9, "test_correct": correct} for e in (1, 2)],
        "data": {
            "name": "people", "source": "folder", "options": {}, "size": 64, "num_classes": 10,
            "train_images": 1300, "test_images": 200,
        },
        **changes,
    }  # fmt: skip
    record["key"] = digest([record["data"], record["method"], record["attacker"], record["written"], seed])
    return Record.model_validate(record).model_dump(mode="json")
