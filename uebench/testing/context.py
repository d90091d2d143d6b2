"""A context for tests that keeps every checkpoint in memory, and can resume from given ones."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from uebench.evaluation.context import RunContext
from uebench.plugins.base import Checkpoint, Classifier

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Saved(Checkpoint):
    """A checkpoint with the stage that saved it."""

    stage: str


class MemoryContext(RunContext):
    """A context on the CPU that keeps all checkpoints in memory, however little time lies between them."""

    def __init__(
        self,
        seed: int = 0,
        resume_from: Sequence[Saved] = (),
        examine: Callable[[Classifier], dict[str, Any]] | None = None,
    ) -> None:
        """Begin a task, or resume one that was killed.

        Args:
            seed: The seed of all random streams.
            resume_from: The checkpoints of the killed task, in order; each stage resumes from its last one.
            examine: Counts the correct answers of a classifier on the clean test set; None for 0 correct answers.
        """
        super().__init__(torch.device("cpu"), seed, examine=examine or _none_correct)
        self.saved: list[Saved] = []
        self._resume_from = resume_from

    def save(self, state: Mapping[str, Tensor], step: int, **values: object) -> None:
        """Keep a copy, with the values as JSON would keep them."""
        tensors = {name: tensor.detach().clone() for name, tensor in state.items()}
        self.saved.append(Saved(tensors, step, json.loads(json.dumps(values)), self._stage))

    def restore(self) -> Checkpoint | None:
        """Return the last checkpoint of this stage before the kill."""
        return next((saved for saved in reversed(self._resume_from) if saved.stage == self._stage), None)


def _none_correct(_: Classifier) -> dict[str, Any]:
    return {"test_correct": 0}
