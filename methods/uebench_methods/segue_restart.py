"""uebench's variant of Segue, whose surrogate is a new network again and again."""

from __future__ import annotations

from typing import ClassVar

from uebench.plugins.base import Info
from uebench_methods.segue import Segue


class SegueRestart(Segue):
    """Segue with a fresh surrogate at each of its turns; not its authors' algorithm.

    In Algorithm 1 one surrogate lives through all epochs, so that the generator learns to satisfy a network that has
    long since fitted the data. Here it faces a network at the start of its training, as an attacker's is.
    """

    name = "segue_restart"
    version = 1
    info = Info(
        title="A variant of Segue by uebench: a fresh surrogate in every second epoch",
        family="generator",
    )
    presets: ClassVar = {
        "smoke": Segue.presets["smoke"],
        "desk": {
            "epochs": 24, "surrogate_every": 2, "lr_f": 1e-3, "lr_g": 1e-3, "rho_steps": 1, "norm": "batch",
            "precision": "bfloat16",
        },
        "desk64": {
            "epochs": 24, "surrogate_every": 2, "lr_f": 1e-3, "lr_g": 1e-3, "rho_steps": 1, "norm": "batch",
        },
        "paper": {**Segue.presets["paper"], "surrogate_every": 2},
    }  # fmt: skip
    why: ClassVar = {
        "desk": "a higher rate and a one-step adversary, to get there in the minutes that a CPU has",
        "desk64": "the same in float32",
        "paper": "the settings of segue, with a fresh surrogate in every second epoch",
    }
    fresh_surrogates: ClassVar = True
