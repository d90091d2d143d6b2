"""Measurement of peak memory."""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import torch

PROCESS = Path("/proc/self")
RESET = "5"
"""The value for Linux's ``clear_refs`` that resets a process's peak memory."""


@contextmanager
def peak_memory(device: torch.device) -> Iterator[Callable[[], float | None]]:
    """Measure peak memory while a block runs.

    On CUDA, this is the peak memory of tensors on the device. On a CPU, it is the peak resident memory of this process,
    including Python, PyTorch and what earlier work left loaded; memory that it left unused is freed first.

    Args:
        device: The device that computes.

    Yields:
        A function that returns the peak so far in MiB, or None if it cannot be measured. On a CPU, this needs Linux.
    """
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        yield lambda: torch.cuda.max_memory_allocated(device) / 2**20
        return
    yield _peak_resident if _reset_peak() else lambda: None


def _reset_peak() -> bool:
    """Reset the peak memory of this process to its present memory; return whether this was possible."""
    if sys.platform != "linux":
        return False
    gc.collect()
    with suppress(OSError, AttributeError):  # only glibc has it
        ctypes.CDLL(None).malloc_trim(0)
    try:
        (PROCESS / "clear_refs").write_text(RESET)
    except OSError:
        return False
    return True


def _peak_resident() -> float | None:
    try:
        status = (PROCESS / "status").read_text().splitlines()
    except OSError:
        return None
    peaks = (line.split() for line in status if line.startswith("VmHWM:"))
    return next((int(size) / 2**10 for _, size, _ in peaks), None)
