"""What the runner asks of the functions that it calls."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

import pytest
import torch

import uebench
from tests.conftest import QUICK
from uebench.evaluation import runner
from uebench.evaluation.isolation import process_restored


def test_the_generators_of_the_device_are_restored_after_both_tasks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[torch.device] = []

    def restored(device: torch.device) -> AbstractContextManager[None]:
        asked.append(device)
        return process_restored(device)

    monkeypatch.setattr(runner, "process_restored", restored)
    data, results = "synthetic(identities=2, train=2, test=1)", tmp_path / "results"
    result = uebench.run("random", QUICK, data=data, preset="smoke", device="cpu", executor="serial", results=results)
    assert [cell.status for cell in result.cells] == ["computed"]
    assert asked == [torch.device("cpu")] * 2
