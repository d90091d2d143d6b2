"""What every countermeasure owes, whatever it does inside."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.conftest import TINY, Command
from uebench.data.dataset import load
from uebench.evaluation.context import RunContext
from uebench.evaluation.seeding import seed_everything
from uebench.metrics import count_correct
from uebench.plugins.base import BEFORE_TRAINING, Attacker, Checkpoint, Countermeasure, ImageSet, Split, Trained
from uebench.plugins.registry import Registry
from uebench.plugins.spec import parse
from uebench.training.loop import on_set

REGISTRY = Registry()
NAMES = REGISTRY.names("countermeasure")
DATA = load("synthetic(identities=2, train=8, test=6)", 32, REGISTRY)


@dataclass(frozen=True)
class Saved(Checkpoint):
    """A checkpoint, and the stage that saved it."""

    stage: str


class Memory(RunContext):
    """Keeps every checkpoint, gives back one to the stage that saved it, and shows the referee's set to nobody."""

    def __init__(self, resume_from: Saved | None = None) -> None:
        super().__init__(torch.device("cpu"), 0)
        self.saved: list[Saved] = []
        self._from = resume_from

    def save(self, state: Any, step: int, **values: object) -> None:  # noqa: ANN401
        kept = json.loads(json.dumps(values))
        self.saved.append(Saved({name: tensor.clone() for name, tensor in state.items()}, step, kept, self._stage))

    def restore(self) -> Checkpoint | None:
        return self._from if self._from and self._from.stage == self._stage else None

    def examine(self, classifier: Any) -> dict[str, int]:  # noqa: ANN401
        return {"test_correct": 0}


def tensors(split: Split) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.tensor(split.images), torch.tensor(split.labels)


def attack(attacker: str, name: str, train: ImageSet, ctx: Memory) -> Trained:
    plugin = REGISTRY.build("attacker", parse(attacker), "smoke")
    measure = REGISTRY.build("countermeasure", parse(name), "smoke")
    assert isinstance(plugin, Attacker)
    assert isinstance(measure, Countermeasure)
    left = () if measure.place in BEFORE_TRAINING else (measure,)
    return plugin.fit(on_set(train, (measure,), ctx), left, ctx)


def weights(name: str, ctx: Memory, images: torch.Tensor) -> list[tuple[str, torch.Tensor]]:
    attack("resnet18(epochs=2, batch=8)", name, ImageSet(images, torch.tensor(DATA.train.labels), 2), ctx)
    return sorted(ctx.saved[-1].state.items())


@pytest.mark.parametrize("name", NAMES)
def test_it_acts_in_the_place_that_it_declares_and_nowhere_else(name: str) -> None:
    plugin = REGISTRY.entry("countermeasure", name).plugin
    assert issubclass(plugin, Countermeasure)
    assert plugin.hooks() == (plugin.place,)


@pytest.mark.parametrize("name", NAMES)
def test_it_leaves_the_set_alone_and_repeats_itself_also_after_a_kill(name: str) -> None:
    images = torch.tensor(DATA.train.images)
    before = images.clone()
    whole = Memory()
    first = weights(name, whole, images)
    assert torch.equal(images, before)
    resumed = weights(name, Memory(whole.saved[0]), images)
    for (tensor_name, one), (_, other) in zip(first, resumed, strict=True):
        assert torch.equal(one, other), tensor_name


@pytest.mark.parametrize("name", NAMES)
def test_it_documents_its_options(name: str) -> None:
    plugin = REGISTRY.entry("countermeasure", name).plugin
    assert plugin.__doc__
    documentation = plugin.Config.__doc__ or ""
    assert not [option for option in plugin.Config.model_fields if f" {option}:" not in documentation]


@pytest.mark.parametrize("name", NAMES)
def test_the_attacker_still_learns_to_recognise_clean_faces(name: str) -> None:
    """Measured at the end, on a test set that nothing was chosen by."""
    data = load("synthetic(identities=2, train=24, test=20)", 32, REGISTRY)
    options = "model=test_efficientnet, epochs=8, lr=0.003, batch=8"
    ctx = Memory()
    seed_everything(ctx)
    classifier = attack(f"timm({options})", name, ImageSet(*tensors(data.train), 2), ctx).classifier
    right = int(count_correct(classifier, ImageSet(*tensors(data.test), 2)).sum())
    assert right >= 30  # of 40; half of them by chance


def test_order_is_kept_and_enters_the_key(uebench: Command) -> None:
    base = ("run", "--preset", "smoke", "--data", TINY, "--method", "lsp", "--json")
    answers = [
        uebench(*base, "--attacker", f"resnet18+{chain}").json[0]["record"]
        for chain in ("jpeg(quality=10)+bit_depth", "bit_depth+jpeg(quality=10)")
    ]
    assert answers[0]["key"] != answers[1]["key"]
    assert answers[0]["curve"] != answers[1]["curve"]


def test_a_neutral_countermeasure_changes_no_count(uebench: Command) -> None:
    base = ("run", "--preset", "smoke", "--data", TINY, "--method", "clean", "--json")
    plain = uebench(*base, "--attacker", "resnet18").json[0]["record"]
    chain = "resnet18+mixed(fraction=0)+partial(share=1)+bit_depth(bits=8)+mixup(alpha=0)+adversarial(rho=0)"
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
    assert answer.code == 2
    assert reason in answer.complaint


def test_a_countermeasure_without_a_place_is_refused(uebench: Command, tmp_path: Path) -> None:
    (tmp_path / "lost.py").write_text(
        "from uebench.plugins.base import Config, Countermeasure, Info\n"
        "class Lost(Countermeasure[Config]):\n"
        "    name = 'lost'\n    version = 1\n    info = Info(title='lost')\n    Config = Config\n"
    )
    answer = uebench(
        "run", "--plugin", tmp_path / "lost.py", "--method", "clean", "--attacker", "resnet18+lost", "--data", TINY
    )
    assert answer.code == 2
    assert "countermeasure 'lost': place must be one of scope, set, batch, step, epoch" in answer.complaint
