"""The referee: applies a method to a set and enforces its budget; counts a classifier's correct answers.

Plugins only get copies. If a plugin writes into one, at once or later, this changes neither the owner's images and
labels, nor the images that its results are compared with, nor the clean test set.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from uebench.data.dataset import Dataset
from uebench.data.images import perturbed
from uebench.errors import CellError
from uebench.metrics import predict
from uebench.norms import NORMS, TOLERANCE
from uebench.ops import to_levels
from uebench.plugins.base import Batch, Budget, Classifier, Context, Countermeasure, ImageSet, Method, Split
from uebench.store import answers

BATCH = 64
"""The largest number of images protected at once."""


def image_set(split: Split, num_classes: int, device: torch.device) -> ImageSet:
    """Copy a split to a device, as uint8."""
    return ImageSet(torch.tensor(split.images, device=device), torch.tensor(split.labels, device=device), num_classes)


def fit(method: Method[Any], clean: ImageSet, ctx: Context) -> None:
    """Fit a method on a copy of a set."""
    method.fit(replace(clean, images=clean.images.clone(), labels=clean.labels.clone()), ctx)


def protect(method: Method[Any], clean: ImageSet, budget: Budget, ctx: Context) -> NDArray[np.int8] | NDArray[np.int16]:
    """Protect a set with a fitted method, and check every batch.

    Args:
        method: A fitted method.
        clean: The set to protect; no plugin may hold a reference to it (``fit`` gives the method a copy).
        budget: The method's budget, which it was asked for before it protected anything.
        ctx: Its context.

    Returns:
        (N, 3, H, W) int8, or int16 if a change exceeds 127: protected minus clean in grey levels.

    Raises:
        CellError: If the method returns images of another shape or device, or with NaN or infinite values, or if they
            exceed its budget or [0, 1].
    """
    parts, done = [], 0
    rows = torch.arange(len(clean), device=clean.images.device)
    for index in torch.split(rows, batch_size(clean.size, clean.images.device)):
        parts.append(protect_batch(method, clean.batch(index.clone()), clean.images[index], budget, ctx))
        done += len(index)
        ctx.progress(done, len(clean), "protecting")
    delta = torch.cat(parts)
    return (delta.to(torch.int8) if delta.abs().max() <= 127 else delta).numpy()


def batch_size(size: int, device: torch.device) -> int:
    """Return the number of images of ``size`` pixels that are protected at once.

    On a CPU, it is so small that a generator's activations fit into the cache: at 224 pixels, Segue takes twice as long
    per image in batches of 64.
    """
    return min(BATCH, max(1, 64**3 // size**2)) if device.type == "cpu" else BATCH


def protect_batch(method: Method[Any], batch: Batch, clean: torch.Tensor, budget: Budget, ctx: Context) -> torch.Tensor:
    """Protect a batch with a fitted method, and check it.

    Args:
        method: A fitted method.
        batch: The batch for the method, which may write into it.
        clean: The same images, (B, 3, H, W) uint8, in separate memory.
        budget: The method's budget for the whole set.
        ctx: Its context.

    Returns:
        (B, 3, H, W) int16 on the CPU: protected minus clean in grey levels.

    Raises:
        CellError: See ``protect``.
    """
    with torch.no_grad():
        images = method.perturb(batch, ctx)
    protected = check(method.name, images, clean.float() / 255, budget)
    return to_levels(protected, clean, budget).cpu()


def check(name: str, images: object, clean: torch.Tensor, budget: Budget) -> torch.Tensor:
    """Return a protected batch without its gradient, if it keeps the rules.

    Args:
        name: The method's name, for messages.
        images: The value that ``perturb`` returned.
        clean: The clean images, (B, 3, H, W) float32 in [0, 1].
        budget: The method's budget.

    Raises:
        CellError: If it breaks a rule; the message names the method, the fault and the remedy.
    """
    protected = check_form(name, images, clean)
    check_range(name, protected)
    check_budget(name, protected, clean, budget)
    return protected


def check_form(name: str, images: object, clean: torch.Tensor) -> torch.Tensor:
    """Return ``images`` without a gradient if type, shape, dtype, device and layout are right; see ``check``."""
    if not isinstance(images, torch.Tensor) or images.shape != clean.shape:
        got = tuple(images.shape) if isinstance(images, torch.Tensor) else type(images).__name__
        raise CellError(f"method {name!r}: perturb returned {got}, not images of shape {tuple(clean.shape)}")
    if not images.is_floating_point():
        raise CellError(f"method {name!r}: perturb returned {images.dtype}; return float images in [0, 1]")
    if images.device != clean.device:
        raise CellError(
            f"method {name!r}: perturb returned images on {images.device}, and was given them on {clean.device}; "
            "use .to(batch.images.device)"
        )
    if images.layout != torch.strided:
        raise CellError(f"method {name!r}: perturb returned layout {images.layout}; return .to_dense() of the images")
    return images.detach()


def check_range(name: str, images: torch.Tensor) -> None:
    """Check that all pixels are finite and in [0, 1]; see ``check``."""
    if not bool(torch.isfinite(images).all()):
        raise CellError(f"method {name!r}: perturb returned NaN or infinity; check its divisions and logarithms")
    low, high = images.aminmax()
    if float(low) < -TOLERANCE or float(high) > 1 + TOLERANCE:
        raise CellError(f"method {name!r}: perturb returned pixels in [{low:.3g}, {high:.3g}]; clamp them to [0, 1]")


def check_budget(name: str, images: torch.Tensor, clean: torch.Tensor, budget: Budget) -> None:
    """Check that the perturbation is within the budget; see ``check``."""
    norm = NORMS[budget.norm]
    size = float(norm.size(images - clean).max())
    if not norm.allows(size, budget.eps):
        raise CellError(
            f"method {name!r}: exceeds its budget: {budget.norm} {norm.text(size)}, allowed {norm.text(budget.eps)}; "
            "project in perturb (uebench.ops.project) or declare a larger budget"
        )


def spared(measures: Iterable[Countermeasure[Any]], dataset: Dataset, ctx: Context) -> NDArray[np.bool_]:
    """Return which training images (N,) the attacker holds unprotected, according to its countermeasures.

    Args:
        measures: All countermeasures, in order: the random stream of each depends on its position.
        dataset: The data set whose training images they choose from.
        ctx: The attacker's context, for seeds.

    Raises:
        CellError: If ``on_scope`` of a countermeasure does not return (N,) bool.
    """
    labels = torch.tensor(dataset.train.labels)
    left_out = torch.zeros_like(labels, dtype=torch.bool)
    for number, measure in enumerate(measures):
        chosen = measure.on_scope(labels.clone(), dataset.num_classes, ctx.rng("scope", number))
        is_tensor = isinstance(chosen, torch.Tensor)
        if not is_tensor or chosen.shape != labels.shape or chosen.dtype != torch.bool:
            got = f"{tuple(chosen.shape)} {chosen.dtype}" if is_tensor else type(chosen).__name__
            raise CellError(
                f"countermeasure {measure.name!r}: on_scope returned {got}; return a tensor ({len(labels)},) torch.bool"
            )
        left_out |= chosen
    return left_out.numpy()


def apply(dataset: Dataset, delta: NDArray[Any], spared: NDArray[np.bool_] | None = None) -> Split:
    """Return the training split with the perturbation, except for the spared images.

    Args:
        dataset: The clean data set.
        delta: (N, 3, H, W) integers: protected minus clean, in grey levels.
        spared: (N,) bool, True for images that stay clean; None if there are none.
    """
    applied = delta if spared is None else np.where(spared[:, None, None, None], 0, delta)
    return Split(perturbed(dataset.train.images, applied), dataset.train.labels)


IN_TRAINING = (
    "the attacker's classifier is in train mode, where batch normalisation and dropout change its answers; call eval() "
    "before ctx.examine, and before fit returns"
)


def is_in_training(classifier: Classifier) -> bool:
    """Return whether a network, or a part of it, is in train mode."""
    return isinstance(classifier, torch.nn.Module) and any(part.training for part in classifier.modules())


class Examiner:
    """Tests classifiers on the clean test set.

    Attributes:
        test: A copy of the clean test set, sorted by identity.
    """

    def __init__(self, dataset: Dataset, device: torch.device) -> None:
        """Copy the test set to a device."""
        order = np.argsort(dataset.test.labels, kind="stable")
        split = Split(dataset.test.images[order], dataset.test.labels[order])
        self.test = image_set(split, dataset.num_classes, device)

    def predict(self, classifier: Classifier) -> NDArray[np.int64]:
        """Return the predicted identity of each photograph, (N,) int64.

        Raises:
            CellError: If the classifier is in train mode: batch normalisation would learn from the test photographs.
        """
        if is_in_training(classifier):
            raise CellError(IN_TRAINING)
        return predict(classifier, self.test).numpy()

    def predict_shuffled(self, classifier: Classifier) -> NDArray[np.int64]:
        """Return what ``predict`` returns, with the photographs in random order and in at least two batches."""
        order = torch.randperm(len(self.test), generator=torch.Generator().manual_seed(0))
        rows = order.to(self.test.images.device)
        shuffled = replace(self.test, images=self.test.images[rows], labels=self.test.labels[rows])
        predicted = torch.empty_like(order)
        predicted[order] = predict(classifier, shuffled, min(100, -(-len(order) // 2)))
        return predicted.numpy()

    def __call__(self, classifier: Classifier) -> str:
        """Return the encoded answers; see ``uebench.store.answers``."""
        return answers.encode(self.predict(classifier).tolist())
