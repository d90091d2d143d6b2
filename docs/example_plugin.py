"""A whole method in one file: uebench run --plugin docs/example_plugin.py --method stripes --attacker resnet18."""

from uebench.lazy import torch
from uebench.plugins.base import Batch, Config, Context, Info, Method, Radius


class StripesConfig(Config):
    """Options of ``stripes``.

    Attributes:
        eps: L-inf bound, to which uebench holds the method.
        width: Of a stripe, in pixels.
    """

    eps: Radius = 8 / 255
    width: int = 4


class Stripes(Method[StripesConfig]):
    """Adds stripes to each image."""

    name = "stripes"
    version = 1
    info = Info(title="Stripes at an angle that tells the identity", family="example", ignores_seed=True, trains=False)
    Config = StripesConfig

    def perturb(self, batch: Batch, ctx: Context) -> torch.Tensor:
        rows = torch.arange(batch.images.shape[-1], device=batch.images.device).float()
        angle = batch.labels.float()[:, None, None]
        phase = (rows[:, None] * angle.cos() + rows * angle.sin()) / self.config.width
        return (batch.images + self.config.eps * phase.sin().sign()[:, None]).clamp(0, 1)
