"""Provenance of records: versions, device, threads, commit, source digests, but no host name or absolute path."""

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
CHECKOUT = Path(__file__).parents[2]


def provenance(sources: Mapping[str, str], device: torch.device) -> Provenance:
    """Return the provenance of a result that has just been computed.

    Args:
        sources: The source digest of each plugin used, by name.
        device: The device that computed it.
    """
    return Provenance(
        versions={"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
        device=torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        threads=torch.get_num_threads(),
        machine=machine(),
        commit=commit_of(CHECKOUT),
        sources=dict(sources),
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
    )


@cache
def commit_of(checkout: Path) -> str | None:
    """Return the commit of a git checkout, or None if the folder is not one.

    It ends with ``+`` if a file was changed, added or removed. JSON files do not count, because they hold results.
    """
    if not (checkout / ".git").exists():
        return None
    try:
        git = ["git", "-C", str(checkout)]
        head = subprocess.run([*git, "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=True)
        status = [*git, "status", "--porcelain", "--untracked-files=all", "--", ":(exclude)*.json"]
        changed = subprocess.run(status, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return head.stdout.strip() + ("+" if changed.stdout else "")
