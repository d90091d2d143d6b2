"""A method as the caller chose it, to protect arrays or folders, or to be trained on a data set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from uebench.data.side_information import SideInformation
from uebench.errors import CellError, UsageError, text_of
from uebench.evaluation import referee
from uebench.evaluation.checkpoints import Checkpoints
from uebench.evaluation.context import RunContext, seed_everything
from uebench.evaluation.hardware import choose_device
from uebench.evaluation.stopping import Stop
from uebench.hashing import cached_file_digest, key
from uebench.planning.parts import REFERENCE, method_part
from uebench.planning.seeds import seed_of
from uebench.plugins import questions
from uebench.plugins.base import Method, Shape, Split
from uebench.plugins.part import Part, source_digests
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

    def __init__(
        self,
        part: Part[Method[Any]],
        side: SideInformation,
        shape: Shape,
        preset: str,
        seed: int,
        device: torch.device,
        *,
        title: str = "",
    ) -> None:
        """Check that the method can serve the set.

        Args:
            part: The method with its options.
            side: The labels that it gets.
            shape: The shape of the set.
            preset: The name of the preset that set the options which the caller left out.
            seed: The method's seed.
            device: The device on which it runs.
            title: Its name in messages; by default as the caller wrote it.

        Raises:
            UsageError: If the method cannot serve the set.
        """
        self.part, self.side, self.preset, self.seed, self.device = part, side, preset, seed, device
        self.plugin = part.build()
        if reason := side.obstacle() or questions.obstacle(self.plugin, shape):
            raise UsageError(f"{title or part.written}: {reason}")
        self.assets: tuple[Path, ...] = (*questions.assets(self.plugin, shape.size), *side.assets())

    @classmethod
    def named(cls, text: str, shape: Shape, preset: str, seed: int, device: str, registry: Registry) -> ChosenMethod:
        """Find a method by its text, and check that it can serve the set.

        Args:
            text: ``name(option=value)``.
            shape: The shape of the set.
            preset: Sets the options that ``text`` leaves out.
            seed: The method's seed.
            device: See ``choose_device``.
            registry: The plugins.

        Raises:
            UsageError: If a name or an option is wrong, or the method cannot serve the set.
        """
        seed = seed_of(seed)
        part, side = method_part(registry, parse(text_of(text, "method")), preset)
        return cls(part, side, shape, preset, seed, choose_device(device), title=f"method {text!r}")

    def address(self, **images: object) -> str:
        """Return the key of checkpoints, which depends on the images, the method, its files and its seed.

        Args:
            images: What tells these images from others, under a name that no other kind of work uses.
        """
        return key(
            **images,
            method=self.part.published(),
            side_information=self.side.published(),
            assets=[cached_file_digest(file) for file in self.assets],
            seed=self.seed,
        )

    def fit(
        self,
        split: Split,
        num_classes: int,
        *,
        store: Store | None,
        key: str,
        progress: Progress,
        stop: Stop | None = None,
    ) -> float:
        """Fit the method to the images.

        Args:
            split: The images, with the labels that the method may see. The method gets a copy.
            num_classes: K, the number of classes.
            store: The store for checkpoints, from which a killed call can resume; None for no checkpoints.
            key: The key of the checkpoints.
            progress: Called with (done, total, text).
            stop: Decides when to end early, at a checkpoint.

        Returns:
            The seconds that this took, including killed calls up to their last checkpoint.

        Raises:
            Stopped: If ``stop`` asks for it.
        """
        checkpoints = Checkpoints(store.work, key, "fit", source_digests([self.part])) if store else None
        ctx = self.context(progress, checkpoints, stop)
        self.plugin.fit(referee.image_set(split, num_classes, self.device), ctx)
        return ctx.seconds

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

    def context(
        self, progress: Progress, checkpoints: Checkpoints | None = None, stop: Stop | None = None
    ) -> RunContext:
        """Return a new context, and seed the global generators from it.

        Args:
            progress: Called with (done, total, text).
            checkpoints: Where checkpoints are kept; None for no checkpoints.
            stop: Decides when to end early, at a checkpoint.
        """
        ctx = RunContext(self.device, self.seed, checkpoints=checkpoints, progress=progress, stop=stop)
        seed_everything(ctx)
        return ctx
