"""RUE: robust error-minimising noise (also called REM), made to withstand adversarial training.

Shaopeng Fu, Fengxiang He, Yang Liu, Li Shen, Dacheng Tao. Robust Unlearnable Examples: Protecting Data Privacy Against
Adversarial Learning. ICLR 2022 (arXiv:2203.14533), Eqs. 4 to 6 and Algorithm 1.

Deviations from the authors' code: lengths are in passes over the set rather than in iterations, the surrogate's images
are scaled to [-1, 1] unless ``inputs=centred``, its last incomplete batch is left out, noise is kept in steps of
eps/127 rather than of one grey level, and each step ends with a valid image, where theirs clamps inside the objective,
so that noise which leaves the pixel range has no gradient.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, ValidationInfo, model_validator

from uebench.lazy import networks, torch
from uebench.ops import Noise, flip_crop, sign_steps
from uebench.plugins.base import Added, Batch, Context, ImageSet, Info, Radius
from uebench.plugins.presets import of_baseline, why_of_baseline
from uebench.training.batches import draw
from uebench.training.checkpoints import pack, unpack
from uebench.training.noise_method import NoiseMethod, RoundsOptions
from uebench.training.optimizers import descend, make_optimizer, set_rate

if TYPE_CHECKING:
    from torch import Tensor


def _share_of_radius(step: object, given: ValidationInfo) -> object:
    """Return a step, or if it is None what ``rho_step`` says, by way of grey levels: 4/255 gives the float 0.8/255."""
    known = given.data
    if step is None and {"rho_d", "rho_steps"} <= known.keys():
        return known["rho_d"] * 255 / max(1, min(5, known["rho_steps"])) / 255
    return step


class Config(RoundsOptions):
    """Options of ``rue``.

    Attributes:
        rho_d: Radius of the adversarial examples that the noise must withstand.
        rounds: Passes over the set; in each, the noise of every batch is improved and the surrogate trained on it.
        steps: Descending sign steps for the noise of each image in each pass.
        step: Size of each of these steps.
        restart: Start them from fresh uniform noise in each pass, not from the noise so far.
        samples: Random transformations over which a step's gradient is summed.
        rho_steps: Ascending sign steps of the adversary, for each transformation and for the surrogate's training.
        rho_step: Size of each of these steps; ``none``: a fifth of rho_d, as authors have it, or rho_d / rho_steps if
            there are fewer than five.
        around: ``protected``: adversarial examples lie within rho_d of the protected image, from a random start.
            ``clean``: as in the Segue authors' code, they lie within rho_d of the clean image, from the noise so far;
            the noise takes the gradient that they find, and the surrogate trains without them.
        flip: Transformations mirror images with probability 1/2.
        crop: Transformations shift images by up to this many pixels; ``by_size``: an eighth of the image, the authors'
            4 at 32 px.
        decay: Multiply the learning rate by 0.1 after each 40% of the passes; only with ``schedule=constant``.
        regenerate: At the end, optimise all noise again with the final surrogate.
    """

    rho_d: Radius = 4 / 255
    rounds: int = Field(13, ge=1)
    steps: int = Field(10, ge=1)
    step: Radius = 1.6 / 255
    restart: bool = True
    samples: int = Field(5, ge=1)
    rho_steps: int = Field(10, ge=0)
    rho_step: Annotated[Radius, BeforeValidator(_share_of_radius)] = 0.8 / 255
    around: Annotated[Literal["protected", "clean"], Added()] = "protected"
    flip: bool = True
    crop: Annotated[int, Field(ge=0)] | Literal["by_size"] = 4
    decay: bool = True
    regenerate: bool = True
    start: Literal["zero", "uniform"] = "uniform"
    optimizer: Literal["adam", "adamw", "sgd"] = "sgd"
    lr: float = Field(0.1, gt=0)
    weight_decay: float = Field(5e-4, ge=0)
    batch: int = Field(128, ge=2)

    @model_validator(mode="after")
    def _one_schedule(self) -> Self:
        if self.decay and self.schedule != "constant":
            raise ValueError(f"schedule={self.schedule} sets the learning rate at every step; add decay=false")
        return self


SEGUE_PAPER = {
    "stem": "by_size", "inputs": "raw", "schedule": "oscillating", "rounds": 37, "warmup": 3,
    "surrogate_every": 5, "steps": 1, "step": 0.8 / 255, "restart": False, "samples": 1,
    "rho_steps": 5, "flip": False, "crop": 0, "decay": False, "regenerate": False, "optimizer": "adam", "lr": 5e-4,
    "weight_decay": 0.0, "batch": 16,
}  # fmt: skip

DESK64 = {
    "batch": 32, "steps": 2, "step": 3.2 / 255, "restart": False, "samples": 1, "rho_steps": 2, "regenerate": False,
    "rho_d": 2 / 255, "rho_step": 1 / 255, "optimizer": "adam", "lr": 1e-3, "weight_decay": 0.0, "decay": False,
}  # fmt: skip

Loss = Callable[["Tensor"], "Tensor"]


class Rue(NoiseMethod[Config]):
    """Noise that minimises the worst-case loss around a randomly transformed, protected image."""

    name = "rue"
    version = 1
    info = Info(
        title="Robust Unlearnable Examples: Protecting Data Privacy Against Adversarial Learning",
        venue="ICLR",
        year=2022,
        url="https://arxiv.org/abs/2203.14533",
        family="min-min-max",
    )
    Config = Config
    presets: ClassVar = of_baseline(
        {"stem": "by_size", "inputs": "centred", "crop": "by_size"},
        SEGUE_PAPER,
        desk=DESK64 | {"rho_d": 4 / 255, "rho_step": 2 / 255, "crop": "by_size", "precision": "bfloat16"},
        desk64=DESK64,
        segue_code=SEGUE_PAPER | {"rounds": 38, "warmup": 2, "rho_d": 0, "rho_step": None, "around": "clean"},
        smoke={"batch": 16, "rounds": 1, "steps": 1, "samples": 1, "rho_steps": 1, "regenerate": False},
    )
    why: ClassVar = why_of_baseline(
        official="the authors' CIFAR-10 command; 5,000 iterations of 128 are 13 passes over its 50,000 images",
        segue_paper="the Segue authors' own baseline: 40 passes, one step for each image in each after the third, no "
        "transformations; unlike theirs, the surrogate trains on adversarial examples, the adversary starts at random "
        "and stays near the protected image rather than the clean one, no loss ends the search, and batches are new in "
        "every pass; the surrogate trains in 11 passes and the noise in 37, theirs in 9 and 38; their code passes the "
        "radius 0 here, with which noise follows the gradient at the clean image",
        segue_code="segue_paper with their adversary around the clean image and the radius 0 that their code passes; "
        "unlike theirs, no loss ends the search, batches are new in every pass, and the surrogate trains in passes 1, "
        "2, 3, 8 and so on to 38 instead of 1, 2, 6 and so on to 36",
        desk="official with one gradient in 67: 2 steps of one sample against a 2-step adversary, kept from "
        "pass to pass, no regeneration, a batch that small sets fill; the best of three optimisers on held-out "
        "photographs, see docs/evidence.md",
        desk64="as desk was in version 0.1, in float32: half the radius, because so few steps find no noise that "
        "withstands 4/255",
    )

    earlier: ClassVar = {
        "b2869e67b4409010b36a084f6d12f22c5287ae10b6fdf64cd0c09eb98cb98417": "there were no around and no rho_step=none",
        "1adcc831812a95244665ae6e94265dae9c2def6226a8835f400656f631313c89": "decay was not refused with a schedule",
    }

    def optimize_noise(self, train: ImageSet, noise: Noise, ctx: Context) -> None:
        """Improve each batch's noise and train the surrogate on it, pass after pass (Algorithm 1)."""
        config = self.config
        surrogate = self.surrogate(train, ctx)
        optimizer = make_optimizer(surrogate, config)
        first, total, batches = 0, config.total, len(train) // min(config.batch, len(train))
        if saved := ctx.restore():
            unpack(saved.state, surrogate, optimizer)
            noise.steps.copy_(saved.state["noise"])
            first = saved.step
        for number in range(first, total):
            turn, rng, losses = number - config.warmup, ctx.rng("pass", number), []
            trains, start = config.trains(number), config.first_step(number, batches)
            rate = config.lr * 0.1 ** int(max(turn, 0) / config.rounds / 0.4) if config.decay else config.lr
            set_rate(optimizer, rate)
            model = networks.frozen(surrogate)
            for step, batch in enumerate(draw(train, config.batch, rng), start):
                if turn >= 0:
                    noise[batch.index] = self.improve(model, batch, noise, rng)
                if trains:
                    config.set_rate(optimizer, step)
                    images = self._transform((batch.images + noise[batch.index]).clamp(0, 1), rng)
                    if config.around == "protected":
                        images = images + self.adversary(_loss(model, batch), images, rng)
                    losses.append(descend(surrogate.train(), optimizer, images, batch.labels)[0])
                    model = networks.frozen(surrogate)
            loss = float(torch.stack(losses).mean()) if losses else None
            ctx.log(surrogate=loss)
            ctx.save(pack(surrogate, optimizer) | {"noise": noise.steps}, number + 1)
            ctx.progress(number + 1, total, f"fitting {self.name}" + (f", loss {loss:.3f}" if losses else ""))
        if config.regenerate:
            final, rng = networks.frozen(surrogate), ctx.rng("regenerate")
            for batch in train.batches(config.batch):
                noise[batch.index] = self.improve(final, batch, noise, rng)

    def improve(self, model: Loss, batch: Batch, noise: Noise, rng: torch.Generator) -> Tensor:
        """Return better noise (B, 3, S, S) for a batch: sign steps down the expected worst-case loss (Eq. 6).

        Args:
            model: Images -> logits, frozen.
            batch: Clean images, their labels and rows.
            noise: The noise of all images.
            rng: A CPU generator.
        """
        config, loss = self.config, _loss(model, batch)
        start = noise[batch.index]
        if config.restart:
            start = (torch.rand(start.shape, generator=rng).to(start.device) * 2 - 1) * config.eps

        def near_clean(images: Tensor) -> Tensor:
            example = batch.images + self._near_clean(loss, batch.images, (images - batch.images).detach())
            return loss(images + (example - images).detach())

        def expected(images: Tensor) -> Tensor:
            total = images.new_zeros(())
            for _ in range(config.samples):
                seen = self._transform(images, rng)
                total = total + loss(seen + self.adversary(loss, seen.detach(), rng))
            return total

        objective = near_clean if config.around == "clean" else expected
        return sign_steps(
            objective, batch.images, radius=config.eps, step=config.step, steps=config.steps, ascend=False, start=start
        )

    def adversary(self, loss: Loss, images: Tensor, rng: torch.Generator) -> Tensor:
        """Return a perturbation of radius rho_d that raises the loss, from a random start.

        Args:
            loss: Maps images to a scalar.
            images: The ball's centre, (B, 3, S, S) float.
            rng: A CPU generator.
        """
        config = self.config
        if not config.rho_d:
            return torch.zeros_like(images)
        start = (torch.rand(images.shape, generator=rng).to(images.device) * 2 - 1) * config.rho_d
        start = (images + start).clamp(0, 1) - images
        return sign_steps(
            loss, images, radius=config.rho_d, step=config.rho_step, steps=config.rho_steps, ascend=True, start=start
        )

    def _near_clean(self, loss: Loss, images: Tensor, noise: Tensor) -> Tensor:
        """Return a perturbation of radius rho_d that raises the loss, from the noise as the Segue authors have it."""
        config = self.config
        if not config.rho_d:
            return torch.zeros_like(images)
        return sign_steps(
            loss, images, radius=config.rho_d, step=config.rho_step, steps=config.rho_steps, ascend=True, start=noise,
            clamp=False,
        )  # fmt: skip

    def _transform(self, images: Tensor, rng: torch.Generator) -> Tensor:
        crop = self.config.crop
        return flip_crop(images, rng, flip=self.config.flip, crop=images.shape[-1] // 8 if crop == "by_size" else crop)


def _loss(model: Loss, batch: Batch) -> Loss:
    return lambda images: torch.nn.functional.cross_entropy(model(images), batch.labels)
