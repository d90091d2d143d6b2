"""What the referee lends a plugin while it works: seeds, checkpoints, progress."""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from uebench.plugins.base import Checkpoint, Classifier
from uebench.progress import Progress
from uebench.store.store import Store

if TYPE_CHECKING:
    from torch import Tensor


SHARE = 0.02
"""What checkpoints may take of the time: a large model on a fast device would spend most of it on them."""


class RunContext:
    """The context of one stage (a fit, or a training) of one key."""

    def __init__(
        self,
        device: torch.device,
        seed: int,
        *,
        store: Store | None = None,
        key: str = "",
        stage: str = "",
        progress: Progress | None = None,
        examine: Callable[[Classifier], dict[str, int]] | None = None,
    ) -> None:
        """Tie a stage to its seed and, if it is to survive a kill, to a store."""
        self.device = device
        self.seed = seed
        self._store, self._key, self._stage = store, key, stage
        self._progress, self._examine = progress, examine
        self._started, self._earlier = time.perf_counter(), 0.0
        self._rest = -math.inf  # until then the last checkpoint is new enough

    @property
    def seconds(self) -> float:
        """Return how long the stage has worked, killed sessions included as far as they were saved."""
        return self._earlier + time.perf_counter() - self._started

    def rng(self, *stream: str | int) -> torch.Generator:
        """Return a CPU generator that depends on the seed and the stream's name only."""
        name = json.dumps([self.seed, *stream]).encode()
        return torch.Generator().manual_seed(int.from_bytes(hashlib.sha256(name).digest()[:8], "big") >> 1)

    def progress(self, done: int, total: int, text: str) -> None:
        """Show how far the work is."""
        if self._progress:
            self._progress(done, total, text)

    def save(self, state: Mapping[str, Tensor], step: int, **values: object) -> None:
        """Keep ``state`` so that a killed run goes on after ``step``, unless the last checkpoint is too young."""
        started = time.perf_counter()
        if self._store is None or started < self._rest:
            return
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}
        meta = {"uebench": json.dumps({"step": step, "values": values, "seconds": self.seconds})}
        self._store.write_checkpoint(self._key, self._stage, save(tensors, metadata=meta))
        written = time.perf_counter()
        self._rest = written + (written - started) / SHARE

    def restore(self) -> Checkpoint | None:
        """Return what was last saved, or None; an unreadable checkpoint counts as none."""
        content = self._store.read_checkpoint(self._key, self._stage) if self._store else None
        if content is None:
            return None
        try:
            head = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
            meta = json.loads(head["__metadata__"]["uebench"])
            self._earlier = meta["seconds"]
            return Checkpoint(load(content), meta["step"], meta["values"])
        except (SafetensorError, KeyError, ValueError):
            return None

    def examine(self, classifier: Classifier) -> dict[str, Any]:
        """Let the referee count, where there is one."""
        return self._examine(classifier) if self._examine else {}
