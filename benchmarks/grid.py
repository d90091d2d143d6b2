"""A grid in two processes with half of the cores each, against one process with all of them."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from functools import partial

from benchmarks.timing import Comparison, compare
from uebench.evaluation.hardware import available_cores

CELLS = ("--method", "random", "--method", "lsp", "--seed", "0", "--seed", "1")
"""Four: two protected sets with two attacks each."""

DESK = ("--preset", "desk", "--data", "orl(identities=10)", "--attacker", "resnet18(epochs=8)")
SMOKE = ("--preset", "smoke", "--data", "synthetic", "--attacker", "resnet18(epochs=1)")


def measure(quick: bool) -> list[Comparison]:
    """Compare ``--jobs 2`` with ``--jobs 1`` on the same cells."""
    stage = SMOKE if quick else DESK
    return [
        compare(
            f"4 cells: --jobs 2 of {max(1, available_cores() // 2)} threads, against --jobs 1 of {available_cores()}",
            partial(_run, stage, 2),
            partial(_run, stage, 1),
            pairs=1 if quick else 3,
            remark="with the start of all processes",
        )
    ]


def _run(stage: tuple[str, ...], jobs: int) -> None:
    """Compute the cells into a fresh store."""
    command = [sys.executable, "-m", "uebench", "run", *stage, *CELLS, "--device", "cpu", "--jobs", str(jobs)]
    env = os.environ | {"OMP_NUM_THREADS": str(available_cores())}
    with tempfile.TemporaryDirectory() as store:
        subprocess.run([*command, "--results", store], env=env, check=True, stdout=subprocess.DEVNULL)
