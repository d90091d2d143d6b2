"""The accuracy of a trained classifier on the clean test set under a PGD attack (Madry et al., ICLR 2018)."""

from __future__ import annotations

import torch

from uebench.ops import sign_steps
from uebench.plugins.base import Batch, Classifier, Context, ImageSet
from uebench.store.record_parts import Counts, Robustness

STEPS = 20
REACH = 2.5
"""The total length of all steps, in radii: enough to reach every corner of the ball from a random start."""
BATCH = 100
"""The number of photographs attacked at once."""
NO_GRADIENT = "the classifier gives no gradient with respect to its images"


def robustness(classifier: Classifier, test: ImageSet, radius: float, ctx: Context) -> Robustness:
    """Attack every photograph of the clean test set, and count the photographs that are still recognised.

    Args:
        classifier: A trained classifier, in eval mode.
        test: The clean test set.
        radius: Radius of the L-inf ball around each photograph, on the [0, 1] pixel scale.
        ctx: The context that seeds the random starts.
    """
    if not _has_gradient(classifier, test):
        return Robustness(rho=radius, steps=STEPS, counts=None, reason=NO_GRADIENT)
    rng, correct, done = ctx.rng("robustness"), 0, 0
    for part in test.batches(BATCH):
        attacked = part.images + _attack(classifier, part, radius, rng)
        with torch.inference_mode():
            correct += int((classifier(attacked).argmax(1) == part.labels).sum())
        done += len(part.labels)
        ctx.progress(done, len(test), f"under attack (PGD-{STEPS})")
    return Robustness(rho=radius, steps=STEPS, counts=Counts(correct=correct, n=len(test)))


def _attack(classifier: Classifier, batch: Batch, radius: float, rng: torch.Generator) -> torch.Tensor:
    """Return a perturbation (B, 3, H, W) that increases the loss, found from a random start."""
    images = batch.images
    noise = (torch.rand(images.shape, generator=rng).to(images.device) * 2 - 1) * radius
    start = (images + noise).clamp(0, 1) - images

    def loss(points: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.cross_entropy(classifier(points), batch.labels)

    step = REACH * radius / STEPS
    return sign_steps(loss, images, radius=radius, step=step, steps=STEPS, ascend=True, start=start)


def _has_gradient(classifier: Classifier, test: ImageSet) -> bool:
    """Return whether the classifier has a gradient: not if it uses NumPy, and not if it rounds its images."""
    point = test.batch(torch.zeros(1, dtype=torch.int64, device=test.images.device)).images.requires_grad_()
    try:
        with torch.enable_grad():
            (gradient,) = torch.autograd.grad(classifier(point).amax(), point)
    except torch.OutOfMemoryError:
        raise
    except (RuntimeError, TypeError):  # the output has no graph, or a tensor with a graph was passed to NumPy
        return False
    return bool(gradient.any())
