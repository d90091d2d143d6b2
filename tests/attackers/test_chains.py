"""Attackers with countermeasures: what they still learn, and in which order countermeasures are applied."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.conftest import TINY, Command
from tests.plugin_files import plugin_file
from uebench.data.dataset import load
from uebench.evaluation import referee
from uebench.evaluation.context import seed_everything
from uebench.metrics import count_correct
from uebench.plugins.base import BEFORE_TRAINING, Attacker, Countermeasure, ImageSet, Trained
from uebench.plugins.registry import Registry
from uebench.plugins.spec import parse
from uebench.testing import MemoryContext
from uebench.training.loop import on_set

REGISTRY = Registry()
NAMES = REGISTRY.names("countermeasure")
EPOCHS = {"iss": 16}
"""Clean faces look unlike grey and strongly compressed ones, which it takes longer to learn them from."""


def attack(attacker: str, name: str, train: ImageSet, ctx: MemoryContext) -> Trained:
    plugin = REGISTRY.build("attacker", parse(attacker), "smoke")
    measure = REGISTRY.build("countermeasure", parse(name), "smoke")
    assert isinstance(plugin, Attacker)
    assert isinstance(measure, Countermeasure)
    left = () if measure.place in BEFORE_TRAINING else (measure,)
    return plugin.fit(on_set(train, (measure,), ctx), left, ctx)


@pytest.mark.parametrize("name", NAMES)
def test_the_attacker_still_learns_to_recognise_clean_faces(name: str) -> None:
    """Measured at the end, on a test set that nothing was chosen by."""
    data = load("synthetic(identities=2, train=24, test=20)", 32, REGISTRY)
    options = f"model=test_efficientnet, epochs={EPOCHS.get(name, 8)}, lr=0.003, batch=8"
    ctx = MemoryContext()
    seed_everything(ctx)
    train, test = (referee.image_set(split, 2, torch.device("cpu")) for split in (data.train, data.test))
    classifier = attack(f"timm({options})", name, train, ctx).classifier
    right = count_correct(classifier, test)
    assert right >= 30  # of 40; half of them by chance


def test_order_is_kept_and_enters_the_key(uebench: Command) -> None:
    base = ("run", "--preset", "smoke", "--data", TINY, "--method", "lsp", "--json")
    answers = [
        uebench(*base, "--attacker", f"timm(model=test_resnet)+{chain}").json[0]["record"]
        for chain in ("jpeg(quality=10)+bit_depth", "bit_depth+jpeg(quality=10)")
    ]
    assert answers[0]["key"] != answers[1]["key"]
    assert answers[0]["curve"] != answers[1]["curve"]


def test_a_neutral_countermeasure_changes_no_count(uebench: Command) -> None:
    base = ("run", "--preset", "smoke", "--data", TINY, "--method", "clean", "--json")
    plain = uebench(*base, "--attacker", "timm(model=test_resnet)").json[0]["record"]
    chain = (
        "timm(model=test_resnet)+mixed(fraction=0)+partial(share=1)+bit_depth(bits=8)+mixup(alpha=0)+adversarial(rho=0)"
    )
    assert uebench(*base, "--attacker", chain).json[0]["record"]["curve"] == plain["curve"]


@pytest.mark.parametrize(
    ("chain", "reason"),
    [
        ("mixup+jpeg", "jpeg acts on the set, which comes before the batch, where mixup acts; write jpeg first"),
        ("adversarial+cutout", "cutout acts on the batch, which comes before the step, where adversarial acts"),
        ("jpeg+adversarial+blur", "blur acts on the set"),
        ("early_stop+mixup", "mixup acts on the batch, which comes before the choice of the epoch, where early_stop"),
        (
            "jpeg+mixed",
            "mixed acts on what is protected, which comes before the set, where jpeg acts; write mixed first",
        ),
        ("early_stop+early_stop", "more than one countermeasure chooses the epoch; leave out all but one"),
    ],
)
def test_a_chain_in_an_impossible_order_is_refused(uebench: Command, chain: str, reason: str) -> None:
    answer = uebench("run", "--method", "clean", "--attacker", f"resnet18+{chain}", "--data", TINY)
    assert reason in answer.refusal(2)


def test_a_countermeasure_without_a_place_is_refused(uebench: Command, tmp_path: Path) -> None:
    file = plugin_file(tmp_path / "lost.py", "", "Countermeasure")
    answer = uebench("run", "--plugin", file, "--method", "clean", "--attacker", "resnet18+lost", "--data", TINY)
    assert "countermeasure 'lost': place must be one of scope, set, batch, step, epoch" in answer.refusal(2)
