"""What every attacker owes, whatever it does inside."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import Tensor

from tests.contract.test_countermeasures import Memory, Saved
from uebench.data.dataset import load
from uebench.evaluation import referee
from uebench.evaluation.records import epochs
from uebench.evaluation.seeding import seed_everything
from uebench.plugins.base import Attacker, Classifier, Split, Trained
from uebench.plugins.registry import Registry
from uebench.plugins.spec import format_value, parse
from uebench.store.record import TrainingRecord

REGISTRY = Registry()
NAMES = REGISTRY.names("attacker")
CPU = torch.device("cpu")
DATA = load("synthetic(identities=2, train=4, test=3)", 32, REGISTRY)
NOISE = np.random.default_rng(0).integers(0, 256, DATA.test.images.shape, np.uint8)
OTHER_TEST = replace(DATA, test=Split(NOISE, 1 - DATA.test.labels))
"""The same people to train on; a test set that has nothing in common with theirs."""

NEEDED = {
    "timm": "model=test_resnet, epochs=2, batch=8",
    "finetune": "model=test_resnet, mode=last_block, weights={file}, epochs=2, batch=8",
    "linear_probe": "embedding={embedding}",
    "knn": "embedding={embedding}, neighbours=3",
    "simclr": "model=test_resnet, epochs=2, probe_epochs=2, batch=4",
}


class Examined(Memory):
    """Counts on a test set, and keeps checkpoints."""

    def __init__(self, dataset: object = DATA, resume_from: Saved | None = None) -> None:
        super().__init__(resume_from)
        self._count = referee.Examiner(dataset, CPU)  # type: ignore[arg-type]

    def examine(self, classifier: Classifier) -> dict[str, Any]:
        return self._count(classifier)


@dataclass(frozen=True)
class Attack:
    """What an attack left behind."""

    trained: Trained
    checkpoints: list[Saved]
    answers: Tensor  # of the classifier, on the training images


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    torch.manual_seed(0)
    file = tmp_path_factory.mktemp("weights") / "pretrained.safetensors"
    save_file(timm.create_model("test_resnet", num_classes=7).state_dict(), file)
    given = {"file": format_value(str(file)), "embedding": format_value(f"test_resnet:{file}")}
    return {name: f"{name}({NEEDED.get(name, 'epochs=2, batch=8').format(**given)})" for name in NAMES}


def attack(text: str, ctx: Examined) -> Attack:
    attacker = REGISTRY.build("attacker", parse(text), "smoke")
    assert isinstance(attacker, Attacker)
    train = referee.image_set(DATA.train, DATA.num_classes, CPU)
    before = train.images.clone(), train.labels.clone()
    seed_everything(ctx)
    trained = attacker.fit(train, (), ctx)
    assert torch.equal(train.images, before[0])
    assert torch.equal(train.labels, before[1])
    with torch.inference_mode():
        return Attack(trained, ctx.saved, trained.classifier(train.batch(torch.arange(len(train))).images))


def assert_alike(one: Attack, other: Attack, last: int) -> None:
    """Compare what was learned, bit by bit, and what of the curve does not come from the test set."""
    assert torch.equal(one.answers, other.answers)
    for mine, theirs in zip(one.checkpoints[-last:], other.checkpoints[-last:], strict=True):
        assert mine.state.keys() == theirs.state.keys()
        assert all(torch.equal(mine.state[name], theirs.state[name]) for name in mine.state)
    seen = [[(e["epoch"], e["loss"], e["train_correct"]) for e in attack.trained.curve] for attack in (one, other)]
    assert seen[0] == seen[1]
    assert (one.trained.steps, one.trained.images) == (other.trained.steps, other.trained.images)


@pytest.mark.parametrize("name", NAMES)
def test_it_learns_the_same_after_a_kill_and_whatever_the_clean_test_set_is(name: str, options: dict[str, str]) -> None:
    """An attacker that got a clean test image, be it through its classifier while the referee counts, would show it."""
    whole = attack(options[name], Examined())
    unrelated = attack(options[name], Examined(OTHER_TEST))
    assert_alike(whole, unrelated, last=len(whole.checkpoints))
    for number, checkpoint in enumerate(whole.checkpoints[:-1], 1):
        resumed = attack(options[name], Examined(DATA, checkpoint))
        assert_alike(whole, resumed, last=len(whole.checkpoints) - number)
        assert resumed.trained.curve == whole.trained.curve

    trained = whole.trained
    curve = epochs(trained)
    TrainingRecord(epochs=len(curve), steps=trained.steps, stopped=trained.stopped, model=dict(trained.details))
    assert trained.images >= len(DATA.train.labels)
    assert whole.answers.shape == (8, 2)
    assert bool(torch.isfinite(whole.answers).all())
    assert curve[-1].test_correct == Examined().examine(trained.classifier)["test_correct"]
    for before, after in zip(whole.checkpoints, whole.checkpoints[1:], strict=False):
        assert any(not torch.equal(before.state[one], after.state.get(one, before.state[one])) for one in before.state)


@pytest.mark.parametrize("name", NAMES)
def test_it_says_what_it_is_and_documents_its_options(name: str) -> None:
    plugin = REGISTRY.entry("attacker", name).plugin
    assert plugin.__doc__
    assert plugin.info.title
    documentation = "".join(parent.__doc__ or "" for parent in plugin.Config.__mro__)
    assert not [option for option in plugin.Config.model_fields if f" {option}:" not in documentation]
