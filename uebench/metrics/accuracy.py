"""A classifier's predictions for test images, and the number of correct ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from uebench.errors import CellError
from uebench.lazy import torch

if TYPE_CHECKING:
    from torch import Tensor

    from uebench.plugins.base import Classifier, ImageSet


def predict(classifier: Classifier, test: ImageSet, batch: int = 100) -> Tensor:
    """Return the identity with the highest logit for each image, (N,) int64 on the CPU.

    Args:
        classifier: Maps images in [0, 1] to logits.
        test: The test images.
        batch: The batch size.

    Raises:
        CellError: If the classifier does not return finite logits, one for each image and identity.
    """
    with torch.inference_mode():
        parts = [(len(part.labels), classifier(part.images)) for part in test.batches(batch)]
        for count, logits in parts:
            if not isinstance(logits, torch.Tensor) or logits.shape != (count, test.num_classes):
                got = tuple(logits.shape) if isinstance(logits, torch.Tensor) else type(logits).__name__
                wanted = (count, test.num_classes)
                raise CellError(f"the attacker's classifier returned {got} for {count} images; return logits {wanted}")
        logits = torch.cat([logits for _, logits in parts]).cpu()
    if not bool(torch.isfinite(logits).all()):
        raise CellError("the attacker's classifier returned NaN or infinity; its training diverged: lower its lr")
    return logits.argmax(1)


def count_correct(classifier: Classifier, test: ImageSet) -> int:
    """Return the number of images whose identity the classifier predicts; see ``predict``."""
    return int((predict(classifier, test) == test.labels.cpu()).sum())
