"""Choose the epoch whose weights an attacker keeps, by images held back from training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from uebench.errors import CellError
from uebench.lazy import torch
from uebench.metrics import count_correct
from uebench.plugins.base import Context, Countermeasure, ImageSet
from uebench.plugins.spec import shortened

if TYPE_CHECKING:
    from torch import Tensor

    from uebench.networks import FaceClassifier


def hold_back(
    train: ImageSet, countermeasures: Sequence[Countermeasure[Any]], ctx: Context
) -> tuple[ImageSet, EpochChoice | None]:
    """Split the set as the countermeasure that chooses the epoch asks for.

    Args:
        train: The set, protected or not.
        countermeasures: The attacker's countermeasures; at most one of them has the place ``epoch``.
        ctx: Seeds: the countermeasure draws from the stream ``epoch``.

    Returns:
        The set to train on and the choice of the epoch; the whole set and None if no countermeasure chooses it.

    Raises:
        CellError: If the countermeasure returns anything other than (N,) bool and a whole number from 0, or holds back
            nothing or everything.
    """
    chooser = next((measure for measure in countermeasures if measure.place == "epoch"), None)
    if chooser is None:
        return train, None
    answer: Any = chooser.on_epoch(train.labels, ctx.rng("epoch"))
    if not _is_choice(answer, len(train)):
        got = ", ".join(map(_form, answer if isinstance(answer, tuple) else (answer,)))
        raise CellError(
            f"countermeasure {chooser.name!r}: on_epoch returned {got}; return ({len(train)},) bool and a whole number "
            "from 0"
        )
    held, patience = answer
    if not held.any() or held.all():
        raise CellError(f"countermeasure {chooser.name!r}: holds back {int(held.sum())} of {len(train)} images")
    return _rows(train, ~held), EpochChoice(_rows(train, held), patience)


def _is_choice(answer: object, count: int) -> bool:
    match answer:
        case (torch.Tensor(shape=shape, dtype=torch.bool), int(patience)):
            return bool(shape == (count,) and type(patience) is int and patience >= 0)
    return False


def _form(value: object) -> str:
    return f"{tuple(value.shape)} {value.dtype}" if isinstance(value, torch.Tensor) else shortened(repr(value))


def _rows(images: ImageSet, mask: Tensor) -> ImageSet:
    return ImageSet(images.images[mask], images.labels[mask], images.num_classes)


@dataclass
class EpochChoice:
    """The best weights so far, by the accuracy on images held back from training.

    Attributes:
        validation: These images.
        patience: Epochs without improvement after which training stops; 0 for never.
        epoch: The best epoch, from 1.
        correct: How many of these images it got right.
        weights: A copy of the model's state after this epoch.
    """

    validation: ImageSet
    patience: int
    epoch: int = 0
    correct: int = -1
    weights: dict[str, Tensor] = field(default_factory=dict)

    def see(self, model: FaceClassifier, epoch: int) -> None:
        """Test the model of an epoch and keep its weights if it is better than all before."""
        correct = count_correct(model, self.validation)
        if correct > self.correct:
            self.epoch, self.correct = epoch, correct
            self.weights = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}

    def is_over(self, epoch: int) -> bool:
        """Return whether there has been no improvement for too long."""
        return 0 < self.patience <= epoch - self.epoch

    def pack(self) -> dict[str, Tensor]:
        """Return the weights under flat names, for a checkpoint."""
        return {f"best.{name}": tensor for name, tensor in self.weights.items()}

    def unpack(self, tensors: Mapping[str, Tensor], best: Sequence[int]) -> None:
        """Restore the weights that ``pack`` returned; ``best`` is their epoch and its correct answers."""
        self.epoch, self.correct = best
        self.weights = {name.removeprefix("best."): t for name, t in tensors.items() if name.startswith("best.")}
