"""A method as the caller chose it, for the protection of arrays and of folders."""

from __future__ import annotations

from pathlib import Path

from uebench.errors import CellError, UsageError
from uebench.evaluation import referee
from uebench.evaluation.checkpoints import Checkpoints
from uebench.evaluation.context import RunContext, seed_everything
from uebench.evaluation.hardware import choose_device
from uebench.planning.parts import REFERENCE, method_part
from uebench.planning.seeds import seed_of
from uebench.plugins import questions
from uebench.plugins.base import Shape, Split
from uebench.plugins.part import source_digests
from uebench.plugins.registry import Registry
from uebench.plugins.spec import parse
from uebench.progress import Progress
from uebench.store.store import Store


class ChosenMethod:
    """A method with its options, side information, device and seed.

    Attributes:
        part: The method with its options.
        plugin: An instance of it.
        side: The labels that it gets.
        preset: The name of the preset that set the options which the caller left out.
        seed: Its seed.
        device: The device on which it runs.
        assets: The files that it reads.
    """

    def __init__(self, text: str, shape: Shape, preset: str, seed: int, device: str, registry: Registry) -> None:
        """Find the method and check that it can serve the set.

        Args:
            text: ``name(option=value)``.
            shape: The shape of the set to protect.
            preset: Sets the options that ``text`` leaves out.
            seed: The method's seed.
            device: See ``choose_device``.
            registry: The plugins.

        Raises:
            UsageError: If a name or an option is wrong, or the method cannot serve the set.
        """
        self.seed, self.preset = seed_of(seed), preset
        self.part, self.side = method_part(registry, parse(text), preset)
        self.plugin = self.part.build()
        self.device = choose_device(device)
        if reason := self.side.obstacle() or questions.obstacle(self.plugin, shape):
            raise UsageError(f"method {text!r}: {reason}")
        self.assets: tuple[Path, ...] = (*questions.assets(self.plugin, shape.size), *self.side.assets())

    def fit(self, split: Split, num_classes: int, *, store: Store | None, key: str, progress: Progress) -> None:
        """Fit the method to the images.

        Args:
            split: The images, with the labels that the method may see. The method gets a copy.
            num_classes: K, the number of classes.
            store: The store for checkpoints, from which a killed call can resume; None for no checkpoints.
            key: The key of the checkpoints.
            progress: Called with (done, total, text).
        """
        checkpoints = Checkpoints(store.work, key, "fit", source_digests([self.part])) if store else None
        ctx = self.context(progress, checkpoints)
        self.plugin.fit(referee.image_set(split, num_classes, self.device), ctx)

    def check_changed(self, is_changed: bool, further: str = "") -> None:
        """Check that a method other than the reference changed an image.

        Args:
            is_changed: Whether it changed any.
            further: What else is to be done if it changed none.

        Raises:
            CellError: If it changed none.
        """
        if not is_changed and self.part.name != REFERENCE:
            raise CellError(
                f"method {self.part.written!r}: changed no image under preset {self.preset!r}, so none is protected; "
                f"choose another preset, or options with a stronger perturbation{further}"
            )

    def context(self, progress: Progress, checkpoints: Checkpoints | None = None) -> RunContext:
        """Return a new context, and seed the global generators from it.

        Args:
            progress: Called with (done, total, text).
            checkpoints: Where checkpoints are kept; None for no checkpoints.
        """
        ctx = RunContext(self.device, self.seed, checkpoints=checkpoints, progress=progress)
        seed_everything(ctx)
        return ctx
