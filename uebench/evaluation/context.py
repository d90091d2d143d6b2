"""The context that a plugin gets while it works: seeds, checkpoints, progress."""

from __future__ import annotations

import copy
import hashlib
import json
import math
import random
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch

from uebench.evaluation.checkpoints import Checkpoints, History
from uebench.evaluation.stopping import Stop, Stopped
from uebench.plugins.base import Checkpoint, Classifier
from uebench.progress import Progress, no_progress

if TYPE_CHECKING:
    from torch import Tensor


class RunContext:
    """The context of a task, such as a fit or a training, or of a stage of it."""

    def __init__(
        self,
        device: torch.device,
        seed: int,
        *,
        role: str = "",
        checkpoints: Checkpoints | None = None,
        progress: Progress = no_progress,
        examine: Callable[[Classifier], str] | None = None,
        stop: Stop | None = None,
    ) -> None:
        """Create the context of a task.

        Args:
            device: The device that the plugin should compute on.
            seed: The seed of all random streams.
            role: Whose streams they are; streams of two roles differ under the same seed.
            checkpoints: Where the task saves checkpoints, from which it resumes when it was killed; None for none.
            progress: Called with (done, total, what).
            examine: Returns the encoded answers of a classifier for the clean test set.
            stop: Decides when the task must end early, at a checkpoint.
        """
        self.device = device
        self.seed = seed
        self._root: object = [seed, role] if role else seed
        self._checkpoints, self._history = checkpoints, History()
        self._progress, self._examine = progress, examine
        self._stop = stop or Stop()
        self._saved = time.perf_counter()  # when ``save`` was last called

    @property
    def seconds(self) -> float:
        """Return the seconds that the whole task took, including killed processes up to their last checkpoint."""
        return self._history.seconds

    @property
    def has_resumed(self) -> bool:
        """Return whether an earlier process, perhaps on other hardware, did a part of the task."""
        return self._history.has_resumed

    def stage(self, name: str) -> Self:
        """Return a context with its own checkpoints that shares everything else.

        Raises:
            ValueError: If ``name`` is not an identifier; it becomes part of a file name.
        """
        if not name.isidentifier():
            raise ValueError(f"stage {name!r}: not an identifier; use letters, digits and underscores")
        part = copy.copy(self)
        part._checkpoints = self._checkpoints.of_stage(name) if self._checkpoints else None
        part._saved = time.perf_counter()
        return part

    def rng(self, *stream: str | int) -> torch.Generator:
        """Return a new CPU generator, seeded only by the seed, the role and the name of the stream."""
        name = json.dumps([self._root, *stream]).encode()
        return torch.Generator().manual_seed(int.from_bytes(hashlib.sha256(name).digest()[:8], "big") >> 1)

    def progress(self, done: int, total: int, text: str) -> None:
        """Report progress. Arguments of a wrong type raise an error here, so that it counts as the plugin's."""
        self._progress(int(done), int(total), str(text))

    @property
    def rounds(self) -> list[dict[str, Any]]:
        """Return the logged rounds of a method's training, including those of killed processes."""
        return self._history.rounds

    @property
    def examined(self) -> Sequence[str]:
        """Return the encoded answers of each classifier that was examined, also in killed processes."""
        return tuple(self._history.examined)

    def log(self, *, surrogate: float | None = None, objective: float | None = None, stopped: str = "") -> None:
        """Log a round of a method's training; losses that are not finite are left out, as JSON cannot hold them."""
        losses = {"surrogate": surrogate, "objective": objective}
        finite = {name: float(loss) for name, loss in losses.items() if loss is not None and math.isfinite(loss)}
        self._history.rounds.append({**finite, "stopped": str(stopped)})

    def save(self, state: Mapping[str, Tensor], step: int, **values: object) -> None:
        """Write a checkpoint from which a killed run resumes after ``step``, unless the last one is too recent.

        Raises:
            Stopped: If the task must end now, or before the next checkpoint is expected.
        """
        started = time.perf_counter()
        ends = self._stop.comes_within(started - self._saved)
        self._saved = started
        if self._checkpoints is None or not (ends or self._checkpoints.is_due):
            return
        self._checkpoints.write(Checkpoint(state, step, values), self._history)
        if ends:
            raise Stopped

    def restore(self) -> Checkpoint | None:
        """Return the last checkpoint, or None if there is none, or it is damaged, or of other code."""
        self._saved = time.perf_counter()  # steps begin now, perhaps after another stage
        found = self._checkpoints.read(self.progress) if self._checkpoints else None
        if found is None:
            return None
        checkpoint, saved = found
        self._history.resume(saved)
        self.progress(0, 0, f"resuming after step {checkpoint.step}")
        return checkpoint

    def examine(self, classifier: Classifier) -> dict[str, Any]:
        """Test a classifier on the clean test set; return the number of the test, or nothing without a referee."""
        if self._examine is None:
            return {}
        self._history.examined.append(self._examine(classifier))
        return {"examined": len(self._history.examined)}


def seed_everything(ctx: RunContext) -> None:
    """Seed the global generators of torch, NumPy and Python from the context, for plugins that use them."""
    start = int(torch.randint(2**31, (), generator=ctx.rng("global")))
    random.seed(start)
    torch.manual_seed(start)
    np.random.seed(start)  # noqa: NPY002
