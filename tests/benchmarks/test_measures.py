"""Both sides of a benchmark do the same work; how fast is measured elsewhere, on an idle machine."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch

from benchmarks import alternatives, engine, generator, processes, protect, training, ue
from benchmarks.sets import training_set
from uebench.data.images import read_image


def test_the_engines_gradient_is_the_textbooks() -> None:
    assert engine.difference(32, 4) < 1e-5


def test_ue_and_the_textbook_agree_on_the_noise() -> None:
    with ue.case("synthetic(identities=3, train=6)", 32, workers=0) as given:
        assert ue.agreement(given, rounds=1, batch=8, train_steps=2, steps=2) > 0.99


def test_the_bare_loop_trains_what_the_loop_trains() -> None:
    ours, theirs = training.ways("resnet18", steps=2, size=32)
    assert ours() == pytest.approx(theirs(), rel=1e-4)


def test_alternatives_train_what_the_step_trains() -> None:
    ours, others = alternatives.ways("resnet18", 32, steps=1)
    loss = ours()
    del others[alternatives.COMPILE]
    assert len(others) == 4
    assert [theirs() for theirs in others.values()] == pytest.approx([loss] * 4, rel=0.05)
    assert ours() < loss


@pytest.mark.skipif(sys.platform != "linux", reason="memory is measured on Linux only")
def test_a_process_does_not_inherit_the_peak_memory_of_its_parent() -> None:
    ballast = np.ones(64 << 20)
    assert 60 < processes.fresh(held, 64) < 80
    assert ballast.all()


def held(mib: int) -> float:
    """Return how much more memory a block needs that holds so many MiB."""
    with processes.more_memory() as more:
        assert np.ones(mib << 17).all()
        found = more()
    assert found is not None
    return found


def test_every_batch_countermeasure_is_timed() -> None:
    names = {measure.name for measure in training.batch_countermeasures()}
    assert {"mixup", "cutmix", "cutout", "flip_crop"} <= names
    assert "jpeg" not in names


def test_ues_step_is_counted_image_by_image() -> None:
    train = training_set("synthetic(identities=2, train=10)", 32)
    assert generator.ue_steps(train, 1, batch=10)().shape == (10, 3, 32, 32)
    assert torch.isfinite(generator.ue_steps(train, 1, batch=10)()).all()


def test_side_by_side_makes_what_one_after_the_other_makes() -> None:
    with protect.case(6) as root:
        ours, theirs = protect.side_by_side(root), protect.one_after_the_other(root)
        names = sorted(str(file.relative_to(theirs)) for file in theirs.rglob("*.png"))
        assert names == sorted(str(file.relative_to(ours)) for file in ours.rglob("*.png"))
        for name in names:
            one, other = (read_image(folder / name, 224).astype(int) for folder in (ours, theirs))
            assert np.abs(one - other).max() <= 1
            assert (one != other).mean() < 1e-3
