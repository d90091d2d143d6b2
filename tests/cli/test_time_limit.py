"""A run with a time limit leaves the rest for a later one, and says how to go on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.conftest import TINY, Command
from uebench.api.run import run
from uebench.evaluation.attack import attack
from uebench.planning.estimates import Estimates

pytestmark = pytest.mark.usefixtures("small_networks")

LSP = ("--method", "lsp", "--attacker", "resnet18(epochs=3)", "--seed", 0, "--seed", 1)


@pytest.fixture
def late(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[float], None]]:
    """Let a limit's clock jump ahead by so many seconds whenever an attack starts."""
    now, jump = 1e9, 0.0

    def slow(*args: object) -> object:
        nonlocal now
        now += jump
        return attack(*args)  # type: ignore[arg-type]

    def by(seconds: float) -> None:
        nonlocal jump
        jump = seconds

    with monkeypatch.context() as patched:
        patched.setattr("uebench.planning.time_limit.time.time", lambda: now)
        patched.setattr("uebench.evaluation.runner.attack", slow)
        yield by


def test_a_run_that_is_stopped_in_a_training_goes_on_there(
    tiny_run: Command, tmp_path: Path, late: Callable[[float], None]
) -> None:
    late(100)
    first = tiny_run(*LSP, "--time-limit", "1m")
    assert first.code == 5
    assert first.err.splitlines()[-1] == (
        "uebench: time limit reached; 2 cells left; resume with: uebench run --preset smoke "
        f"--data '{TINY}' --method lsp --attacker 'resnet18(epochs=3)' --seed 0 --seed 1 --time-limit 1m"
    )
    assert not first.out
    assert len(list(tmp_path.glob("results/work/*/train.checkpoint"))) == 1
    assert not list(tmp_path.glob("results/work/*/failed.json"))
    late(0)
    second = tiny_run(*LSP, "--time-limit", "1m", "--json")
    assert second.code == 0
    assert [cell["status"] for cell in second.json] == ["computed", "computed"]
    assert ["(1/3)" in part for part in second.err.split("seed 1", 1)] == [False, True]


def test_reproduce_says_what_is_left_of_each_kind(uebench: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = count(start=1e9, step=100)
    monkeypatch.setattr("uebench.planning.time_limit.time.time", lambda: next(clock))
    sets = ("--data", TINY, "--data", "vggface10=synthetic(identities=2, train=3)")
    answer = uebench("reproduce", "6", "--preset", "smoke", *sets, "--time-limit", "1m", "--format", "md")
    assert answer.code == 5
    said = answer.err.splitlines()[-1]
    left = "5 trainings and 9 cells left; resume with: uebench reproduce 6 "
    assert said.startswith(f"uebench: time limit reached; {left}")
    assert "left: the time limit was reached first" in answer.out


def test_what_does_not_fit_by_its_estimate_does_not_start(
    tmp_path: Path, late: Callable[[float], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Estimates, "of", lambda *_: 50.0)
    late(80)
    result = run(
        "lsp", "resnet18(epochs=1)", data=TINY, seed=(0, 1), preset="smoke", results=tmp_path, executor="serial",
        time_limit="2m",
    )  # fmt: skip
    assert [cell.status for cell in result.cells] == ["computed", "left"]
    assert [cell.spec.seed for cell in result.left] == [1]
    assert not list(tmp_path.glob("work/*/train.checkpoint"))
