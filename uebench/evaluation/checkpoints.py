"""The checkpoints of a task: what they hold, when one is due, and which one is used.

A checkpoint is a file of tensors. Its header has the step and the values of the plugin, the history of the task, and
the code that wrote it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Protocol, Self

from safetensors.torch import load

from uebench import __version__
from uebench.plugins.base import Checkpoint
from uebench.progress import Progress
from uebench.tensor_files import header_of, packed

SHARE = 0.02
"""The largest share of the time for writing checkpoints; a large model on a fast device would take most of it."""
EARLY = 5.0
"""No checkpoint is written in the first seconds, which are quickly computed again, unless the task must end."""


class History:
    """What has happened in a task so far, in all of its stages and all processes that worked on it.

    Attributes:
        rounds: The logged rounds of a method's training.
        examined: The encoded answers of each classifier that was examined.
    """

    def __init__(self) -> None:
        """Begin a task."""
        self.rounds: list[dict[str, Any]] = []
        self.examined: list[str] = []
        self._started, self._earlier = time.perf_counter(), 0.0

    @property
    def seconds(self) -> float:
        """Return the seconds that the task took, including earlier processes up to their last checkpoint."""
        return self._earlier + time.perf_counter() - self._started

    @property
    def has_resumed(self) -> bool:
        """Return whether an earlier process worked on the task."""
        return self._earlier > 0

    def saved(self) -> dict[str, Any]:
        """Return what a checkpoint keeps of it."""
        return {"seconds": self.seconds, "rounds": self.rounds, "examined": self.examined}

    def resume(self, saved: Mapping[str, Any]) -> None:
        """Add what a checkpoint kept, unless another stage has added more already."""
        self._earlier = max(self._earlier, saved["seconds"])
        self.rounds = max(self.rounds, saved["rounds"], key=len)
        self.examined = max(self.examined, saved["examined"], key=len)


class CheckpointStore(Protocol):
    """What keeps the newest checkpoint of each stage: the results folder, or the memory of a test."""

    def write_checkpoint(self, key: str, stage: str, content: bytes) -> None:
        """Write the newest checkpoint of a stage."""

    def read_checkpoint(self, key: str, stage: str) -> bytes | None:
        """Return the newest checkpoint of a stage, or None if there is none or it is damaged."""


class Checkpoints:
    """The checkpoints of one stage of a task."""

    def __init__(self, store: CheckpointStore, key: str, stage: str, sources: Mapping[str, str] | None = None) -> None:
        """Begin a stage; the first checkpoint is due some seconds later.

        Args:
            store: Where they are kept.
            key: The key of the cell or protected set.
            stage: The name of the stage among those of the key, such as ``fit`` or ``train``.
            sources: The source digest of each plugin of the task, by name. A checkpoint of other code, or of another
                version of uebench, is not used.
        """
        self._store, self._key, self._stage = store, key, stage
        self._sources = dict(sources or {})
        self._code = {"uebench": __version__, "plugins": self._sources}
        self._next = time.perf_counter() + EARLY

    def of_stage(self, name: str) -> Self:
        """Return the checkpoints of a stage within this one, which begins now."""
        return type(self)(self._store, self._key, f"{self._stage}.{name}", self._sources)

    @property
    def is_due(self) -> bool:
        """Return whether enough time has passed since the last one."""
        return time.perf_counter() >= self._next

    def write(self, checkpoint: Checkpoint, history: History) -> None:
        """Write a checkpoint, due or not.

        Args:
            checkpoint: What the plugin saves.
            history: The history of the task, which is saved with it.
        """
        started = time.perf_counter()
        meta = {"step": checkpoint.step, "values": checkpoint.values, **history.saved(), "code": self._code}
        self._store.write_checkpoint(self._key, self._stage, packed(checkpoint.state, meta))
        written = time.perf_counter()
        self._next = written + (written - started) / SHARE

    def read(self, progress: Progress) -> tuple[Checkpoint, dict[str, Any]] | None:
        """Return the last checkpoint, and what it kept of the history of the task.

        Args:
            progress: Called if there is a checkpoint of other code.

        Returns:
            None if there is no checkpoint, or it is damaged, or of other code.
        """
        content = self._store.read_checkpoint(self._key, self._stage)
        if content is None:
            return None
        meta = header_of(content)
        if meta.get("code") != self._code or "examined" not in meta:
            progress(0, 0, "starting anew: the code has changed since the checkpoint")
            return None
        return Checkpoint(load(content), meta["step"], meta["values"]), meta
