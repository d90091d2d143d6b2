"""What the referee lends a plugin while it works: seeds, checkpoints, progress."""

from __future__ import annotations

import copy
import hashlib
import json
import math
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Self

import torch
from safetensors.torch import load, save

from uebench.evaluation.stopping import Stop, Stopped
from uebench.plugins.base import Checkpoint, Classifier
from uebench.progress import Progress
from uebench.store.store import Store

if TYPE_CHECKING:
    from torch import Tensor


SHARE = 0.02
"""What checkpoints may take of the time: a large model on a fast device would spend most of it on them."""
EARLY = 5.0
"""Seconds of work that are sooner done again than kept: no checkpoint comes earlier, unless the task is to end."""


class Clock:
    """How long a piece of work has taken, over all processes that worked on it."""

    def __init__(self) -> None:
        """Start at zero."""
        self._started, self._earlier = time.perf_counter(), 0.0

    @property
    def seconds(self) -> float:
        """Return the time so far."""
        return self._earlier + time.perf_counter() - self._started

    def resume(self, seconds: float) -> None:
        """Add what earlier processes took, if it is not counted yet."""
        self._earlier = max(self._earlier, seconds)


class RunContext:
    """The context of one task (a fit, or a training) of one key, or of a stage of it."""

    def __init__(
        self,
        device: torch.device,
        seed: int,
        *,
        store: Store | None = None,
        key: str = "",
        stage: str = "",
        progress: Progress | None = None,
        examine: Callable[[Classifier], dict[str, Any]] | None = None,
        stop: Stop | None = None,
    ) -> None:
        """Tie a task to its seed and, if it is to survive a kill, to a store.

        Args:
            device: Where the plugin should compute.
            seed: What all random streams derive from.
            store: Where checkpoints go; None keeps none.
            key: The cell or protected set that they belong to.
            stage: The task's name among those of the key, such as ``fit`` or ``train``.
            progress: Called with (done, total, what).
            examine: Asks a classifier about the clean test set; what it returns joins the epoch's line of the curve.
            stop: Says when the task is to end at a checkpoint, before it is done.
        """
        self.device = device
        self.seed = seed
        self._store, self._key, self._stage = store, key, stage
        self._progress, self._examine = progress, examine
        self._clock = Clock()
        self._rounds: list[dict[str, Any]] = []
        self._rest = time.perf_counter() + EARLY  # until then there is no need of a checkpoint
        self._stop = stop or Stop()
        self._saved = time.perf_counter()  # when a checkpoint was last offered

    @property
    def seconds(self) -> float:
        """Return how long the whole task has worked, killed sessions included as far as they were saved."""
        return self._clock.seconds

    def stage(self, name: str) -> Self:
        """Return a context with checkpoints of its own; all else is shared.

        Raises:
            ValueError: If ``name`` is not an identifier: it becomes part of a file's name.
        """
        if not name.isidentifier():
            raise ValueError(f"stage {name!r}: not an identifier; use letters, digits and underscores")
        part = copy.copy(self)
        part._stage, part._saved = f"{self._stage}.{name}", time.perf_counter()
        part._rest = part._saved + EARLY
        return part

    def rng(self, *stream: str | int) -> torch.Generator:
        """Return a CPU generator that depends on the seed and the stream's name only."""
        name = json.dumps([self.seed, *stream]).encode()
        return torch.Generator().manual_seed(int.from_bytes(hashlib.sha256(name).digest()[:8], "big") >> 1)

    def progress(self, done: int, total: int, text: str) -> None:
        """Show how far the work is; what a plugin gives instead of numbers and a text fails here, in its own task."""
        if self._progress:
            self._progress(int(done), int(total), str(text))

    @property
    def rounds(self) -> list[dict[str, Any]]:
        """Return what a method logged of each round of its training, killed sessions included."""
        return self._rounds

    def log(self, *, surrogate: float | None = None, objective: float | None = None, stopped: str = "") -> None:
        """Remember a round; numbers that are not finite, which JSON cannot hold, count as none."""
        losses = {"surrogate": surrogate, "objective": objective}
        finite = {name: float(loss) for name, loss in losses.items() if loss is not None and math.isfinite(loss)}
        self._rounds.append({**finite, "stopped": str(stopped)})

    def save(self, state: Mapping[str, Tensor], step: int, **values: object) -> None:
        """Keep ``state`` so that a killed run resumes after ``step``, unless there is too little to lose.

        Raises:
            Stopped: If the task is to end, or would be told to before the next checkpoint.
        """
        started = time.perf_counter()
        ends = self._stop.comes_within(started - self._saved)
        self._saved = started
        if self._store is None or (started < self._rest and not ends):
            return
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}
        meta = {
            "uebench": json.dumps({"step": step, "values": values, "seconds": self.seconds, "rounds": self._rounds})
        }
        self._store.write_checkpoint(self._key, self._stage, save(tensors, metadata=meta))
        written = time.perf_counter()
        self._rest = written + (written - started) / SHARE
        if ends:
            raise Stopped

    def restore(self) -> Checkpoint | None:
        """Return what was last saved, or None; the store answers for its digest, and a damaged one counts as none."""
        content = self._store.read_checkpoint(self._key, self._stage) if self._store else None
        if content is None:
            return None
        head = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        meta = json.loads(head["__metadata__"]["uebench"])
        self._clock.resume(meta["seconds"])
        saved: list[dict[str, Any]] = meta.get("rounds", [])
        if len(saved) > len(self._rounds):
            self._rounds[:] = saved  # in place: stages share them
        return Checkpoint(load(content), meta["step"], meta["values"])

    def examine(self, classifier: Classifier) -> dict[str, Any]:
        """Let the referee count, where there is one."""
        return self._examine(classifier) if self._examine else {}
