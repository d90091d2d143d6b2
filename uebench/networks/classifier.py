"""Face recognition networks from timm, all with one normalisation and images in [0, 1].

timm starts them differently from torchvision, which most authors use. In its ResNets, the last batch normalisation of
each block begins with factors of 0 rather than 1, so each block begins as its shortcut. Its Inception-V3 and
EfficientNet-B1 have no dropout. The small stem begins like their other convolutions, where authors keep the start of
``torch.nn.Conv2d``.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from itertools import chain
from typing import Any, Literal, Self

import timm
import torch
from timm.models import group_parameters
from torch import Tensor, nn
from torch.fx import symbolic_trace
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from uebench.errors import UsageError, nearest
from uebench.network_options import SMALL_UP_TO, Inputs, Precision, Stem

NORMALISATIONS: Mapping[Inputs, tuple[float, float]] = {"scaled": (0.5, 0.5), "raw": (0.0, 1.0), "centred": (0.5, 1.0)}
"""Mean and standard deviation that normalise images in [0, 1] to [-1, 1], [0, 1] or [-0.5, 0.5]."""

MIN_SIZE = {"inception_v3": 75}
"""The smallest images, in pixels, that an architecture takes; smaller ones are enlarged."""


class FaceClassifier(nn.Module):
    """A network that maps images (B, 3, H, W) float32 in [0, 1] to logits (B, K).

    Images are scaled to [-1, 1] for every architecture, unless ``normalise`` changes that, and enlarged (bilinear) if
    the architecture needs more pixels. With ``precision`` ``bfloat16`` every forward pass runs under autocast; weights
    and logits are always float32.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self, network: nn.Module, details: dict[str, Any], input_size: int, precision: Precision = "float32"
    ) -> None:
        """Wrap ``network``; ``details`` are its properties for the record."""
        super().__init__()
        self.network = network
        self.details = details
        self.input_size = input_size
        self.precision = precision
        self._trained: list[nn.Module] | None = None
        for name in ("mean", "std"):
            self.register_buffer(name, torch.full((3, 1, 1), 0.5), persistent=False)

    def normalise(self, mean: Sequence[float], std: Sequence[float]) -> None:
        """Subtract ``mean`` and divide by ``std``, one value per channel, as the weights of a checkpoint expect."""
        for buffer, values in ((self.mean, mean), (self.std, std)):
            buffer.copy_(torch.tensor(values).view(3, 1, 1))
        self.details["normalisation"] = f"mean {' '.join(map(str, mean))}, std {' '.join(map(str, std))}"

    def freeze(self, but: Literal["linear", "last_block", "frozen_stem"]) -> None:
        """Train the head alone (``linear``), also the last stage (``last_block``), or all but the first layers.

        Everything else keeps its weights and stays in eval mode, so that its running statistics do not change either.

        Raises:
            UsageError: If timm does not define the head or the stages of this architecture.
        """
        names = {name for name, _ in self.network.named_parameters() if in_head(self.network, name)}
        if not names:
            raise UsageError(f"mode={but}: timm does not say what the head of {self.details['model']} is; use full")
        if but != "linear":
            stages = _stages(self.network, self.details["model"], but)
            names |= set(chain.from_iterable(stages[-2:] if but == "last_block" else stages[1:]))
        for name, parameter in self.network.named_parameters():
            parameter.requires_grad_(name in names)
        weights = [(module, list(module.parameters())) for module in self.network.modules()]
        self._trained = [module for module, own in weights if own and all(weight.requires_grad for weight in own)]

    def train(self, mode: bool = True) -> Self:
        """Set train or eval mode; frozen layers stay in eval mode."""
        super().train(mode)
        if mode and self._trained is not None:
            self.network.eval()
            for module in self._trained:
                module.train()
        return self

    @cached_property
    def foldable(self) -> list[tuple[str, str]]:
        """Names of each convolution whose output goes to a batch normalisation only, and of that normalisation."""
        traced = symbolic_trace(self.network)
        kinds = {name: type(part) for name, part in traced.named_modules()}
        return [
            (node.args[0].target, node.target)
            for node in traced.graph.nodes
            if kinds.get(node.target) is nn.BatchNorm2d
            and kinds.get(node.args[0].target) is nn.Conv2d
            and len(node.args[0].users) == 1
        ]

    def forward(self, images: Tensor) -> Tensor:
        """Return logits."""
        if images.shape[-1] != self.input_size:
            images = functional.interpolate(images, size=self.input_size, mode="bilinear", align_corners=False)
        normalised = images.sub(self.mean).div(self.std).contiguous(memory_format=torch.channels_last)
        with torch.autocast(images.device.type, torch.bfloat16, enabled=self.precision == "bfloat16"):
            logits: Tensor = self.network(normalised)
        return logits.float()


def classifier(
    model: str,
    num_classes: int,
    size: int,
    *,
    stem: Stem = "imagenet",
    precision: Precision = "float32",
    inputs: Inputs = "scaled",
) -> FaceClassifier:
    """Make an untrained network.

    Args:
        model: Name of a timm model, such as ``resnet18`` or ``mobilenetv1_100``.
        num_classes: K.
        size: Height and width of the images in pixels.
        stem: ``imagenet``: as published. ``small``: 3x3 stride-1 first convolution without max-pooling (ResNets only),
            which keeps all pixels of small images. ``by_size``: a ResNet's is small up to 112 pixels.
        precision: The network's number format.
        inputs: How images are normalised: to [-1, 1] (``scaled``), [0, 1] (``raw``) or [-0.5, 0.5] (``centred``).

    Raises:
        UsageError: If timm has no such model, or the stem does not exist for it.
    """
    if not timm.is_model(model):
        raise UsageError(f"timm has no model {model!r}; {nearest(model, timm.list_models())}")
    input_size = max(size, MIN_SIZE.get(model, 0))
    options: dict[str, Any] = {"num_classes": num_classes, "pretrained": False}
    if model == "inception_v3":
        options["aux_logits"] = False
    if getattr(timm.get_pretrained_cfg(model), "fixed_input_size", False):  # transformers fix the number of patches
        options["img_size"] = input_size
    try:
        network = timm.create_model(model, **options)
    except TypeError:
        raise UsageError(f"timm's {model!r} cannot be built with {num_classes} classes; choose another model") from None
    if stem == "by_size":
        stem = "small" if size <= SMALL_UP_TO and isinstance(network, timm.models.ResNet) else "imagenet"
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
    wrapped = FaceClassifier(network, details, input_size, precision).to(memory_format=torch.channels_last)
    if inputs != "scaled":
        mean, std = NORMALISATIONS[inputs]
        wrapped.normalise([mean] * 3, [std] * 3)
    return wrapped


def frozen(model: FaceClassifier) -> FaceClassifier:
    """Return a copy in eval mode with the same outputs and without weight gradients.

    Batch normalisations are folded into the convolutions before them, so that a gradient with respect to images costs
    less.
    """
    folded = copy.deepcopy(model).eval()
    parts: dict[str, Any] = dict(folded.network.named_modules())
    for conv, norm in model.foldable:
        folded.network.set_submodule(conv, fuse_conv_bn_eval(parts[conv], parts[norm]))
        folded.network.set_submodule(norm, nn.Identity())
    return folded.requires_grad_(False)


@contextmanager
def trainable(model: nn.Module, on: bool) -> Iterator[None]:
    """Put ``model`` in train mode with weight gradients, or in eval mode without; restore both afterwards."""
    mode, gradients = model.training, [parameter.requires_grad for parameter in model.parameters()]
    model.train(on).requires_grad_(on)
    try:
        yield
    finally:
        model.train(mode)
        for parameter, grad in zip(model.parameters(), gradients, strict=True):
            parameter.requires_grad_(grad)


def in_head(network: nn.Module, name: str) -> bool:
    """Return whether the tensor ``name`` of a timm network belongs to its classifier."""
    heads = network.pretrained_cfg.get("classifier") or ()  # type: ignore[operator,union-attr]
    return name.startswith(tuple(f"{head}." for head in ([heads] if isinstance(heads, str) else heads)))


def _stages(network: nn.Module, model: str, mode: str) -> list[list[str]]:
    """Return the names of the parameters of the first layers, of each stage, and of the head, as timm groups them."""
    try:
        groups: dict[int, list[str]] = group_parameters(network, network.group_matcher(coarse=True))  # type: ignore[operator]
    except (AttributeError, AssertionError, TypeError):
        raise UsageError(f"mode={mode}: timm does not say what the stages of {model} are; use linear") from None
    return [groups[number] for number in sorted(groups)]
