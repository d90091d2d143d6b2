"""The generators that come with uebench."""

from __future__ import annotations

from pathlib import Path

from uebench.plugins.base import Config
from uebench.pretrained import weights

IRRELEVANT = ("weights", "precision")
"""Options in which a generator may differ from the request: its file, and the number format of its training. All
others must agree, the length of the training included, because the record repeats them."""


def shipped_weights(method: str, size: int, config: Config) -> Path | None:
    """Return the generator that comes with uebench for a method, a resolution and options, or None.

    Args:
        method: The method's name.
        size: Height and width of the images in pixels.
        config: The method's options; the generator must have been trained with the same, except ``IRRELEVANT``.
    """
    file = Path(__file__).parent / "weights" / f"{method}_{size}.safetensors"
    if not file.is_file():
        return None
    trained, wanted = dict(weights.metadata(file, method)["config"]), config.published()
    for name in IRRELEVANT:
        trained.pop(name, None)
        wanted.pop(name, None)
    return file if trained == wanted else None
