"""Checkpoints: how often, and which is found again."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from uebench.evaluation.context import RunContext
from uebench.store.store import Store


def test_checkpoints_take_a_fiftieth_of_the_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now, saved = 0.0, []

    class Slow(Store):
        def write_checkpoint(self, key: str, stage: str, content: bytes) -> None:
            nonlocal now
            now += 2  # seconds
            super().write_checkpoint(key, stage, content)

    monkeypatch.setattr("uebench.evaluation.context.time.perf_counter", lambda: now)
    ctx = RunContext(torch.device("cpu"), 0, store=Slow(tmp_path), key="k", stage="train")
    for epoch in range(1, 41):
        now += 10
        ctx.save({"weights": torch.zeros(1)}, epoch)
        found = ctx.restore()
        assert found is not None
        saved.append(found.step)
    assert sorted(set(saved)) == [1, 11, 21, 31]  # a hundred seconds after the end of the last one
