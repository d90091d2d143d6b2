"""Pure tensor functions: no paths, no choices, no words for people."""

from uebench.ops.augment import flip_crop
from uebench.ops.gradient import input_gradient, sign_steps
from uebench.ops.projection import project, to_levels

__all__ = ["flip_crop", "input_gradient", "project", "sign_steps", "to_levels"]
