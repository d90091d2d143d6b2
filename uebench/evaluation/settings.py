"""The settings with which tasks are computed; none of them changes a key."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from uebench.planning.time_limit import UNLIMITED, TimeLimit


@dataclass(frozen=True)
class Settings:
    """The settings of all processes that compute tasks.

    Attributes:
        results: The store's folder.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:1``.
        threads: CPU threads per process; 0 for torch's default.
        redo_before: Results older than this time of the file system are computed again; 0 to keep all results.
        cache: A folder for decoded photographs, or None.
        lpips_trunk: A file with AlexNet's weights, to measure LPIPS of protected sets, or None.
        limit: The time limit of the run.
        keep_models: Whether to keep the weights of the attackers' networks.
    """

    results: Path
    device: str = "auto"
    threads: int = 0
    redo_before: float = 0.0
    cache: Path | None = None
    lpips_trunk: Path | None = None
    limit: TimeLimit = UNLIMITED
    keep_models: bool = False
