"""Pure tensor functions: no files, no options, no messages."""

from uebench.ops.augment import (
    augment_each,
    beta,
    contrastive_view,
    flip_crop,
    holes,
    partners,
    plasma,
    view_of_strength,
)
from uebench.ops.gradient import input_gradient, sign_steps
from uebench.ops.noise import Noise
from uebench.ops.projection import map_levels, project, to_levels
from uebench.ops.resample import displaced, lowest_frequencies
from uebench.ops.seeds import draw_seed, seed_torch

__all__ = [
    "Noise",
    "augment_each",
    "beta",
    "contrastive_view",
    "displaced",
    "draw_seed",
    "flip_crop",
    "holes",
    "input_gradient",
    "lowest_frequencies",
    "map_levels",
    "partners",
    "plasma",
    "project",
    "seed_torch",
    "sign_steps",
    "to_levels",
    "view_of_strength",
]
