"""Attackers that learn without labels first."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from tests.attackers.test_attackers import TRAIN, fit, state
from uebench.plugins.base import ImageSet, Trained, Training
from uebench.plugins.registry import Registry
from uebench.plugins.spec import parse
from uebench.testing import MemoryContext
from uebench.training.loop import supervised

NAMES = ("simclr", "moco", "byol", "simsiam")


def text(name: str) -> str:
    return f"{name}(model=test_resnet, epochs=2, probe_epochs=2, batch=6)"


def encoder(trained: Trained) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in state(trained).items() if not name.startswith("fc.")}


@pytest.mark.parametrize("name", ["simclr", "moco"])
def test_it_learns_its_features_without_labels(name: str) -> None:
    shuffled = ImageSet(TRAIN.images, TRAIN.labels.roll(1), 3)
    one, other = fit(text(name)), fit(text(name), train=shuffled)
    assert all(torch.equal(tensor, encoder(other)[name]) for name, tensor in encoder(one).items())
    assert not torch.equal(state(one)["fc.weight"], state(other)["fc.weight"])


@pytest.mark.parametrize("name", ["simclr", "moco"])
def test_it_learns_from_what_countermeasures_leave(name: str) -> None:
    plain, grey = encoder(fit(text(name))), encoder(fit(text(name), "grayscale"))
    assert not torch.equal(plain["layer1.0.conv1.weight"], grey["layer1.0.conv1.weight"])


@pytest.mark.parametrize("name", ["simclr", "moco"])
def test_the_probe_leaves_the_features_alone(name: str) -> None:
    ctx = MemoryContext()
    trained = fit(text(name), ctx=ctx)
    assert [saved.stage for saved in ctx.saved] == [".pretrain", ".pretrain", ".probe", ".probe"]
    pretrained = ctx.saved[1].state
    assert all(
        torch.equal(tensor, pretrained[f"model.encoder.network.{name}"]) for name, tensor in encoder(trained).items()
    )
    assert (trained.steps, trained.images) == (4 * 3, 4 * 18)
    assert len(trained.curve) == 2


@pytest.mark.usefixtures("small_networks")
def test_encoder_and_probe_have_the_first_layers_and_the_inputs_that_are_asked_for() -> None:
    trained = fit("simclr(epochs=1, probe_epochs=1, batch=6, stem=by_size, inputs=raw)")
    assert state(trained)["conv1.weight"].shape[2:] == (3, 3)
    assert (trained.details["stem"], trained.details["normalisation"][:12]) == ("small", "mean 0.0 0.0")


def test_the_four_learn_different_features_from_the_same_start() -> None:
    weights = [encoder(fit(text(name)))["layer1.0.conv1.weight"] for name in NAMES]
    assert not any(torch.equal(one, other) for row, one in enumerate(weights) for other in weights[:row])


def test_a_checkpoint_of_the_pretraining_holds_target_and_queue() -> None:
    ctx = MemoryContext()
    fit(text("moco"), ctx=ctx)
    assert ctx.saved[0].state["model.queue"].shape == (9, 128)  # half of 18 images
    assert not torch.equal(ctx.saved[0].state["model.queue"], ctx.saved[1].state["model.queue"])
    fit(text("byol"), ctx=ctx)
    assert [int(saved.state["model.step"]) for saved in ctx.saved if "model.step" in saved.state] == [3, 6]


@pytest.mark.parametrize("name", NAMES)
def test_all_train_as_simclr_does_unless_their_authors_settings_are_asked_for(name: str) -> None:
    registry = Registry()

    def config(name: str, preset: str) -> dict[str, Any]:
        built: Any = registry.build("attacker", parse(name), preset)
        return dict(built.config.published())

    for preset in ("", "smoke", "desk", "desk64", "paper"):
        shared = config("simclr", preset)
        assert {key: value for key, value in config(name, preset).items() if key in shared} == shared
    for official in ("moco(preset=official)", "simsiam(preset=official)"):
        assert config(official, "desk")["optimizer"] == "sgd"


def test_the_probe_trains_for_its_epochs_and_at_its_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, float]] = []

    def seen(model: object, train: object, options: Training, *rest: object, **named: object) -> Trained:
        asked.append((options.epochs, options.lr))
        return supervised(model, train, options, *rest, **named)  # type: ignore[arg-type]

    monkeypatch.setattr("uebench_attackers.contrastive.supervised", seen)
    fit("simclr(model=test_resnet, epochs=1, probe_epochs=2, probe_lr=0.07, batch=6)")
    assert asked == [(2, 0.07)]
