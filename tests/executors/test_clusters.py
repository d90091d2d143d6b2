"""A grid on Ray or as submitit's jobs: the records of one process, and failures that stay alone."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT, TINY, Command
from tests.e2e.test_processes import run
from uebench.store.store import Store

GRID = [
    "run", "--preset", "smoke", "--data", TINY, "--method", "lsp", "--method", "broken", "--method", "deadly",
    "--attacker", "resnet18", "--attacker", "resnet18+mixup", "--json",
]  # fmt: skip
FAULTS = {"broken": "raise ValueError('no')", "deadly": "import os; os._exit(3)"}
TIMED = {"timings", "provenance", "protected_digest"}
CLUSTERS = {"ray": "ray", "slurm": "slurm(cluster=local)"}


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], dict[str, Any]]:
    """Return a grid, of which some cells fail and some end their process, and what processes here make of it."""
    folder = tmp_path_factory.mktemp("alone")
    grid = list(GRID)
    for name, fault in FAULTS.items():
        source = (ROOT / "docs" / "example_plugin.py").read_text().replace('"stripes"', f'"{name}"')
        (folder / f"{name}.py").write_text(source.replace("        phase =", f"        {fault}\n        phase ="))
        grid += ["--plugin", str(folder / f"{name}.py")]
    return grid, told(run(folder / "results", *grid, "--jobs", "2", executor="processes"), folder / "results")


@pytest.mark.parametrize("executor", CLUSTERS)
def test_a_cluster_makes_the_records_of_this_machine(
    tmp_path: Path, executor: str, alone: tuple[list[str], dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip({"ray": "ray", "slurm": "submitit"}[executor])
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    grid, expected = alone
    assert told(run(tmp_path, *grid, "--jobs", "2", executor=CLUSTERS[executor]), tmp_path) == expected


def told(answer: subprocess.CompletedProcess[str], results: Path) -> dict[str, Any]:
    """Return the records by key, without what has times in it, and of what failed the kinds of the failures."""
    assert answer.returncode == 1, answer.stderr
    statuses = [cell["status"] for cell in json.loads(answer.stdout)]
    assert statuses == ["computed"] * 2 + ["failed"] * 4
    failures = {failure.key: failure.kind for failure in Store(results).failures()}
    assert sorted(failures.values()) == ["ProcessDied"] * 3 + ["ValueError"] * 3
    records = [record for _, record in Store(results).cells() if record]
    return failures | {one.key: one.model_dump(exclude=TIMED) for one in records}


@pytest.mark.parametrize(
    ("executor", "complaint"),
    [
        ("dask", "executor 'dask': unknown; known: isolated, processes, ray, serial, slurm"),
        ("ray(gpu=1)", "executor ray: unknown option 'gpu'; options: cpus, gpus, address"),
        ("slurm(minutes=0)", "executor slurm: minutes=0 is refused: input should be greater than or equal to 1"),
        ("serial(cpus=1)", "executor serial: unknown option 'cpus'; options: none"),
    ],
)
def test_a_wrong_executor_is_refused(uebench: Command, executor: str, complaint: str) -> None:
    answer = uebench("run", "--method", "lsp", "--attacker", "resnet18", "--data", TINY, "--executor", executor)
    assert (answer.code, answer.complaint.startswith(f"uebench: {complaint}")) == (2, True), answer.err


def test_a_missing_library_is_named_with_its_extra(uebench: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    for executor, library in (("ray", "ray"), ("slurm", "submitit")):
        monkeypatch.setitem(sys.modules, library, None)
        answer = uebench("run", "--method", "lsp", "--attacker", "resnet18", "--data", TINY, "--executor", executor)
        assert answer.complaint == f"uebench: executor '{executor}': not installed; pip install 'uebench[{executor}]'"


def test_a_plan_says_what_computes_it(uebench: Command) -> None:
    plan = ("run", "--method", "lsp", "--attacker", "resnet18", "--data", TINY, "--dry-run", "--executor")
    assert "computed by ray(gpus=0.25), at most 100 at once, 1 thread each" in uebench(*plan, "ray(gpus=0.25)").err
