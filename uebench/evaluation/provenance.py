"""What made a record: versions, device, threads, commit, source digests; never a host name or an absolute path."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path

import torch

from uebench.evaluation.hardware import machine
from uebench.store.record_parts import Provenance

PACKAGES = ("uebench", "torch", "torchvision", "timm", "numpy", "pillow", "scikit-learn", "scikit-image", "lpips")


def provenance(sources: Mapping[str, str], device: torch.device) -> Provenance:
    """Return the provenance of what has just been computed.

    Args:
        sources: The source digest of each plugin that took part, by its name.
        device: Where.
    """
    return Provenance(
        versions={"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
        device=torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        threads=torch.get_num_threads(),
        machine=machine(),
        commit=_commit(),
        sources=dict(sources),
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
    )


@cache
def _commit() -> str | None:
    """Return the commit of the checkout that uebench runs from (with ``+`` if it was changed), or None."""
    here = Path(__file__).parents[1]
    if not (here.parent / ".git").exists():
        return None
    try:
        git = ["git", "-C", str(here)]
        head = subprocess.run([*git, "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=True)
        dirty = subprocess.run([*git, "status", "--porcelain"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    changed = any(not line.endswith(".json") for line in dirty.stdout.splitlines())
    return head.stdout.strip() + ("+" if changed else "")
