"""``uebench.attack``: attack images in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from uebench.analysis.statistics import wilson
from uebench.api.arrays import Images, class_numbers, grey_levels
from uebench.api.workspace import Texts, plugin_files
from uebench.data.dataset import Dataset, of_arrays
from uebench.errors import UsageError
from uebench.evaluation import referee
from uebench.evaluation.attack import attack as train_and_count
from uebench.evaluation.context import RunContext
from uebench.evaluation.hardware import choose_device
from uebench.evaluation.isolation import process_restored
from uebench.evaluation.records import epochs
from uebench.planning.parts import attacker_parts
from uebench.planning.seeds import seed_of
from uebench.plugins import presets, questions
from uebench.plugins.base import Split
from uebench.plugins.registry import Registry
from uebench.progress import Progress, no_progress
from uebench.store.record_parts import Counts, Epoch

if TYPE_CHECKING:
    from uebench.plugins.base import Classifier


@dataclass(frozen=True, slots=True)
class AttackResult:
    """The result of an attack.

    Attributes:
        counts: Number of clean test images recognised after the last epoch, and of all.
        per_identity: The same for each label.
        curve: One entry per epoch: training loss, correct training images, correct test images.
        classifier: The trained model: images (B, 3, S, S) float32 in [0, 1] -> logits (B, K), in the sorted order of
            the labels.
    """

    counts: Counts
    per_identity: dict[Any, Counts]
    curve: tuple[Epoch, ...]
    classifier: Classifier

    @property
    def accuracy(self) -> float:
        """Return the clean test accuracy, between 0 and 1."""
        return self.counts.share

    @property
    def interval(self) -> tuple[float, float]:
        """Return its 95% Wilson interval."""
        return wilson(self.counts.correct, self.counts.n)

    @property
    def chance(self) -> float:
        """Return the accuracy of guessing."""
        return 1 / len(self.per_identity)


def attack(
    images: Images,
    labels: object,
    test_images: Images,
    test_labels: object,
    attacker: str = "resnet18",
    *,
    seed: int = 0,
    preset: str = presets.DEFAULT,
    device: str = "auto",
    plugins: Texts = (),
    progress: Progress | None = None,
) -> AttackResult:
    """Train an attacker on images, protected or not, and count the clean test images that it recognises.

    Args:
        images: (N, 3, S, S) or (N, S, S, 3): a NumPy array or a torch tensor, uint8 or float in [0, 1].
        labels: (N,) the identity on each image: whole numbers or names, at least two different ones.
        test_images: Clean images of the same people and size; the attacker never sees them.
        test_labels: The identities on them, the same as in ``labels``.
        attacker: ``architecture(option=value)+countermeasure(option=value)``.
        seed: The attacker's seed.
        preset: Sets the options that ``attacker`` leaves out. The size of the images does not depend on it.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:1``.
        plugins: Python files with your own attackers.
        progress: Called with (done, total, text).

    Returns:
        Counts, learning curve and classifier.

    Raises:
        UsageError: If an argument is wrong; the message names it.
        CellError: If a plugin breaks its contract, or the training diverges.

    Example:
        >>> import numpy as np
        >>> import uebench
        >>> images = np.random.default_rng(0).integers(0, 256, (8, 32, 32, 3), dtype=np.uint8)
        >>> people = ["ann", "bob"] * 4
        >>> uebench.attack(images, people, images, people, "resnet18(epochs=1)", preset="smoke").counts.n
        8
    """
    dataset, names = _dataset(images, labels, test_images, test_labels)
    presets.get(preset)
    seed = seed_of(seed)
    chain = attacker_parts(Registry(plugin_files(plugins)), attacker, preset)
    for part in chain:
        if reason := questions.obstacle(part.plugin, dataset.info.shape):
            raise UsageError(f"attacker {attacker!r}: {reason}")
        if getattr(part.plugin, "place", "") == "scope":
            raise UsageError(f"attacker {attacker!r}: {part.name} needs the unprotected images too; use uebench.run")
    torch_device = choose_device(device)
    examine = referee.Examiner(dataset, torch_device)
    ctx = RunContext(torch_device, seed, role="attacker", progress=progress or no_progress, examine=examine)
    with process_restored(torch_device):
        done = train_and_count(chain[0], chain[1:], dataset, np.zeros((), np.int8), ctx)
    curve = tuple(epochs(done.trained))
    return AttackResult(done.counts, dict(zip(names, done.per_identity, strict=True)), curve, done.trained.classifier)


def _dataset(images: Images, labels: object, test_images: Images, test_labels: object) -> tuple[Dataset, list[Any]]:
    """Return the arrays as a data set, and the identities in sorted order."""
    pixels, test_pixels = grey_levels(images).pixels, grey_levels(test_images, name="test_images").pixels
    if pixels.shape[1:] != test_pixels.shape[1:]:
        raise UsageError(f"test_images: {test_pixels.shape[-1]} pixels, images {pixels.shape[-1]}; use one size")
    numbers, names = class_numbers(labels, len(pixels))
    test_numbers, test_names = class_numbers(test_labels, len(test_pixels), "test_labels")
    if names != test_names:
        raise UsageError("test_labels: not the same people as in labels; each person needs images in both")
    return of_arrays(Split(pixels, numbers), Split(test_pixels, test_numbers)), names
