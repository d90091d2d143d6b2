"""What made a record: versions, device, threads, commit, source digests; never a host name or an absolute path."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from uebench.evaluation.hardware import available_cores
from uebench.planning.parts import Part

PACKAGES = ("uebench", "torch", "torchvision", "timm", "numpy", "pillow", "scikit-learn", "scikit-image", "lpips")


def provenance(plugins: Iterable[Part], device: torch.device) -> dict[str, Any]:
    """Return the provenance of what these plugins have just computed."""
    return {
        "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "threads": torch.get_num_threads(),
        "machine": f"{platform.system()} {platform.machine()}, {available_cores()} cores",
        "commit": _commit(),
        "sources": {part.entry.name: part.entry.source_digest for part in plugins},
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
    }


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
