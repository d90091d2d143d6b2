"""The stages on which a duel is fought: which faces by default, at which size, and how attackers train."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from uebench.errors import UsageError, nearest


@dataclass(frozen=True, slots=True)
class Preset:
    """One stage.

    Attributes:
        title: What it is for.
        data: The data set when the user names none.
        size: Height and width of the images in pixels.
        training: Options of every attacker that has them, unless its own preset or the user says otherwise.
    """

    title: str
    data: str
    size: int
    training: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        "smoke": Preset(
            title="does it run? about a minute, no conclusions",
            data="orl(identities=5)",
            size=32,
            training={"lr": 1e-3, "epochs": 2},
        ),
        "desk": Preset(
            title="real conclusions on a laptop",
            data="orl",
            size=64,
            training={"lr": 1e-3, "epochs": 20},
        ),
        "paper": Preset(
            title="the Segue paper's resolution and training, for a GPU",
            data="orl",
            size=224,
            training={"lr": 5e-4, "batch": 16, "epochs": 40, "schedule": "oscillating", "stop_loss": 1e-4},
        ),
    }
)
DEFAULT = "desk"


def get(name: str) -> Preset:
    """Return a preset.

    Raises:
        UsageError: If there is none of that name.
    """
    try:
        return PRESETS[name]
    except KeyError:
        raise UsageError(f"unknown preset {name!r}; {nearest(name, PRESETS)}") from None
