"""How many processes share a GPU, and how its free memory is asked for, without a GPU."""

from __future__ import annotations

from pathlib import Path

import pytest

from uebench.api.compute import Compute
from uebench.evaluation import gpu, hardware

GIB = 1 << 30


@pytest.mark.parametrize(
    ("free", "cores", "jobs"),
    [
        (None, 16, 1),  # it cannot be read
        (0, 16, 1),
        (4 * GIB, 16, 1),
        (12 * GIB - 1, 16, 1),
        (12 * GIB, 16, 2),
        (24 * GIB, 16, 4),
        (80 * GIB, 16, 8),
        (80 * GIB, 2, 2),
        (140 * GIB, 64, 8),
    ],
)
def test_each_process_has_six_gib_and_a_core_and_there_are_at_most_eight(
    free: int | None, cores: int, jobs: int
) -> None:
    assert gpu.jobs_in(free, cores) == jobs


@pytest.fixture
def smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An nvidia-smi of one GPU, and a second one whose memory is not available; it runs where GPUs are."""
    program = tmp_path / "nvidia-smi"
    program.write_text(
        '#!/bin/sh\necho "$@" >> "$0.asked"\ncase "$1" in\n'
        "--id=0 | --id=GPU-8932) echo 81079 ;;\n--id=1) echo '[N/A]' ;;\n*) echo No device; exit 6 ;;\nesac\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(hardware, "_has_cuda", lambda: True)
    return program


@pytest.mark.parametrize(
    ("device", "visible", "mib"),
    [
        ("auto", None, 81079),
        ("cuda", None, 81079),
        ("cuda:1", None, None),
        ("cuda:2", None, None),
        ("cuda:1", "1, 0", 81079),
        ("cuda:1", "0", None),
        ("cuda", "GPU-8932", 81079),
        ("cuda", "MIG-8932", None),
    ],
)
def test_nvidia_smi_is_asked_about_the_gpu_that_cuda_would_take(
    device: str, visible: str | None, mib: int | None, smi: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert gpu.free_memory(device) == (None if mib is None else mib << 20)


def test_without_nvidia_smi_nothing_is_known(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert gpu.free_memory("cuda") is None


def test_a_run_asks_once_and_only_where_it_must_choose(smi: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware, "available_cores", lambda: 16)
    monkeypatch.setattr(hardware, "usable_memory", lambda: 128 * GIB)
    for how in (Compute("cuda", jobs=3), Compute("cpu")):
        assert how.jobs_for(50) == (how.jobs or 16)
    asked = smi.with_name("nvidia-smi.asked")
    assert not asked.exists()
    how = Compute("cuda")
    assert [how.jobs_for(cells) for cells in (1, 3, 50)] == [1, 3, 8]
    assert how.threads_for(50) == 2
    assert asked.read_text().splitlines() == ["--id=0 --query-gpu=memory.free --format=csv,noheader,nounits"]


def test_the_memory_of_the_machine_limits_the_processes_on_a_gpu_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware, "on_cpu", lambda _: False)
    monkeypatch.setattr(hardware, "available_cores", lambda: 16)
    monkeypatch.setattr(hardware, "usable_memory", lambda: 16 * GIB)
    assert hardware.suitable_jobs(50, "cuda", 80 * GIB) == 4
