"""Checkpoints: how often, which is found again, and what becomes of a damaged one."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.conftest import NewContext
from uebench.evaluation import checkpoints
from uebench.evaluation.checkpoints import Checkpoints
from uebench.evaluation.context import RunContext, seed_everything
from uebench.evaluation.isolation import process_restored
from uebench.evaluation.stopping import Stop, Stopped
from uebench.networks import classifier
from uebench.planning.time_limit import TimeLimit
from uebench.plugins.base import ImageSet, Training
from uebench.store.claims import Claims
from uebench.store.store import Store
from uebench.store.work import Work
from uebench.training.loop import supervised


def test_checkpoints_take_a_fiftieth_of_the_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now, saved = 0.0, []

    class Slow(Work):
        def write_checkpoint(self, key: str, stage: str, content: bytes) -> None:
            nonlocal now
            now += 2  # seconds
            super().write_checkpoint(key, stage, content)

    monkeypatch.setattr("uebench.evaluation.context.time.perf_counter", lambda: now)
    ctx = RunContext(torch.device("cpu"), 0, checkpoints=Checkpoints(Slow(tmp_path, Claims(tmp_path)), "k", "train"))
    for epoch in range(1, 41):
        now += 10
        ctx.save({"weights": torch.zeros(1)}, epoch)
        found = ctx.restore()
        assert found is not None
        saved.append(found.step)
    assert sorted(set(saved)) == [1, 11, 21, 31]  # a hundred seconds after the end of the last one


def test_a_stage_keeps_its_own_checkpoint_and_shares_seeds_and_time(new_context: NewContext) -> None:
    first = new_context()
    first.stage("pretrain").save({"weights": torch.ones(1)}, 7)
    first.stage("probe").save({"weights": torch.zeros(1)}, 3, loss=0.5)
    again = new_context()
    found = [again.stage(name).restore() for name in ("pretrain", "probe", "other")]
    assert [one and (one.step, dict(one.values)) for one in found] == [(7, {}), (3, {"loss": 0.5}), None]
    assert again.restore() is None
    assert torch.equal(torch.rand(3, generator=again.rng("x")), torch.rand(3, generator=again.stage("probe").rng("x")))


def test_the_time_of_a_stage_counts_for_the_whole_task(
    new_context: NewContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr("uebench.evaluation.context.time.perf_counter", lambda: now)

    killed = new_context("fit")
    now = 100.0
    killed.stage("first").save({"weights": torch.ones(1)}, 1)
    now = 1000.0
    resumed = new_context("fit")
    resumed.stage("first").restore()
    now = 1005.0
    assert resumed.seconds == 105.0


@pytest.mark.parametrize("name", ["", "a/b", "..", "two words"])
def test_a_stage_is_named_by_an_identifier(name: str) -> None:
    with pytest.raises(ValueError, match="not an identifier; use letters"):
        RunContext(torch.device("cpu"), 0).stage(name)


REGIONS = {"digest": 5, "length of the header": 32, "header": 60, "tensors": 100_000, "last byte": -1}


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("bit", [0, 6])
def test_a_flipped_bit_in_a_checkpoint_is_noticed_and_the_training_begun_again(
    region: str, bit: int, tmp_path: Path, whole: list[torch.Tensor], new_context: NewContext
) -> None:
    train(Store(tmp_path), epochs=1)
    (file,) = tmp_path.rglob("*.checkpoint")
    content = bytearray(file.read_bytes())
    assert len(content) > 200_000
    content[REGIONS[region]] ^= 1 << bit
    file.write_bytes(content)
    assert new_context().restore() is None
    assert all(torch.equal(one, other) for one, other in zip(whole, train(Store(tmp_path), epochs=2), strict=True))


@pytest.mark.parametrize("length", [0, 31, 32, 200])
def test_a_checkpoint_that_was_cut_off_is_noticed(length: int, tmp_path: Path, new_context: NewContext) -> None:
    train(Store(tmp_path), epochs=1)
    (file,) = tmp_path.rglob("*.checkpoint")
    file.write_bytes(file.read_bytes()[:length])
    assert new_context().restore() is None


def test_what_a_method_logs_survives_a_kill(new_context: NewContext) -> None:
    killed = new_context("fit")
    killed.log(surrogate=0.5, objective=float("nan"))
    killed.save({"noise": torch.zeros(1)}, 1)
    killed.log(surrogate=0.4)  # of a round whose checkpoint was not written
    again = new_context("fit")
    assert again.rounds == []
    again.restore()
    again.log(objective=torch.tensor(0.25), stopped="enough")  # type: ignore[arg-type]
    assert again.rounds == [{"surrogate": 0.5, "stopped": ""}, {"objective": 0.25, "stopped": "enough"}]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> list[torch.Tensor]:
    return train(Store(tmp_path_factory.mktemp("whole")), epochs=2)


def train(store: Store, epochs: int) -> list[torch.Tensor]:
    """Train a small network and return its weights."""
    torch.manual_seed(0)
    images = torch.randint(0, 256, (8, 3, 32, 32), dtype=torch.uint8)
    ctx = RunContext(torch.device("cpu"), 0, checkpoints=Checkpoints(store.work, "k", "train"))
    options = Training(epochs=epochs, batch=4, schedule="constant")
    model = classifier("test_resnet", 2, 32)
    supervised(model, ImageSet(images, torch.arange(8) % 2, 2), options, (), ctx)
    return list(model.state_dict().values())


def test_progress_that_is_no_number_fails_in_the_plugin() -> None:
    shown: list[tuple[int, int, str]] = []
    ctx = RunContext(torch.device("cpu"), 0, progress=lambda *what: shown.append(what))
    ctx.progress(torch.tensor(1), 2, "looking")  # type: ignore[arg-type]
    assert [type(one) for one in shown[0]] == [int, int, str]
    with pytest.raises(ValueError, match="half"):
        ctx.progress("half", 2, "looking")  # type: ignore[arg-type]


class Clock:
    """A clock that a test moves on, in seconds."""

    now = 1e9


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Let checkpoints and time limits look at a clock of the test's."""
    clock = Clock()
    monkeypatch.setattr("uebench.evaluation.context.time.perf_counter", lambda: clock.now)
    monkeypatch.setattr("uebench.planning.time_limit.time.time", lambda: clock.now)
    return clock


def test_a_task_stops_at_the_last_checkpoint_before_the_limit_and_loses_nothing(
    new_context: NewContext, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "EARLY", 1000.0)  # none is due
    stop = Stop(TimeLimit.of(36))
    ctx = new_context(stop=stop)
    steps = []
    with pytest.raises(Stopped):
        for step in range(1, 10):
            clock.now += 10
            steps.append(step)
            ctx.save({"weights": torch.zeros(1)}, step)
    assert steps == [1, 2, 3]  # the fourth would end after the limit
    found = ctx.restore()
    assert found is not None and found.step == 3


def test_a_stage_that_follows_a_long_one_is_not_expected_to_take_as_long(new_context: NewContext, clock: Clock) -> None:
    stop = Stop(TimeLimit.of(110))
    ctx = new_context("fit", stop=stop)
    surrogate = ctx.stage("surrogate")
    for step in range(1, 7):
        clock.now += 10
        surrogate.save({"weights": torch.zeros(1)}, step)
    assert ctx.restore() is None
    clock.now += 10
    ctx.save({"noise": torch.zeros(1)}, 1)  # 40 s are left


def test_tensors_of_a_checkpoint_may_share_memory(new_context: NewContext) -> None:
    ctx = new_context("fit")
    noise = torch.ones(2)
    ctx.save({"noise": noise, "best": noise}, 1)
    found = ctx.restore()
    assert found is not None and torch.equal(found.state["best"], noise)


def test_the_global_generators_follow_from_the_seed() -> None:
    def drawn(seed: int) -> tuple[float, ...]:
        seed_everything(RunContext(torch.device("cpu"), seed))
        return random.random(), float(np.random.rand()), float(torch.rand(()))  # noqa: NPY002

    with process_restored():
        assert drawn(1) == drawn(1)
        assert not set(drawn(1)) & set(drawn(2))


def test_a_task_that_is_told_to_stop_ends_at_its_next_checkpoint(new_context: NewContext) -> None:
    stop = Stop()
    ctx = new_context(stop=stop)
    stage = ctx.stage("probe")
    stage.save({"weights": torch.zeros(1)}, 1)
    stop.ask()
    with pytest.raises(Stopped):
        stage.save({"weights": torch.zeros(1)}, 2)
    found = stage.restore()
    assert found is not None and found.step == 2


def test_a_checkpoint_of_other_code_is_not_used(new_context: NewContext, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []

    def context(digest: str) -> RunContext:
        return new_context("fit", sources={"mine": digest}, progress=lambda _done, _total, text: shown.append(text))

    context("aa").save({"weights": torch.ones(1)}, 4)
    found = context("aa").restore()
    assert found is not None and found.step == 4
    assert context("bb").restore() is None
    monkeypatch.setattr("uebench.evaluation.checkpoints.__version__", "0")
    assert context("aa").restore() is None
    anew = "starting anew: the code has changed since the checkpoint"
    assert shown == ["resuming after step 4", anew, anew]


def test_a_stage_with_fewer_rounds_than_are_logged_keeps_those(new_context: NewContext) -> None:
    first = new_context("fit")
    first.log(surrogate=1.0)
    first.stage("one").save({"weights": torch.ones(1)}, 1)
    again = new_context("fit")
    again.log(surrogate=1.0)
    again.log(surrogate=0.5)
    again.stage("one").restore()
    assert [one["surrogate"] for one in again.rounds] == [1.0, 0.5]
