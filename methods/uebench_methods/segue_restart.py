"""uebench's variant of Segue, in which the surrogate restarts from new weights."""

from __future__ import annotations

from typing import ClassVar

from uebench.plugins.base import Info
from uebench_methods.segue import Segue


class SegueRestart(Segue):
    """Segue with a fresh surrogate each time the surrogate trains; not its authors' algorithm.

    In Algorithm 1 one surrogate trains through all epochs, so the generator learns against a network that has long
    since fitted the data. Here it learns against networks at the start of their training, like an attacker's.
    """

    name = "segue_restart"
    version = 1
    info = Info(
        title="A variant of Segue by uebench: a fresh surrogate each time it trains",
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
    earlier: ClassVar = {
        "d34b0e107cfad15c5a67111d78e6612b8bc20c713d3d4ef52473f739a7adce12": "both learning rates followed one schedule",
        "fcee1bd9a4a78238a7a01343e52190c722445190e0d7e0e8af65b09ed4868c49": "the digest left out imported modules",
    }

    fresh_surrogates: ClassVar = True
