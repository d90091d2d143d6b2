"""Attackers that train one network from scratch, on whatever they are given.

All share one loop (``uebench.training.loop``) and one normalisation, so that architectures differ in nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, TypeVar

from uebench.lazy import networks
from uebench.plugins.base import Attacker, Context, Countermeasure, ImageSet, Info, Trained, Training
from uebench.plugins.presets import PROTOCOLS, WHY_PROTOCOLS
from uebench.plugins.timm_names import ModelName
from uebench.training.loop import supervised

Stem = Literal["imagenet", "small"]


class Resnet(Training):
    """Training options, and the stem.

    Attributes:
        stem: ``imagenet``: 7x7 stride 2 and max-pooling; ``small``: 3x3 stride 1 alone, for small images.
    """

    stem: Stem = "imagenet"


class Timm(Training):
    """Training options, and the model.

    Attributes:
        model: A name of timm's.
    """

    model: ModelName


DEPTHWISE: Mapping[str, dict[str, Any]] = {
    **PROTOCOLS,
    "desk": PROTOCOLS["desk"] | {"optimizer": "sgd", "lr": 0.05, "weight_decay": 5e-4, "epochs": 60},
}
"""Networks of depthwise convolutions: they learn more of WebFace10 with this than with Adam."""
WHY_DEPTHWISE = {**WHY_PROTOCOLS, "desk": "of what was tried, they learned most from clean faces with this"}

T = TypeVar("T", bound=Training)


class Architecture(Attacker[T]):
    """Trains ``model`` from random weights."""

    places = ("batch", "step", "epoch")
    follows_preset = True
    presets: ClassVar = PROTOCOLS
    why: ClassVar = WHY_PROTOCOLS
    model: str

    @property
    def stem(self) -> Stem:
        """Return the kind of the first layers."""
        return "imagenet"

    def fit(self, train: ImageSet, countermeasures: tuple[Countermeasure[Any], ...], ctx: Context) -> Trained:
        """Train with cross-entropy."""
        network = networks.classifier(
            self.model, train.num_classes, train.size, stem=self.stem, precision=self.config.precision
        )
        return supervised(network, train, self.config, countermeasures, ctx)


class Residual(Architecture[Resnet]):
    """A ResNet, whose stem is an option."""

    Config = Resnet

    @property
    def stem(self) -> Stem:
        """Return the stem that the user named."""
        return self.config.stem


class ResNet18(Residual):
    """He et al., CVPR 2016."""

    name = "resnet18"
    version = 1
    info = Info(title="ResNet-18", venue="CVPR", year=2016, family="residual")
    model = "resnet18"


class ResNet50(Residual):
    """He et al., CVPR 2016."""

    name = "resnet50"
    version = 1
    info = Info(title="ResNet-50", venue="CVPR", year=2016, family="residual")
    model = "resnet50"


class MobileNetV1(Architecture[Training]):
    """Howard et al., 2017."""

    name = "mobilenet_v1"
    version = 1
    info = Info(title="MobileNet-V1 1.0", venue="arXiv", year=2017, family="depthwise")
    Config = Training
    presets: ClassVar = DEPTHWISE
    why: ClassVar = WHY_DEPTHWISE
    model = "mobilenetv1_100"


class InceptionV3(Architecture[Training]):
    """Szegedy et al., CVPR 2016; without auxiliary logits; images below 75 pixels are enlarged to 75."""

    name = "inception_v3"
    version = 1
    info = Info(title="Inception-V3", venue="CVPR", year=2016, family="inception")
    Config = Training
    presets: ClassVar = {**PROTOCOLS, "desk": PROTOCOLS["desk"] | {"epochs": 40}}
    why: ClassVar = {**WHY_PROTOCOLS, "desk": "twice the epochs of a ResNet: it learns late"}
    model = "inception_v3"


class EfficientNetB1(Architecture[Training]):
    """Tan and Le, ICML 2019."""

    name = "efficientnet_b1"
    version = 1
    info = Info(title="EfficientNet-B1", venue="ICML", year=2019, family="depthwise")
    Config = Training
    presets: ClassVar = DEPTHWISE
    why: ClassVar = WHY_DEPTHWISE
    model = "efficientnet_b1"


class AnyTimm(Architecture[Timm]):
    """Any other architecture: ``timm(model=convnext_atto)``."""

    name = "timm"
    version = 1
    info = Info(title="Any model of timm, from scratch: timm(model=NAME)", family="any")
    Config = Timm

    @property
    def model(self) -> str:  # type: ignore[override]
        """Return the model that the user named."""
        return self.config.model
