"""How much memory a piece of work needs is measured where the system says so."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from uebench.evaluation import memory
from uebench.evaluation.memory import peak_memory

CPU = torch.device("cpu")
needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux says how much memory a process held")


def _peak(mib: int) -> float:
    with peak_memory(CPU) as peak:
        torch.ones(mib * 2**18)  # float32, freed at once
        found = peak()
    assert found is not None
    return found


@needs_linux
def test_memory_that_was_freed_meanwhile_counts() -> None:
    assert _peak(400) - _peak(0) == pytest.approx(400, abs=40)


@needs_linux
def test_what_earlier_work_needed_does_not_count() -> None:
    before = _peak(0)
    _peak(400)
    assert _peak(0) == pytest.approx(before, abs=40)


@needs_linux
def test_where_the_peak_cannot_be_forgotten_none_is_reported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(memory, "PROCESS", tmp_path / "none")
    with peak_memory(CPU) as peak:
        assert peak() is None


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_on_a_gpu_the_peak_is_that_of_tensors_there() -> None:
    device = torch.device("cuda")
    with peak_memory(device) as peak:
        before = peak() or 0.0
        torch.ones(64 * 2**18, device=device)
        assert (peak() or 0.0) - before == pytest.approx(64, abs=4)
