"""The number of processes that should share a GPU."""

from __future__ import annotations

import os
import subprocess

GIB_PER_JOB = 6
"""GPU memory for one process. A ResNet-18 at 224 pixels and its CUDA context take 2.6 GiB; other networks take more."""
MOST = 8
"""The largest number of processes: more gain little on one GPU."""
PATIENCE = 20.0
"""Timeout for nvidia-smi in seconds; it may have to start the driver."""


def jobs_in(free: int | None, cores: int) -> int:
    """Return the default number of processes on one GPU.

    Args:
        free: Bytes of free GPU memory; None if unknown, for one process.
        cores: The number of CPU cores; each process needs one.
    """
    return 1 if free is None else max(1, min(MOST, cores, free // (GIB_PER_JOB << 30)))


def free_memory(device: str) -> int | None:
    """Return the bytes of free memory of a GPU, or None if they cannot be read.

    They are read from nvidia-smi, because a process that asks CUDA takes some hundred MB itself. Both number the GPUs
    in the same way if all GPUs are of one kind.

    Args:
        device: ``auto``, ``cuda`` or ``cuda:1``.
    """
    gpu = _gpu(int(device.partition(":")[2] or 0), os.environ.get("CUDA_VISIBLE_DEVICES"))
    if gpu is None:
        return None
    query = ["nvidia-smi", f"--id={gpu}", "--query-gpu=memory.free", "--format=csv,noheader,nounits"]
    try:
        answer = subprocess.run(query, capture_output=True, text=True, check=True, timeout=PATIENCE).stdout
        return int(answer) << 20
    except (OSError, subprocess.SubprocessError, ValueError):  # no such program, no such GPU, "[N/A]"
        return None


def _gpu(number: int, visible: str | None) -> str | None:
    """Return nvidia-smi's name of a CUDA device; None for a MIG part of a GPU, whose memory it does not report."""
    if visible is None:
        return str(number)
    names = [name.strip() for name in visible.split(",")]
    return names[number] if number < len(names) and not names[number].startswith("MIG-") else None
