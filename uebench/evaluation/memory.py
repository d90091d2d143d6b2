"""How much memory a piece of work needs."""

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
"""What Linux takes, in ``clear_refs``, to forget the largest size that a process ever had."""


@contextmanager
def peak_memory(device: torch.device) -> Iterator[Callable[[], float | None]]:
    """Watch memory while a block runs.

    On CUDA this is the most that tensors held on the device. On a CPU it is the most that this process held in main
    memory, Python and PyTorch included; what earlier work left unused is given back first.

    Yields:
        A function that returns the peak so far in MiB; None where the system does not say: on a CPU, only Linux does.
    """
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        yield lambda: torch.cuda.max_memory_allocated(device) / 2**20
        return
    yield _resident if _forget() else lambda: None


def _forget() -> bool:
    """Let the peak of this process be what it holds now; return whether the system can do that."""
    if sys.platform != "linux":
        return False
    gc.collect()
    with suppress(OSError, AttributeError):  # another C library keeps what is free in its own way
        ctypes.CDLL(None).malloc_trim(0)
    try:
        (PROCESS / "clear_refs").write_text(RESET)
    except OSError:
        return False
    return True


def _resident() -> float | None:
    try:
        status = (PROCESS / "status").read_text().splitlines()
    except OSError:
        return None
    peaks = (line.split() for line in status if line.startswith("VmHWM:"))
    return next((int(size) / 2**10 for _, size, _ in peaks), None)
