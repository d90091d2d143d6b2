"""A method as a caller chose it: what protecting arrays and protecting a folder have in common."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from uebench.errors import UsageError
from uebench.evaluation import referee
from uebench.evaluation.context import RunContext
from uebench.evaluation.hardware import choose_device
from uebench.evaluation.seeding import seed_everything
from uebench.planning.parts import method_part
from uebench.plugins.base import Method, Shape, Split
from uebench.plugins.registry import Registry
from uebench.plugins.spec import parse
from uebench.progress import Progress
from uebench.store.store import Store


class ChosenMethod:
    """A method with its options and side information, on one device and with one seed."""

    def __init__(self, text: str, shape: Shape, preset: str, seed: int, device: str, registry: Registry) -> None:
        """Find the method and see whether it can serve the set.

        Args:
            text: ``name(option=value)``.
            shape: What is known of the set to protect.
            preset: Where options come from that ``text`` leaves out.
            seed: Of all that is random.
            device: As ``choose_device`` takes it.
            registry: Where methods are named.

        Raises:
            UsageError: If a name or an option is wrong, or the method cannot serve the set.
        """
        self.part, self.side = method_part(registry, parse(text), preset)
        self.plugin: Method[Any] = self.part.build()
        self.seed, self.device = seed, choose_device(device)
        if reason := self.side.obstacle() or self.plugin.obstacle(shape):
            raise UsageError(f"method {text!r}: {reason}")
        self.assets: tuple[Path, ...] = (*self.plugin.assets(shape.size), *self.side.assets())

    def fit(self, split: Split, num_classes: int, *, store: Store | None, key: str, progress: Progress | None) -> None:
        """Let the method learn from the images.

        Args:
            split: The images, with the labels that the method may see; a copy, since a method may change it.
            num_classes: K.
            store: Where checkpoints go, so that a killed call can resume; None for none.
            key: Names this fit in the store.
            progress: Told how far the fit is.
        """
        ctx = self.context(progress, store=store, key=key, stage="fit")
        self.plugin.fit(referee.image_set(split, num_classes, self.device), ctx)

    def context(self, progress: Progress | None, **checkpoints: Any) -> RunContext:  # noqa: ANN401
        """Return a new context, with all global generators seeded from it.

        Args:
            progress: Told how far the work is.
            checkpoints: Where they go, as ``RunContext`` takes it.
        """
        ctx = RunContext(self.device, self.seed, progress=progress, **checkpoints)
        seed_everything(ctx)
        return ctx
