"""What methods have in common that train a generator which sees the image alone, and then add what it returns."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar

from pydantic import Field

from uebench.lazy import networks, torch
from uebench.ops import seed_torch
from uebench.plugins.base import Batch, Config, Context, ImageSet, Method, Radius, Shape
from uebench.pretrained import weights

if TYPE_CHECKING:
    from torch import Tensor


class GeneratorOptions(Config):
    """Options of every such method.

    Attributes:
        eps: L-inf bound of the perturbation.
        generator: ``unet``, or ``autoencoder``: strided convolutions down to a sixteenth of the size and back.
        width: Channels of the U-Net at full size.
        weights: A generator from ``uebench fit``; nothing is trained then.
        batch: Images in each step.
    """

    eps: Radius = 8 / 255
    generator: Literal["unet", "autoencoder"] = "unet"
    width: int = Field(64, ge=1)
    weights: Path | None = None
    batch: int = Field(256, ge=2)


G = TypeVar("G", bound=GeneratorOptions)


class GeneratorMethod(Method[G]):
    """Trains a generator of perturbations; to protect an image is one forward pass, without its label."""

    _generator: torch.nn.Module

    @abstractmethod
    def train_generator(self, generator: torch.nn.Module, train: ImageSet, ctx: Context) -> None:
        """Train the generator in place.

        Args:
            generator: Images (B, 3, S, S) -> perturbations of the same shape in (-1, 1), in units of ``eps``.
            train: The set to protect.
            ctx: Seeds, checkpoints, progress.
        """

    def obstacle(self, shape: Shape) -> str | None:
        """Refuse sizes that the generator does not return to."""
        multiple = {"unet": 8, "autoencoder": 16}[self.config.generator]
        if shape.size % multiple:
            return f"images of {shape.size} pixels; generator={self.config.generator} needs a multiple of {multiple}"
        return None

    def assets(self, size: int) -> tuple[Path, ...]:
        """Return the file with the generator, if it is given."""
        return (self.config.weights,) if self.config.weights else ()

    def fit(self, train: ImageSet, ctx: Context) -> None:
        """Train a generator, or take it from the given file."""
        if self.config.weights:
            self.load(weights.load(self.config.weights, self.name, train.size, self._shaped_by))
            self._generator.to(ctx.device)
            return
        seed_torch(ctx.rng("generator"))
        self._generator = self._new().to(ctx.device)
        self.train_generator(self._generator, train, ctx)

    def protect(self, generator: torch.nn.Module, images: Tensor) -> Tensor:
        """Return x + eps * G(x), valid images (B, 3, S, S)."""
        protected: Tensor = (images + self.config.eps * generator(images)).clamp(0, 1)
        return protected

    def perturb(self, batch: Batch, ctx: Context) -> Tensor:
        """Add the generated perturbation, with the generator in eval mode."""
        return self.protect(self._generator.eval(), batch.images)

    def state(self) -> dict[str, Tensor]:
        """Return the generator's weights."""
        return dict(self._generator.state_dict())

    def load(self, state: Mapping[str, Tensor]) -> Self:
        """Take over a generator's weights."""
        self._generator = self._new()
        self._generator.load_state_dict(dict(state))
        return self

    @property
    def _shaped_by(self) -> Mapping[str, Any]:
        """Return the options that a given generator must have been made with."""
        return self.config.model_dump(include={"eps", "generator", "width"})

    def _new(self) -> torch.nn.Module:
        return networks.UNet(self.config.width) if self.config.generator == "unet" else networks.AutoEncoder()
