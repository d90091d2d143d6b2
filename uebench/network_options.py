"""The forms of a network that plugins offer as options."""

from __future__ import annotations

from typing import Literal

Precision = Literal["float32", "bfloat16"]
"""A network's number format: float32, or bfloat16 by torch's autocast, with weights and losses in float32."""

Stem = Literal["imagenet", "small", "by_size"]
"""A ResNet's first layers. ``imagenet``: 7x7 with stride 2 and max-pooling; ``small``: 3x3 with stride 1, no pooling;
``by_size``: small up to ``SMALL_UP_TO`` pixels, else imagenet."""

SMALL_UP_TO = 112
"""Largest image size in pixels at which the stem ``by_size`` is ``small``, as in the code of Segue."""

Inputs = Literal["scaled", "raw", "centred"]
"""How a network's images are normalised: to [-1, 1]; not at all, so that they stay in [0, 1]; or to [-0.5, 0.5]."""
