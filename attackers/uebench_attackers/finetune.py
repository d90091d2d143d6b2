"""An attacker that starts from a pretrained checkpoint of the user."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from uebench.lazy import networks
from uebench.plugins.base import Attacker, Context, Countermeasure, ImageSet, Info, Trained, Training
from uebench.plugins.timm_names import ModelName
from uebench.training.loop import supervised


class Config(Training):
    """Training options, and the checkpoint.

    Attributes:
        weights: The checkpoint: a state dict of the model, as .safetensors or as ``torch.save`` writes one.
        model: Name of a timm model.
        mode: What is trained: ``full``: everything; ``linear``: the head; ``last_block``: the head and the last stage;
            ``frozen_stem``: everything but the first layers.
        input_size: Enlarge the images to this many pixels, as the checkpoint may expect; 0 keeps their size.
    """

    weights: Path
    model: ModelName = "resnet18"
    mode: Literal["full", "linear", "last_block", "frozen_stem"] = "full"
    input_size: int = Field(0, ge=0)


class Finetune(Attacker[Config]):
    """Trains a pretrained network, or a part of it, on images normalised as in pretraining."""

    name = "finetune"
    version = 1
    info = Info(title="Fine-tuning of a checkpoint: finetune(weights=FILE, mode=linear)", family="pretrained")
    Config = Config
    places = ("batch", "step", "epoch")
    follows_preset = True

    def assets(self, size: int) -> tuple[Path, ...]:
        """Return the checkpoint."""
        return (self.config.weights,)

    def fit(self, train: ImageSet, countermeasures: tuple[Countermeasure[Any], ...], ctx: Context) -> Trained:
        """Train with cross-entropy, starting from the checkpoint."""
        config = self.config
        network = networks.pretrained(
            config.model,
            train.num_classes,
            train.size,
            config.weights,
            input_size=config.input_size,
            precision=config.precision,
        )
        if config.mode != "full":
            network.freeze(config.mode)
        return supervised(network, train, config, countermeasures, ctx)
