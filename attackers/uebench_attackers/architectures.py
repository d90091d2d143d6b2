"""Attackers that train one network from scratch.

All share one loop (``uebench.training.loop``) and one normalisation. At ``paper`` they also share their settings, so
that they differ only in the architecture; at ``desk``, each has the settings that suited it best on held-out
photographs. They are timm's, which start and are regularised a little differently from torchvision's; see
``uebench.networks.classifier``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, TypeVar

from uebench.lazy import networks
from uebench.plugins.base import (
    Added,
    Attacker,
    Context,
    Countermeasure,
    ImageSet,
    Info,
    Inputs,
    Stem,
    Trained,
    Training,
)
from uebench.plugins.presets import PROTOCOLS, WHY_PROTOCOLS
from uebench.plugins.timm_names import ModelName
from uebench.training.loop import supervised


class Scratch(Training):
    """Training options, and the normalisation.

    Attributes:
        inputs: How images are normalised: to [-1, 1] (``scaled``), [0, 1] (``raw``) or [-0.5, 0.5] (``centred``).
    """

    inputs: Annotated[Inputs, Added()] = "scaled"


class Resnet(Scratch):
    """The options of ``Scratch``, and the stem.

    Attributes:
        stem: ``imagenet``: 7x7 stride 2 and max-pooling; ``small``: 3x3 stride 1 without pooling, for small images;
            ``by_size``: ``small`` up to 112 pixels.
    """

    stem: Stem = "imagenet"


class Timm(Scratch):
    """The options of ``Scratch``, and the model.

    Attributes:
        model: Name of a timm model.
    """

    model: ModelName


SGD = {"optimizer": "sgd", "lr": 0.05, "weight_decay": 5e-4}
TUNED = "the best of four trials on held-out photographs, in bfloat16; see docs/evidence.md"
DEPTHWISE: Mapping[str, dict[str, Any]] = {
    **PROTOCOLS,
    "desk": PROTOCOLS["desk"] | SGD | {"epochs": 40, "precision": "float32"},
    "desk64": PROTOCOLS["desk64"] | SGD | {"epochs": 60},
}
"""Presets of networks with depthwise convolutions."""
WHY_DEPTHWISE = {
    **WHY_PROTOCOLS,
    "desk": "the best of four trials on held-out photographs, in float32, in which depthwise convolutions are faster "
    "on a CPU; see docs/evidence.md",
    "desk64": "of what was tried on WebFace10, they learned most from clean faces with this",
}
BY_SIZE: Mapping[str, dict[str, Any]] = {
    **PROTOCOLS,
    "segue_paper": PROTOCOLS["segue_paper"] | {"stem": "by_size"},
    "paper": PROTOCOLS["segue_paper"] | {"stem": "by_size"},
    "sgd": PROTOCOLS["sgd"] | {"stem": "by_size"},
}
"""Presets of ResNets: the authors of Segue and of UE choose the stem by the size of the images."""
WHY_BY_SIZE: Mapping[str, str] = {**WHY_PROTOCOLS, "paper": "as segue_paper"}

T = TypeVar("T", bound=Scratch)


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
            self.model,
            train.num_classes,
            train.size,
            stem=self.stem,
            precision=self.config.precision,
            inputs=self.config.inputs,
        )
        return supervised(network, train, self.config, countermeasures, ctx)


class Residual(Architecture[Resnet]):
    """A ResNet, whose stem is an option."""

    Config = Resnet
    presets: ClassVar = BY_SIZE
    why: ClassVar = WHY_BY_SIZE

    @property
    def stem(self) -> Stem:
        """Return the stem that the user named."""
        return self.config.stem


class ResNet18(Residual):
    """He et al., CVPR 2016."""

    name = "resnet18"
    version = 1
    info = Info(title="ResNet-18", venue="CVPR", year=2016, family="residual")
    presets: ClassVar = {**BY_SIZE, "desk": PROTOCOLS["desk"] | SGD}
    why: ClassVar = {**WHY_BY_SIZE, "desk": TUNED}
    model = "resnet18"


class ResNet50(Residual):
    """He et al., CVPR 2016."""

    name = "resnet50"
    version = 1
    info = Info(title="ResNet-50", venue="CVPR", year=2016, family="residual")
    why: ClassVar = {**WHY_BY_SIZE, "desk": TUNED}
    model = "resnet50"


class MobileNetV1(Architecture[Scratch]):
    """Howard et al., 2017."""

    name = "mobilenet_v1"
    version = 1
    info = Info(title="MobileNet-V1 1.0", venue="arXiv", year=2017, family="depthwise")
    Config = Scratch
    presets: ClassVar = DEPTHWISE
    why: ClassVar = WHY_DEPTHWISE
    model = "mobilenetv1_100"


class InceptionV3(Architecture[Scratch]):
    """Szegedy et al., CVPR 2016; without auxiliary logits; images below 75 pixels are enlarged to 75."""

    name = "inception_v3"
    version = 1
    info = Info(title="Inception-V3", venue="CVPR", year=2016, family="inception")
    Config = Scratch
    presets: ClassVar = {
        **PROTOCOLS,
        "desk64": PROTOCOLS["desk64"] | {"epochs": 40},
    }
    why: ClassVar = {
        **WHY_PROTOCOLS,
        "desk": TUNED,
        "desk64": "twice the epochs of a ResNet: it learns late",
    }
    model = "inception_v3"


class EfficientNetB1(Architecture[Scratch]):
    """Tan and Le, ICML 2019."""

    name = "efficientnet_b1"
    version = 1
    info = Info(title="EfficientNet-B1", venue="ICML", year=2019, family="depthwise")
    Config = Scratch
    presets: ClassVar = {**DEPTHWISE, "desk": DEPTHWISE["desk"] | {"lr": 0.01}}
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
