"""How many trainings a GPU has room for."""

from __future__ import annotations

import os
import subprocess

GIB_PER_JOB = 6
"""What a training of ResNet-18 at 224 pixels takes with its CUDA context is 2.6 GiB; other networks take more."""
MOST = 8
"""More processes than this gain little on one GPU."""
PATIENCE = 20.0
"""Seconds for nvidia-smi, which may have to start the driver."""


def jobs_in(free: int | None, cores: int) -> int:
    """Return how many processes should share a GPU where the user does not say.

    Args:
        free: Bytes of its memory that nobody has taken, or None if that is not known: then one.
        cores: CPU cores, of which each process needs one.
    """
    return 1 if free is None else max(1, min(MOST, cores, free // (GIB_PER_JOB << 30)))


def free_memory(device: str) -> int | None:
    """Return how many bytes of a GPU's memory nobody has taken, or None if that cannot be read.

    It is asked of nvidia-smi, because a process that asks CUDA takes some hundred MB for itself. Both must number the
    GPUs alike, which they do unless there are different ones.

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
    """Return what nvidia-smi calls a device of CUDA's; None for a part of a GPU, whose memory it does not tell."""
    if visible is None:
        return str(number)
    names = [name.strip() for name in visible.split(",")]
    return names[number] if number < len(names) and not names[number].startswith("MIG-") else None
