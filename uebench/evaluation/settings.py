"""How tasks are computed: nothing here changes a key."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from uebench.planning.time_limit import UNLIMITED, TimeLimit


@dataclass(frozen=True)
class Settings:
    """What every process that computes tasks is told.

    Attributes:
        results: The store's folder.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:1``.
        threads: CPU threads of a process; 0 leaves torch's own choice.
        redo_before: What the store has held since before this moment is computed again; the moment is one of the file
            system's clock, and 0 if nothing is.
        cache: A folder for decoded photographs, or None.
        lpips_trunk: AlexNet's weights, to measure LPIPS of protected sets with, or None.
        limit: When the run ends.
        keep_models: Keep the weights of the attackers' networks.
    """

    results: Path
    device: str = "auto"
    threads: int = 0
    redo_before: float = 0.0
    cache: Path | None = None
    lpips_trunk: Path | None = None
    limit: TimeLimit = UNLIMITED
    keep_models: bool = False
