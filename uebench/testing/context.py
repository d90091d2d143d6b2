"""A context for tests that keeps every checkpoint in memory, and can resume from given ones."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from uebench.evaluation.context import RunContext
from uebench.plugins.base import Checkpoint, Classifier

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Saved(Checkpoint):
    """A checkpoint in memory.

    Attributes:
        stage: The stage that saved it.
        examined: The answers of the classifiers that were examined before.
    """

    stage: str
    examined: Sequence[str]


class MemoryContext(RunContext):
    """A context on the CPU that keeps all checkpoints in memory, however little time lies between them."""

    def __init__(
        self,
        seed: int = 0,
        resume_from: Sequence[Saved] = (),
        examine: Callable[[Classifier], str] | None = None,
    ) -> None:
        """Begin a task, or resume one that was killed.

        Args:
            seed: The seed of all random streams.
            resume_from: The checkpoints of the killed task, in order; each stage resumes from its last one.
            examine: Returns the encoded answers of a classifier for the clean test set; None if nobody asks for them.
        """
        super().__init__(torch.device("cpu"), seed, examine=examine or _no_answers)
        self.saved: list[Saved] = []
        self._resume_from = resume_from

    def save(self, state: Mapping[str, Tensor], step: int, **values: object) -> None:
        """Keep a copy, with the values as JSON would keep them."""
        tensors = {name: tensor.detach().clone() for name, tensor in state.items()}
        self.saved.append(Saved(tensors, step, json.loads(json.dumps(values)), self._stage, self.examined))

    def restore(self) -> Checkpoint | None:
        """Return the last checkpoint of this stage before the kill."""
        saved = next((saved for saved in reversed(self._resume_from) if saved.stage == self._stage), None)
        if saved and len(saved.examined) > len(self.examined):
            self._examined[:] = saved.examined
        return saved


def _no_answers(_: Classifier) -> str:
    return ""
