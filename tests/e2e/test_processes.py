"""What only separate processes can show: kills, and an output that nobody reads."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT, Command

DATA = "synthetic(identities=4, train=8, test=5)"


def command(*args: str) -> list[str]:
    return [sys.executable, "-m", "uebench", *args]


def run(results: Path, *args: str, executor: str = "serial") -> subprocess.CompletedProcess[str]:
    env = os.environ | {"UEBENCH_RESULTS": str(results), "UEBENCH_EXECUTOR": executor}
    return subprocess.run(command(*args), env=env, capture_output=True, text=True, check=False, cwd=ROOT)


def attack(method: str, epochs: int = 12) -> list[str]:
    attacker = f"timm(model=test_resnet, epochs={epochs})"
    return ["run", "--preset", "smoke", "--data", DATA, "--method", method, "--attacker", attacker]


def result_of(results: Path) -> tuple[bytes, Any]:
    """The protected bytes, and what the record says of the attack (all but seconds and provenance)."""
    (cell,) = (results / "cells").glob("??/*.json")
    (blob,) = (results / "blobs").glob("??/*.safetensors")
    record = json.loads(cell.read_text())
    content = blob.read_bytes()
    assert record["peak"]["answers"]
    kept = [record[part] for part in ("key", "counts", "peak", "per_identity", "answers", "curve", "training", "audit")]
    return content[8 + int.from_bytes(content[:8], "little") :], kept


def kill_when(results: Path, args: list[str], sign: str) -> None:
    """Start a run that keeps checkpoints from the beginning, and SIGKILL it as soon as its output says ``sign``."""
    start = results.with_name("start")
    start.mkdir(exist_ok=True)
    (start / "sitecustomize.py").write_text("from uebench.evaluation import checkpoints\ncheckpoints.EARLY = 0.0\n")
    paths = os.pathsep.join([str(start), *(path or str(ROOT) for path in sys.path)])
    env = os.environ | {"UEBENCH_RESULTS": str(results), "PYTHONUNBUFFERED": "1", "PYTHONPATH": paths}
    with subprocess.Popen(command(*args), env=env, stderr=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if sign in line:
                process.send_signal(signal.SIGKILL)
                break
        else:
            pytest.fail(f"the run never said {sign!r}")
        process.stderr.read()  # ends when the process that computed has noticed it, too
    assert process.returncode == -signal.SIGKILL


SEGUE = "segue(weights=none, epochs=3, batch=8, rho_d=0.0)"


def test_a_killed_run_resumes_to_the_same_bytes_and_counts(uebench: Command, tmp_path: Path) -> None:
    unkilled, killed = tmp_path / "unkilled", tmp_path / "killed"
    assert uebench(*attack(SEGUE), "--results", unkilled).code == 0
    kill_when(killed, attack(SEGUE), "fitting segue")
    assert not list(killed.glob("cells/**/*.json"))
    kill_when(killed, attack(SEGUE), "training")
    assert not list(killed.glob("cells/**/*.json"))
    assert uebench(*attack(SEGUE), "--results", killed).code == 0
    assert result_of(killed) == result_of(unkilled)
    assert not list(killed.rglob("*.safetensors.*")) and not list(killed.rglob(".new-*"))


def test_an_output_that_nobody_reads_ends_the_run_and_fails_no_cell(tmp_path: Path) -> None:
    env = os.environ | {"UEBENCH_RESULTS": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    words = command(*attack("random", epochs=9999))
    with subprocess.Popen(words, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=ROOT) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(timeout=120) not in (0, -signal.SIGPIPE)
    assert not list(tmp_path.glob("work/*/failed.json"))
    assert not list(tmp_path.glob("cells/??/*.json"))
