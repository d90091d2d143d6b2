"""What only separate processes can show: kills, start-up, and no network."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT

DATA = "synthetic(identities=4, train=20, test=5)"


def command(*args: str) -> list[str]:
    return [sys.executable, "-m", "uebench", *args]


def run(results: Path, *args: str) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"UEBENCH_RESULTS": str(results)}
    return subprocess.run(command(*args), env=env, capture_output=True, text=True, check=False, cwd=ROOT)


def duel(method: str, epochs: int = 6) -> list[str]:
    return [
        "run", "--preset", "smoke", "--data", DATA, "--method", method, "--attacker", f"resnet18(epochs={epochs})",
    ]  # fmt: skip


def outcome(results: Path) -> tuple[bytes, Any]:
    """The protected bytes, and what the record says of the duel (all but seconds and provenance)."""
    (cell,) = (results / "cells").glob("??/*.json")
    (blob,) = (results / "blobs").glob("??/*.safetensors")
    record = json.loads(cell.read_text())
    content = blob.read_bytes()
    kept = [record[part] for part in ("key", "counts", "peak", "per_identity", "curve", "training", "audit")]
    return content[8 + int.from_bytes(content[:8], "little") :], kept


def kill_when(results: Path, args: list[str], sign: str) -> None:
    """Start a run and SIGKILL it as soon as its output says ``sign``."""
    env = os.environ | {"UEBENCH_RESULTS": str(results), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command(*args), env=env, stderr=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if sign in line:
                process.send_signal(signal.SIGKILL)
                break
        else:
            pytest.fail(f"the run never said {sign!r}")
    assert process.returncode == -signal.SIGKILL


SEGUE = "segue(weights=none, epochs=3, batch=8, rho_d=0.0)"


def test_a_killed_run_resumes_to_the_same_bytes_and_counts(tmp_path: Path) -> None:
    unkilled, killed = tmp_path / "unkilled", tmp_path / "killed"
    assert run(unkilled, *duel(SEGUE)).returncode == 0
    kill_when(killed, duel(SEGUE), "fitting segue")
    assert not list(killed.glob("cells/**/*.json"))
    kill_when(killed, duel(SEGUE), "training")
    assert not list(killed.glob("cells/**/*.json"))
    assert run(killed, *duel(SEGUE)).returncode == 0
    assert outcome(killed) == outcome(unkilled)
    assert not list(killed.rglob("*.safetensors.*")) and not list(killed.rglob(".new-*"))


def test_same_seed_on_an_emptied_store_same_bytes_and_counts(tmp_path: Path) -> None:
    results = []
    for name in ("one", "two"):
        assert run(tmp_path / name, *duel("lsp", epochs=2)).returncode == 0
        results.append(outcome(tmp_path / name))
    assert results[0] == results[1]


def test_a_finished_run_answers_without_torch(tmp_path: Path) -> None:
    assert run(tmp_path, *duel("lsp", epochs=1)).returncode == 0
    code = (
        "import sys, time; start = time.perf_counter(); sys.argv = ['uebench', *sys.argv[1:]]\n"
        "from uebench.cli.app import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "assert 'torch' not in sys.modules, 'torch was imported'\n"
    )
    env = os.environ | {"UEBENCH_RESULTS": str(tmp_path)}
    report = ["report", "--html", str(tmp_path / "out.html")]
    figure = ["figure", "4", "--out", str(tmp_path / "out.png")]
    for args in (duel("lsp", epochs=1), [*duel("segue"), "--dry-run"], ["list"], ["status"], report, figure):
        done = subprocess.run(
            [sys.executable, "-c", code, *args], env=env, capture_output=True, text=True, check=False, cwd=ROOT
        )
        assert done.returncode == 0, done.stderr


def fastest(args: list[str], results: Path, tries: int = 5) -> float:
    times = []
    for _ in range(tries):
        start = time.perf_counter()
        assert run(results, *args).returncode == 0
        times.append(time.perf_counter() - start)
    return min(times)


@pytest.mark.parametrize(("args", "limit"), [(["--help"], 0.5), (["list"], 0.5), (["status"], 0.5)])
def test_start_up_is_quick(args: list[str], limit: float, tmp_path: Path) -> None:
    assert fastest(args, tmp_path) < limit


def test_a_finished_run_answers_at_once(tmp_path: Path) -> None:
    assert run(tmp_path, *duel("lsp", epochs=1)).returncode == 0
    assert fastest(duel("lsp", epochs=1), tmp_path) < 1.5


def test_ctrl_c_is_one_line_and_130(tmp_path: Path) -> None:
    env = os.environ | {"UEBENCH_RESULTS": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command(*duel("lsp", epochs=200)), env=env, stderr=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "training" in line:
                process.send_signal(signal.SIGINT)
                break
        rest = process.stderr.read().splitlines()
    assert process.returncode == 130
    assert rest[-1] == "uebench: interrupted; run the same command again to go on"
    assert not any("Traceback" in line for line in rest)
