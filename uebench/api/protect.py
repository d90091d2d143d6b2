"""``uebench.protect``: protect images in memory."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from uebench.api.arrays import Images, class_numbers, grey_levels
from uebench.api.chosen_method import ChosenMethod
from uebench.api.workspace import Texts, as_path, plugin_files
from uebench.data.images import perturbed
from uebench.evaluation import referee
from uebench.evaluation.isolation import process_restored
from uebench.hashing import array_digest
from uebench.plugins import presets, questions
from uebench.plugins.base import Shape, Split
from uebench.plugins.registry import Registry
from uebench.progress import Progress, no_progress
from uebench.store.store import Store


def protect(
    images: Images,
    labels: object,
    method: str = "segue",
    *,
    seed: int = 0,
    preset: str = presets.DEFAULT,
    device: str = "auto",
    plugins: Texts = (),
    results: str | Path | None = None,
    progress: Progress | None = None,
) -> Images:
    """Protect images: return copies that look the same, and from which a model should learn little.

    The images form one set: a method may learn from all of them, and the perturbation of one image may depend on the
    others. The referee checks that the copies stay within the method's budget.

    Args:
        images: (N, 3, S, S) or (N, S, S, 3): a NumPy array or a torch tensor, uint8 or float in [0, 1]. Square, of any
            size that the method supports. Float images are first rounded to the nearest grey level k/255. The array
            itself is not changed.
        labels: (N,) the identity on each image: whole numbers or names, at least two different ones. The method sees
            them as classes 0..K-1 in sorted order.
        method: ``name`` or ``name(option=value)``. A method that comes with trained weights uses them where they fit
            the size of the images; otherwise it trains on the images.
        seed: The method's seed.
        preset: Sets the options that ``method`` leaves out. The size of the images does not depend on it.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:1``.
        plugins: Python files with your own methods.
        results: A results folder for checkpoints, so that a killed call can resume; None for no checkpoints.
        progress: Called with (done, total, text).

    Returns:
        The protected images as an array or tensor with the type, layout and device of ``images``. Float images have
        values k/255. Save them in a lossless format: JPEG compression removes part of the protection.

    Raises:
        UsageError: If an argument is wrong; the message names it.
        CellError: If the method exceeds its budget, does not return images, or changes none of them.
        StoreError: If ``results`` cannot be written.

    Example:
        >>> import numpy as np
        >>> import uebench
        >>> images = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), dtype=np.uint8)
        >>> protected = uebench.protect(images, ["ann", "ann", "bob", "bob"], method="lsp")
        >>> protected.shape, protected.dtype
        ((4, 32, 32, 3), dtype('uint8'))
    """
    given = grey_levels(images)
    numbers, names = class_numbers(labels, len(given.pixels))
    shape = Shape(given.pixels.shape[-1], tuple(np.bincount(numbers).tolist()))
    presets.get(preset)
    chosen = ChosenMethod.named(method, shape, preset, seed, device, Registry(plugin_files(plugins)))
    store = Store(as_path(results)) if results is not None else None
    split = Split(given.pixels, numbers)
    return given.like_original(_protected(chosen, split, len(names), store, progress or no_progress))


def _protected(
    chosen: ChosenMethod, original: Split, num_classes: int, store: Store | None, progress: Progress
) -> NDArray[np.uint8]:
    """Fit the method and return the protected pixels (N, 3, S, S)."""
    address = ""
    if store:
        address = chosen.address(arrays=[array_digest(original.images), array_digest(original.labels)])
    with store.claims.claim(address, progress=progress) if store else nullcontext(), process_restored(chosen.device):
        labels, _ = chosen.side.make(original, num_classes, chosen.seed)
        chosen.fit(Split(original.images, labels), num_classes, store=store, key=address, progress=progress)
        budget = questions.budget(chosen.plugin, original.images.shape[-1])
        clean = referee.image_set(Split(original.images, labels), num_classes, chosen.device)
        delta = referee.protect(chosen.plugin, clean, budget, chosen.context(progress))
    chosen.check_changed(bool(delta.any()))
    if store:
        store.work.forget(address)
    return perturbed(original.images, delta)
