"""The presets of a run: the default faces, the size of the images, and how attackers train."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from uebench.errors import UsageError, nearest, text_of

_DESK64: dict[str, Any] = {
    "optimizer": "adam", "lr": 1e-3, "weight_decay": 0.0, "batch": 16, "schedule": "cosine", "epochs": 20,
    "stop_loss": 0.0, "flip": False, "crop": 0,
}  # fmt: skip
PROTOCOLS: Mapping[str, dict[str, Any]] = MappingProxyType({
    "desk": _DESK64 | {"precision": "bfloat16"},
    "desk64": _DESK64,
    "segue_paper": {
        "optimizer": "adam", "lr": 5e-4, "weight_decay": 0.0, "batch": 16, "schedule": "oscillating", "epochs": 40,
        "stop_loss": 1e-4, "flip": False, "crop": 0, "inputs": "raw",
    },
    "sgd": {
        "optimizer": "sgd", "lr": 0.1, "weight_decay": 5e-4, "batch": 128, "schedule": "cosine", "epochs": 60,
        "stop_loss": 0.0, "flip": True, "crop": 4, "inputs": "raw",
    },
})  # fmt: skip
"""Training protocols of the literature and of this project, for any architecture: ``resnet18(preset=sgd)``."""

WHY_PROTOCOLS: Mapping[str, str] = MappingProxyType(
    {
        "desk": "what a laptop can afford on small sets, in bfloat16; the default of desk",
        "desk64": "the same in float32: what desk was in version 0.1; the default of desk64",
        "segue_paper": "the Segue authors' attacker: Adam 5e-4, batches of 16, at most 40 epochs; the default of paper",
        "sgd": "the training of the UE authors' attacker: SGD 0.1, momentum 0.9, a cosine, 60 epochs, flip, crop; its "
        "gradients are not clipped, and the rate falls at each step rather than each epoch",
    }
)


def of_baseline(
    official: Mapping[str, Any], segue_paper: Mapping[str, Any], **others: Mapping[str, Any]
) -> dict[str, Mapping[str, Any]]:
    """Return the presets of a method that the Segue paper compares with.

    Args:
        official: Options that the method's own authors set differently from its defaults.
        segue_paper: The Segue authors' options, which are also those of the preset ``paper``.
        others: Further presets.
    """
    return {"official": official, "segue_paper": segue_paper, "paper": segue_paper, **others}


def why_of_baseline(official: str, segue_paper: str, **others: str) -> dict[str, str]:
    """Return ``why`` for the presets of ``of_baseline``."""
    paper = "as segue_paper: the settings behind the tables that are compared with"
    return {"official": official, "segue_paper": segue_paper, "paper": paper, **others}


@dataclass(frozen=True, slots=True)
class Preset:
    """The defaults of a run.

    Attributes:
        title: Its purpose, in words.
        data: The data set.
        size: Height and width of the images in pixels.
        training: Options of every attacker that follows the preset, unless its own preset or the user says otherwise.
        caveat: A warning to show beside every number measured under it.
    """

    title: str
    data: str
    size: int
    training: Mapping[str, Any]
    caveat: str = ""


PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        "smoke": Preset(
            title="a quick check that everything works; about a minute, no conclusions",
            data="orl_varied(identities=5, copies=2, test_copies=2)",
            size=32,
            training={"lr": 1e-3, "epochs": 2},
            caveat="preset smoke: nothing follows from these numbers; it trains so little that an attacker stays near "
            "chance even on clean photographs",
        ),
        "desk": Preset(
            title="results at 96 pixels, on a laptop",
            data="orl_varied",
            size=96,
            training=PROTOCOLS["desk"],
        ),
        "desk64": Preset(
            title="desk as it was in version 0.1, at 64 pixels; for its records only",
            data="orl",
            size=64,
            training=PROTOCOLS["desk64"],
        ),
        "paper": Preset(
            title="the Segue paper's resolution and training, for a GPU",
            data="orl_varied",
            size=224,
            training=PROTOCOLS["segue_paper"],
        ),
        "official": Preset(
            title="32 pixels as in CIFAR-10, with the settings of each method's authors, for a GPU",
            data="folder(path=cifar10)",
            size=32,
            training={**PROTOCOLS["sgd"], "stem": "by_size"},
        ),
    }
)
DEFAULT = "desk"


def get(name: str) -> Preset:
    """Return a preset.

    Raises:
        UsageError: If there is none of that name.
    """
    if text_of(name, "preset") not in PRESETS:
        raise UsageError(f"unknown preset {name!r}; {nearest(name, PRESETS)}")
    return PRESETS[name]
