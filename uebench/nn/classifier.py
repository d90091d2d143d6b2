"""Face recognition networks from timm, all with one normalisation and images in [0, 1]."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import timm
import torch
from torch import Tensor, nn
from torch.fx.experimental.optimization import fuse
from torch.nn import functional

from uebench.errors import UsageError, nearest

Stem = Literal["imagenet", "small"]

MIN_SIZE = {"inception_v3": 75}
"""Architectures that need larger images than they may get, and how large (pixels)."""


class FaceClassifier(nn.Module):
    """A network that maps images (B, 3, H, W) float32 in [0, 1] to logits (B, K).

    Images are scaled to [-1, 1] whatever the architecture, and enlarged (bilinear) where it needs more pixels.
    """

    def __init__(self, network: nn.Module, details: dict[str, Any], input_size: int) -> None:
        """Wrap ``network``; ``details`` say what the record should know of it."""
        super().__init__()
        self.network = network
        self.details = details
        self.input_size = input_size

    def forward(self, images: Tensor) -> Tensor:
        """Return logits."""
        if images.shape[-1] != self.input_size:
            images = functional.interpolate(images, size=self.input_size, mode="bilinear", align_corners=False)
        normalised = images.mul(2).sub(1).contiguous(memory_format=torch.channels_last)
        return self.network(normalised)  # type: ignore[no-any-return]


def classifier(model: str, num_classes: int, size: int, *, stem: Stem = "imagenet") -> FaceClassifier:
    """Make an untrained network.

    Args:
        model: A name of timm's, such as ``resnet18`` or ``mobilenetv1_100``.
        num_classes: K.
        size: Height and width of the images in pixels.
        stem: ``imagenet``: as published. ``small``: 3x3 stride-1 first convolution without max-pooling (ResNets only),
            which keeps all pixels of small images.

    Raises:
        UsageError: If timm has no such model, or the stem does not exist for it.
    """
    if not timm.is_model(model):
        raise UsageError(f"timm has no model {model!r}; {nearest(model, timm.list_models())}")
    input_size = max(size, MIN_SIZE.get(model, 0))
    options: dict[str, Any] = {"num_classes": num_classes, "pretrained": False}
    if model == "inception_v3":
        options["aux_logits"] = False
    try:
        network = timm.create_model(model, **options)
    except TypeError:
        raise UsageError(f"timm's {model!r} cannot be built with {num_classes} classes; choose another model") from None
    if stem == "small":
        if not isinstance(network, timm.models.ResNet):
            raise UsageError(f"stem=small: {model} has no small stem; only ResNets do")
        first = nn.Conv2d(3, 64, 3, padding=1, bias=False)
        nn.init.kaiming_normal_(first.weight, mode="fan_out", nonlinearity="relu")
        network.set_submodule("conv1", first)
        network.set_submodule("maxpool", nn.Identity())
    details = {
        "model": model,
        "stem": stem,
        "input_size": input_size,
        "upsampled_from": size if input_size != size else None,
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "normalisation": "mean 0.5, std 0.5",
    }
    return FaceClassifier(network, details, input_size).to(memory_format=torch.channels_last)


def frozen(model: FaceClassifier) -> FaceClassifier:
    """Return a copy in eval mode that answers the same but has no weight gradients and no batch normalisation.

    Each normalisation's scale and shift go into the weights of the convolution before it, so that a gradient with
    respect to images costs less.
    """
    network = fuse(copy.deepcopy(model.network).eval())
    return FaceClassifier(network, model.details, model.input_size).eval().requires_grad_(False)


@contextmanager
def trainable(model: nn.Module, on: bool) -> Iterator[None]:
    """Put ``model`` in train mode with weight gradients, or in eval mode without, and back again."""
    mode, wanted = model.training, [parameter.requires_grad for parameter in model.parameters()]
    model.train(on).requires_grad_(on)
    try:
        yield
    finally:
        model.train(mode)
        for parameter, grad in zip(model.parameters(), wanted, strict=True):
            parameter.requires_grad_(grad)
