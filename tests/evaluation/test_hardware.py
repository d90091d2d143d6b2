"""What is known of the processor, and what is not."""

from __future__ import annotations

import os
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from uebench.errors import UsageError
from uebench.evaluation import hardware

X86, ARM = "flags : fpu sse2 avx512f", "Features : fp asimd"


@pytest.mark.parametrize(
    ("cpuinfo", "is_fast"),
    [(X86, False), (f"{X86} avx512_bf16", True), (f"{X86} amx_bf16", True), (ARM, False), (f"{ARM} bf16", True)],
)
def test_linux_says_whether_the_processor_computes_in_bfloat16(
    cpuinfo: str, is_fast: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hardware, "_cpu_words", lambda: frozenset(cpuinfo.split()))
    assert hardware.has_bfloat16("cpu") == is_fast
    assert hardware.has_bfloat16("cuda:0")


def test_a_processor_that_nothing_describes_counts_as_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware, "_cpu_words", frozenset)
    assert hardware.has_bfloat16("cpu")


def test_the_question_is_answered_on_this_machine() -> None:
    assert hardware.has_bfloat16("cpu") in (True, False)


def test_a_run_is_bound_to_the_last_of_its_cores_and_stands_back(monkeypatch: pytest.MonkeyPatch) -> None:
    bound: list[list[int]] = []
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {7, 2, 3, 4}, raising=False)
    monkeypatch.setattr(os, "sched_setaffinity", lambda _, cores: bound.append(cores), raising=False)
    nice: list[int] = []
    monkeypatch.setattr(os, "nice", nice.append)
    hardware.bind(2)
    assert (bound, nice) == ([[4, 7]], [10])
    with pytest.raises(UsageError, match="cores 5: only 4 can be used here; ask for fewer"):
        hardware.bind(5)
    monkeypatch.delattr(os, "sched_setaffinity")
    with pytest.raises(UsageError, match="cores 2: this system binds no process to cores"):
        hardware.bind(2)
    assert len(bound) == len(nice) == 1


@pytest.fixture
def untold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Linux whose devices and drivers lie in a folder, and on which torch, built for CUDA, is not imported yet."""
    monkeypatch.delitem(sys.modules, "torch")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(hardware, "version", lambda _: "2.14.1")
    monkeypatch.setattr(hardware, "DEV", tmp_path)
    monkeypatch.setattr(hardware, "WSL", tmp_path / "wsl")
    return tmp_path


def has_cuda() -> bool:
    """Return the answer, which must not have taken an import of torch."""
    answers = {hardware.on_cpu("auto")}
    try:
        hardware.check_device("cuda")
        answers.add(False)
    except UsageError:
        answers.add(True)
    assert "torch" not in sys.modules
    (on_cpu,) = answers
    return not on_cpu


def test_a_device_of_nvidias_is_found(untold: Path) -> None:
    (untold / "nvidiactl").touch()
    assert not has_cuda()
    (untold / "nvidia0").touch()
    assert has_cuda()


@pytest.mark.parametrize(
    ("visible", "found"),
    [
        ("", False), (" ", False), ("-1", False), ("-1,0", False), ("NoDevFiles", False), ("0", True), (" 1,-1", True),
        ("GPU-8932f937", True), ("MIG-GPU-8932f937/1/2", True),
    ],
)  # fmt: skip
def test_devices_that_are_hidden_are_not_there(
    untold: Path, visible: str, found: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    (untold / "nvidia0").touch()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert has_cuda() == found


def test_a_torch_built_for_cpus_has_no_devices(untold: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (untold / "nvidia0").touch()
    monkeypatch.setattr(hardware, "version", lambda _: "2.14.1+cpu")
    assert not has_cuda()

    def unknown(_: str) -> str:
        raise PackageNotFoundError

    monkeypatch.setattr(hardware, "version", unknown)
    assert has_cuda()


@pytest.mark.parametrize("driver", ["lib/libcuda.so.1", "drivers/nv_dispi.inf_amd64/libcuda.so.1.1"])
def test_wsl_2_has_cuda_if_it_has_its_driver(untold: Path, driver: str) -> None:
    (untold / "dxg").touch()
    (untold / "wsl" / "lib").mkdir(parents=True)
    (untold / "wsl" / "lib" / "libd3d12.so").touch()
    assert not has_cuda()  # another maker's GPU
    file = untold / "wsl" / driver
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()
    assert has_cuda()
