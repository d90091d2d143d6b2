"""SEM: stable error-minimising noise, RUE against random rather than adversarial changes.

Yixin Liu, Kaidi Xu, Xun Chen, Lichao Sun. Stable Unlearnable Example: Enhancing the Robustness of Unlearnable Examples
via Stable Error-Minimizing Noise. AAAI 2024 (arXiv:2311.13091).

Deviations from the authors' code: those of ``rue``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from uebench.plugins.base import Added, Batch, Info
from uebench_methods import rue

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from uebench.ops import Noise


class Config(rue.Config):
    """Options of ``sem``: those of ``rue``.

    Attributes:
        rho_d: Radius of the random changes that the noise must withstand, and of the adversarial examples that the
            surrogate trains on.
        around: Only the protected image; the random changes have no other centre.
        rho_steps: Ascending sign steps of the adversary in the surrogate's training; that of the noise takes none.
    """

    around: Annotated[Literal["protected"], Added()] = "protected"
    rho_steps: int = Field(10, ge=0)


class Sem(rue.Rue):
    """Noise that lowers the mean loss over random changes of a randomly transformed, protected image."""

    name = "sem"
    version = 1
    info = Info(
        title="Stable Unlearnable Example: Enhancing the Robustness of Unlearnable Examples via Stable "
        "Error-Minimizing Noise",
        venue="AAAI",
        year=2024,
        url="https://arxiv.org/abs/2311.13091",
        family="min-min",
    )
    Config = Config
    presets: ClassVar = {
        "official": rue.Rue.presets["official"],
        "paper": rue.Rue.presets["official"],
        "desk": rue.Rue.presets["desk"],
        "desk64": rue.Rue.presets["desk64"],
        "smoke": rue.Rue.presets["smoke"],
    }
    why: ClassVar = {
        "official": "the authors' CIFAR-10 command, which is RUE's",
        "paper": "as official: three times the gradients of rue there, which is the Segue authors' shorter baseline",
        "desk": "as the desk of rue, so that the two differ in one thing",
        "desk64": "as the desk64 of rue",
    }

    earlier: ClassVar = {
        "3d7790ba1e9da6fb8b220941a05596739f03f9cecc03498d46c2aa295a7a3cda": "the digest left out imported modules",
        "a569abf4bfef1eae22fdb88ad78d21a08419d612e9c5ebdbf39a39ef9abc78f5": "there were no around and no rho_step=none",
    }

    def improve(self, model: rue.Loss, batch: Batch, noise: Noise, rng: torch.Generator) -> Tensor:
        """Take RUE's steps, but against an adversary that stays at its uniform random start."""
        random = rue.Rue(self.config.model_copy(update={"rho_steps": 0}))
        return random.improve(model, batch, noise, rng)
