"""Pure tensor functions: no paths, no choices, no words for people."""

from uebench.ops.augment import contrastive_view, flip_crop
from uebench.ops.gradient import input_gradient, sign_steps
from uebench.ops.noise import Noise
from uebench.ops.projection import project, to_levels

__all__ = ["Noise", "contrastive_view", "flip_crop", "input_gradient", "project", "sign_steps", "to_levels"]
