"""Pure tensor functions: projection, rounding, gradient steps. No paths, no choices, no words for people."""

from uebench.ops.gradient import input_gradient, sign_steps
from uebench.ops.projection import project, to_levels

__all__ = ["input_gradient", "project", "sign_steps", "to_levels"]
