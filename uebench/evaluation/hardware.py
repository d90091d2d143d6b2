"""The cores and devices of this machine."""

from __future__ import annotations

import os

import torch

from uebench.errors import UsageError


def available_cores() -> int:
    """Return the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def choose_device(name: str) -> torch.device:
    """Return the device that ``--device`` names.

    Raises:
        UsageError: If it is not here.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError):
        raise UsageError(f"--device {name}: not available here; use auto or cpu") from None
    return device
