"""DP-SGD: clipping limits what each image can change in the weights, and noise hides the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from uebench.errors import CellError
from uebench.lazy import torch
from uebench.ops import draw_seed
from uebench.plugins.base import Config as BaseConfig
from uebench.plugins.base import Countermeasure, Info

if TYPE_CHECKING:
    from torch import Tensor


class Config(BaseConfig):
    """Options of ``dp_sgd``.

    As a defence against poisoned images, Hong et al. (2020, arXiv:2002.11497) try norms of 0.1 to 8 with noise of 0 to
    0.1 per weight, which is mostly too weak to guarantee privacy. Nothing is guaranteed here either.

    Attributes:
        clip: Largest norm of the gradient of a group, over all weights.
        noise: Standard deviation of the Gaussian noise that is added to the sum of the groups, times ``clip``.
        group: Images whose mean gradient is clipped together; 1 needs a network without batch normalisation. Batches
            are cut into groups of this size or slightly larger.
    """

    clip: float = Field(1.0, gt=0)
    noise: float = Field(0.001, ge=0)
    group: int = Field(4, ge=1)


class DpSgd(Countermeasure[Config]):
    """Clips the gradient of each group of images, adds noise, and lets the attacker's optimiser take the step.

    If a network normalises over the batch, an image has no gradient of its own. Gradients are therefore clipped group
    by group, and each group is normalised alone; its statistics also update the running ones, without noise.
    """

    name = "dp_sgd"
    version = 1
    info = Info(
        title="Deep Learning with Differential Privacy",
        venue="CCS",
        year=2016,
        url="https://arxiv.org/abs/1607.00133",
        family="gradient shaping",
    )
    Config = Config
    presets: ClassVar = {"per_image": {"group": 1}}
    why: ClassVar = {"per_image": "the paper's algorithm, for networks without batch normalisation"}
    place = "step"

    def gradient(
        self, images: Tensor, targets: Tensor, model: torch.nn.Module, rng: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Return loss and logits, with the clipped, noisy mean gradient in the weights (Algorithm 1).

        Raises:
            CellError: If single images are to be clipped and the network normalises over the batch.
        """
        config = self.config
        if config.group == 1 and any(map(_normalises_over_batch, model.modules())):
            raise CellError("dp_sgd: group=1 and a network with batch normalisation; use group=2 or more")
        weights = [weight for weight in model.parameters() if weight.requires_grad]
        sums = [torch.zeros_like(weight) for weight in weights]
        count = max(1, len(images) // config.group)
        losses, answers = [], []
        for some, wanted in zip(images.tensor_split(count), targets.tensor_split(count), strict=True):
            logits = model(some)
            loss = torch.nn.functional.cross_entropy(logits, wanted)
            gradients = torch.autograd.grad(loss, weights, materialize_grads=True)
            norm = torch.nn.utils.get_total_norm(gradients)
            share = (config.clip / norm.clamp_min(1e-12)).clamp_max(1)
            for total, gradient in zip(sums, gradients, strict=True):
                total += share * gradient
            losses.append(loss.detach() * len(some))
            answers.append(logits.detach())
        noise = torch.Generator(images.device).manual_seed(draw_seed(rng))
        for weight, total in zip(weights, sums, strict=True):
            drawn = torch.randn(weight.shape, generator=noise, device=weight.device)
            weight.grad = (total + config.noise * config.clip * drawn) / count
        return torch.stack(losses).sum() / len(images), torch.cat(answers)


def _normalises_over_batch(module: torch.nn.Module) -> bool:
    return module.training and isinstance(module, torch.nn.modules.batchnorm._BatchNorm)
