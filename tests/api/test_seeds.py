from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import uebench
from tests.conftest import Command
from uebench.errors import UsageError
from uebench.planning.seeds import seed_of, seeds_of

IMAGES = np.zeros((4, 32, 32, 3), np.uint8)
LABELS = [0, 0, 1, 1]
WHERE: Any = {"data": "synthetic", "preset": "smoke"}
CALLS: dict[str, Callable[..., Any]] = {
    "run": lambda seed: uebench.run("lsp", "resnet18", seed=seed, **WHERE),
    "plan": lambda seed: uebench.plan("lsp", "resnet18", method_seed=seed, **WHERE),
    "reproduce": lambda seed: uebench.reproduce("table3", method_seed=seed, **WHERE),
    "fit": lambda seed: uebench.fit("ue", "noise.safetensors", seed=seed, **WHERE),
    "detect": lambda seed: uebench.detect("lsp", method_seed=seed, **WHERE),
    "protect": lambda seed: uebench.protect(IMAGES, LABELS, method="lsp", seed=seed),
    "attack": lambda seed: uebench.attack(IMAGES, LABELS, IMAGES, LABELS, "resnet18", seed=seed),
}


@pytest.mark.parametrize("seed", [-1, True, None, "one", 2**63])
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_every_call_refuses_what_is_no_seed(call: Callable[..., Any], seed: object) -> None:
    with pytest.raises(UsageError, match=r"seed=.* is (not a seed|refused)"):
        call(seed)


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_every_call_takes_a_seed_of_numpy(
    call: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if call is not CALLS["reproduce"]:  # which would compute a table
        call(np.int64(3))


@pytest.mark.parametrize(
    ("given", "seeds"),
    [
        (3, (3,)),
        ([4, 2], (4, 2)),
        (range(3), (0, 1, 2)),
        ("0-2", (0, 1, 2)),
        ("5,0-1", (5, 0, 1)),
        (["0-1", 7], (0, 1, 7)),
        (np.int64(3), (3,)),
        (np.array(3), (3,)),
        (np.arange(2), (0, 1)),
    ],
)
def test_several_seeds_can_be_written_in_several_ways(given: Any, seeds: tuple[int, ...]) -> None:  # noqa: ANN401
    assert seeds_of(given, "seed") == seeds
    assert tuple(cell.spec.seed for cell in uebench.plan("lsp", "resnet18", seed=given, **WHERE).cells) == seeds


@pytest.mark.parametrize("seed", ["-1", "2-0", "x"])
def test_a_command_that_reproduces_a_table_refuses_what_is_no_seed(uebench: Command, seed: str) -> None:
    answer = uebench("reproduce", "table3", "--preset", "smoke", "--method-seed", seed)
    assert answer.code == 2
    assert answer.complaint.startswith("uebench: method_seed=")


def test_a_command_that_reproduces_a_table_takes_a_range_of_seeds(uebench: Command) -> None:
    words = ("reproduce", "table3", "--preset", "smoke", "--data", "synthetic", "--dry-run", "--json")
    plans = [uebench(*words, "--method-seed", seeds).json["tables"][-1]["cells"] for seeds in ("0", "0-1")]
    assert plans[0] < plans[1]


def test_one_seed_is_not_taken_from_several() -> None:
    assert seed_of(np.int64(3)) == 3  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="is not a seed; write one whole number"):
        seed_of(np.array([1, 2]))  # type: ignore[arg-type]
