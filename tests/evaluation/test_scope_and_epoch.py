"""What is left unprotected, and which epoch is taken: countermeasures that change nothing in the images."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from tests.attackers.measures import Measure, build
from tests.conftest import TINY, Command
from uebench.errors import CellError
from uebench.evaluation.context import RunContext
from uebench.metrics import count_correct
from uebench.networks import classifier
from uebench.plugins.base import Classifier, Config, ImageSet, Shape, Training
from uebench.training.epoch_choice import hold_back
from uebench.training.loop import supervised

LABELS = torch.arange(40) % 4


def spared(text: str, seed: int = 0) -> Tensor:
    return build(text).on_scope(LABELS, 4, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("fraction", "count"), [(0, 0), (0.2, 8), (0.5, 20), (1, 40)])
def test_mixed_leaves_that_share_of_the_images_clean(fraction: float, count: int) -> None:
    assert int(spared(f"mixed(fraction={fraction})").sum()) == count


@pytest.mark.parametrize(("share", "people"), [(0, 4), (0.5, 2), (0.75, 1), (1, 0)])
def test_partial_leaves_whole_identities_unprotected(share: float, people: int) -> None:
    chosen = spared(f"partial(share={share})")
    assert len(set(LABELS[chosen].tolist())) == people
    assert int(chosen.sum()) == 10 * people


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("partial(share=0.01)", "0.01 of 4 identities rounds to 0; write share=0 or another"),
        ("partial(share=0.9)", "0.9 of 4 identities rounds to 4; write share=1 or another"),
        ("mixed(fraction=0.01)", "0.01 of 40 images rounds to 0; write fraction=0 or another"),
        ("mixed(fraction=0.999)", "0.999 of 40 images rounds to 40; write fraction=1 or another"),
        ("partial(share=0)", None),
        ("partial(share=0.5)", None),
        ("mixed(fraction=1)", None),
    ],
)
def test_a_share_that_would_be_all_or_nothing_without_saying_so_is_refused(text: str, reason: str | None) -> None:
    assert build(text).obstacle(Shape(8, (10, 10, 10, 10))) == reason


def test_a_larger_clean_share_contains_a_smaller_and_the_seed_decides() -> None:
    small, large = spared("mixed(fraction=0.2)"), spared("mixed(fraction=0.4)")
    assert (large | small).equal(large)
    assert not small.equal(spared("mixed(fraction=0.2)", seed=1))
    few, many = spared("partial(share=0.75)"), spared("partial(share=0.25)")
    assert (many | few).equal(many)


def test_the_record_counts_protected_and_unprotected_people_apart(uebench: Command) -> None:
    base = ("run", "--preset", "smoke", "--data", TINY, "--method", "random", "--json")
    record = uebench(*base, "--attacker", "timm(model=test_resnet)+partial(share=0.34)").json[0]["record"]
    scope = record["scope"]
    assert scope["unprotected_images"] == 12
    assert (scope["protected"]["n"], scope["unprotected"]["n"]) == (4, 8)
    assert scope["protected"]["correct"] + scope["unprotected"]["correct"] == record["counts"]["correct"]
    assert uebench(*base, "--attacker", "timm(model=test_resnet)").json[0]["record"]["scope"] is None


def test_a_wholly_clean_mixture_trains_as_on_the_clean_set(uebench: Command) -> None:
    base = ("run", "--preset", "smoke", "--data", TINY, "--method", "random", "--method", "clean", "--json")
    protected, clean = uebench(*base, "--attacker", "timm(model=test_resnet)+mixed(fraction=1)").json
    assert protected["record"]["curve"] == clean["record"]["curve"]


class Watcher(RunContext):
    """Counts each epoch's classifier on images that it brings, as the referee does."""

    def __init__(self, images: ImageSet) -> None:
        super().__init__(torch.device("cpu"), 0)
        self.images = images

    def examine(self, classifier: Classifier) -> dict[str, int]:
        return {"test_correct": count_correct(classifier, self.images)}


def noisy(count: int) -> ImageSet:
    """Two colours with a third of the labels wrong, so that validation accuracy goes up and down."""
    rng = torch.Generator().manual_seed(0)
    labels = torch.arange(count) % 2
    images = torch.randint(0, 160, (count, 3, 32, 32), dtype=torch.uint8, generator=rng) + 60 * labels.view(-1, 1, 1, 1)
    wrong = torch.rand(count, generator=rng) < 0.33
    return ImageSet(images.to(torch.uint8), torch.where(wrong, 1 - labels, labels), 2)


def test_early_stop_returns_the_epoch_that_did_best_on_what_it_held_back() -> None:
    train, stop = noisy(40), build("early_stop(share=0.3)")
    held, _ = stop.on_epoch(train.labels, RunContext(torch.device("cpu"), 0).rng("epoch"))
    validation = ImageSet(train.images[held], train.labels[held], 2)
    torch.manual_seed(0)
    options = Training(lr=1e-3, batch=7, epochs=6)
    trained = supervised(classifier("test_resnet", 2, 32), train, options, (stop,), Watcher(validation))
    seen = [epoch["test_correct"] for epoch in trained.curve]
    assert len(set(seen)) > 1, "else every epoch is the best"
    assert trained.chosen == 1 + seen.index(max(seen))
    assert count_correct(trained.classifier, validation) == max(seen)
    assert trained.images == 6 * int((~held).sum())


@pytest.mark.parametrize(
    ("answer", "got"),
    [
        (torch.ones(8, dtype=torch.bool), r"\(8,\) torch.bool"),
        ((torch.arange(8), 0), r"\(8,\) torch.int64, 0"),
        ((torch.arange(7) < 2, 0), r"\(7,\) torch.bool, 0"),
        ((torch.arange(8) < 2, None), r"\(8,\) torch.bool, None"),
        ((torch.arange(8) < 2, True), r"\(8,\) torch.bool, True"),
        ((torch.arange(8) < 2, -1), r"\(8,\) torch.bool, -1"),
        (([True] + 7 * [False], 0), r"\[True, .*\], 0"),
    ],
)
def test_another_choice_of_the_epoch_is_refused(answer: object, got: str) -> None:
    class Wrong(Measure):
        name, place = "wrong", "epoch"

        def on_epoch(self, labels: Tensor, rng: torch.Generator) -> Any:  # noqa: ANN401
            return answer

    with pytest.raises(CellError, match=rf"'wrong': on_epoch returned {got}; return \(8,\) bool and a whole number"):
        hold_back(noisy(8), (Wrong(Config()),), RunContext(torch.device("cpu"), 0))


def test_early_stop_gives_up_after_its_patience() -> None:
    train, stop = noisy(40), build("early_stop(share=0.3, patience=2)")
    torch.manual_seed(0)
    options = Training(lr=1e-3, batch=7, epochs=30)
    trained = supervised(classifier("test_resnet", 2, 32), train, options, (stop,), RunContext(torch.device("cpu"), 0))
    assert trained.stopped == "2 epochs without improvement"
    assert trained.chosen == len(trained.curve) - 2 < 28
