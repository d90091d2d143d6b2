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
from safetensors.torch import load, save

from uebench import __version__
from uebench.evaluation.stopping import Stop, Stopped
from uebench.plugins.base import Checkpoint, Classifier
from uebench.progress import Progress, no_progress
from uebench.store.store import Store

if TYPE_CHECKING:
    from torch import Tensor


SHARE = 0.02
"""The largest share of the time for writing checkpoints; a large model on a fast device would take most of it."""
EARLY = 5.0
"""No checkpoint is written in the first seconds, which are quickly computed again, unless the task must end."""


class Clock:
    """Measures the duration of a task over all processes that worked on it."""

    def __init__(self) -> None:
        """Start at zero."""
        self._started, self._earlier = time.perf_counter(), 0.0

    @property
    def seconds(self) -> float:
        """Return the seconds so far."""
        return self._earlier + time.perf_counter() - self._started

    @property
    def has_resumed(self) -> bool:
        """Return whether an earlier process worked on the task."""
        return self._earlier > 0

    def resume(self, seconds: float) -> None:
        """Add the seconds of earlier processes, unless they are counted already."""
        self._earlier = max(self._earlier, seconds)


class RunContext:
    """The context of a task, such as a fit or a training, or of a stage of it."""

    def __init__(
        self,
        device: torch.device,
        seed: int,
        *,
        role: str = "",
        store: Store | None = None,
        key: str = "",
        stage: str = "",
        sources: Mapping[str, str] | None = None,
        progress: Progress = no_progress,
        examine: Callable[[Classifier], str] | None = None,
        stop: Stop | None = None,
    ) -> None:
        """Create the context of a task.

        Args:
            device: The device that the plugin should compute on.
            seed: The seed of all random streams.
            role: Whose streams they are; streams of two roles differ under the same seed.
            store: The store for checkpoints, from which a killed task resumes; None for no checkpoints.
            key: The key of the cell or protected set.
            stage: The name of the task among those of the key, such as ``fit`` or ``train``.
            sources: The source digest of each plugin of the task, by name. A checkpoint of other code, or
                of another version of uebench, is not used.
            progress: Called with (done, total, what).
            examine: Returns the encoded answers of a classifier for the clean test set.
            stop: Decides when the task must end early, at a checkpoint.
        """
        self.device = device
        self.seed = seed
        self._root: object = [seed, role] if role else seed
        self._store, self._key, self._stage = store, key, stage
        self._code = {"uebench": __version__, "plugins": dict(sources or {})}
        self._progress, self._examine = progress, examine
        self._clock = Clock()
        self._rounds: list[dict[str, Any]] = []
        self._examined: list[str] = []
        self._next = time.perf_counter() + EARLY  # when the next checkpoint may be written
        self._stop = stop or Stop()
        self._saved = time.perf_counter()  # when ``save`` was last called

    @property
    def seconds(self) -> float:
        """Return the seconds that the whole task took, including killed processes up to their last checkpoint."""
        return self._clock.seconds

    @property
    def has_resumed(self) -> bool:
        """Return whether an earlier process, perhaps on other hardware, did a part of the task."""
        return self._clock.has_resumed

    def stage(self, name: str) -> Self:
        """Return a context with its own checkpoints that shares everything else.

        Raises:
            ValueError: If ``name`` is not an identifier; it becomes part of a file name.
        """
        if not name.isidentifier():
            raise ValueError(f"stage {name!r}: not an identifier; use letters, digits and underscores")
        part = copy.copy(self)
        part._stage, part._saved = f"{self._stage}.{name}", time.perf_counter()
        part._next = part._saved + EARLY
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
        return self._rounds

    @property
    def examined(self) -> Sequence[str]:
        """Return the encoded answers of each classifier that was examined, also in killed processes."""
        return tuple(self._examined)

    def log(self, *, surrogate: float | None = None, objective: float | None = None, stopped: str = "") -> None:
        """Log a round of a method's training; losses that are not finite are left out, as JSON cannot hold them."""
        losses = {"surrogate": surrogate, "objective": objective}
        finite = {name: float(loss) for name, loss in losses.items() if loss is not None and math.isfinite(loss)}
        self._rounds.append({**finite, "stopped": str(stopped)})

    def save(self, state: Mapping[str, Tensor], step: int, **values: object) -> None:
        """Write a checkpoint from which a killed run resumes after ``step``, unless the last one is too recent.

        Raises:
            Stopped: If the task must end now, or before the next checkpoint is expected.
        """
        started = time.perf_counter()
        ends = self._stop.comes_within(started - self._saved)
        self._saved = started
        if self._store is None or (started < self._next and not ends):
            return
        tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in state.items()}
        meta = {
            "step": step, "values": values, "seconds": self.seconds, "rounds": self._rounds,
            "examined": self._examined, "code": self._code,
        }  # fmt: skip
        content = save(tensors, metadata={"uebench": json.dumps(meta)})
        self._store.write_checkpoint(self._key, self._stage, content)
        written = time.perf_counter()
        self._next = written + (written - started) / SHARE
        if ends:
            raise Stopped

    def restore(self) -> Checkpoint | None:
        """Return the last checkpoint, or None if there is none, or it is damaged, or of other code."""
        self._saved = time.perf_counter()  # steps begin now, perhaps after another stage
        content = self._store.read_checkpoint(self._key, self._stage) if self._store else None
        if content is None:
            return None
        head = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        meta = json.loads(head["__metadata__"]["uebench"])
        if meta.get("code") != self._code or "examined" not in meta:
            self.progress(0, 0, "starting anew: the code has changed since the checkpoint")
            return None
        self._clock.resume(meta["seconds"])
        for shared, saved in ((self._rounds, meta["rounds"]), (self._examined, meta["examined"])):
            if len(saved) > len(shared):
                shared[:] = saved  # in place: stages share them
        self.progress(0, 0, f"resuming after step {meta['step']}")
        return Checkpoint(load(content), meta["step"], meta["values"])

    def examine(self, classifier: Classifier) -> dict[str, Any]:
        """Test a classifier on the clean test set; return the number of the test, or nothing without a referee."""
        if self._examine is None:
            return {}
        self._examined.append(self._examine(classifier))
        return {"examined": len(self._examined)}


def seed_everything(ctx: RunContext) -> None:
    """Seed the global generators of torch, NumPy and Python from the context, for plugins that use them."""
    start = int(torch.randint(2**31, (), generator=ctx.rng("global")))
    random.seed(start)
    torch.manual_seed(start)
    np.random.seed(start)  # noqa: NPY002
