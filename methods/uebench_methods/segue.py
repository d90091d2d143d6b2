"""Segue: a generator, guided by side information, trained once and used many times.

Zhiling Zhang, Jie Zhang, Kui Zhang, Wenbo Zhou, Weiming Zhang, Nenghai Yu. Segue: Side-information Guided Generative
Unlearnable Examples for Facial Privacy Protection in Real World. ICASSP 2025 (arXiv:2310.16061), Algorithm 1.

Deviations from the authors' code: the last incomplete batch of a pass is left out; and at all presets but
``official`` and ``smoke``, the generator's learning rate oscillates like the surrogate's, while the authors' is
constant. At ``desk`` and ``desk64``, its surrogate sees images scaled to [-1, 1], the authors' in [0, 1]. The committed
cells were measured so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import Field

from uebench.lazy import networks, torch, transforms
from uebench.ops import seed_torch, sign_steps
from uebench.plugins.base import Added, Batch, Context, ImageSet, Info, Inputs, Method, Precision, Radius, Shape, Stem
from uebench.plugins.base import Config as BaseConfig
from uebench.pretrained import weights
from uebench.training.batches import draw
from uebench.training.checkpoints import pack, unpack
from uebench.training.optimizers import descend, oscillating, set_rate, take_step
from uebench_methods.shipped import shipped_weights

if TYPE_CHECKING:
    from torch import Tensor

    from uebench.networks import FaceClassifier, SegueGenerator


class Config(BaseConfig):
    """Options of ``segue``; the symbols are the paper's.

    Attributes:
        eps: L-inf bound of the perturbation.
        weights: ``auto``: the generator that comes with uebench if it fits (same resolution and options, except
            ``precision``), else train one; ``none``: always train on the set to protect; or a safetensors file from
            ``uebench fit``.
        epochs: E of Algorithm 1.
        maxiter: Iterations per epoch; 0 means one pass over the set.
        surrogate_every: The surrogate trains in epochs 1, 1 + surrogate_every, ...; the generator in every epoch.
        lr_f: Adam's rate for the surrogate.
        lr_g: Adam's rate for the generator.
        batch: Images per iteration.
        alpha: Weight of L_G1, the surrogate's cross-entropy (Eq. 5).
        beta: Weight of L_G2, the mean L2 norm of the perturbation before clipping (Eq. 6).
        rho_d: Radius of the adversarial example that the generator is given (distortion layer); 0 for none.
        rho_steps: Sign steps of size rho_d / rho_steps to find it.
        blur: Sigma of the distortion layer's 3x3 Gaussian blur; 0 for none.
        sharpness: Factor of the distortion layer's sharpness adjustment; 1 for none.
        flip: Probability that the distortion layer mirrors a batch horizontally, and that it does so vertically.
        code_bits: Length of the label code; 16 bits suffice for 65,536 identities.
        stem: The surrogate's first layers; ``small`` has no stride and no pooling there, ``by_size`` is ``small`` up
            to 112 pixels, as in the authors' code.
        inputs: How the surrogate's images are normalised: to [-1, 1] (``scaled``), [0, 1] (``raw``) or [-0.5, 0.5]
            (``centred``).
        precision: Number format of both networks in training; ``perturb`` always computes in float32.
        norm: The generator's normalisation: ``instance`` (released code) or ``batch`` (the paper's text).
        stop_loss: Stop after an epoch in which the surrogate trained with a loss below this.
        stop_on: The loss of this rule: the ``mean`` over the epoch, or the ``last`` batch's, as in the released code.
        schedule: Of the surrogate's learning rate: ``constant``, or ``oscillating``: the authors' cosine with
            ``T_max`` = epochs, but stepped at every iteration, so that its period is 2 x epochs steps.
        schedule_g: Of the generator's: ``same`` as the surrogate's, or ``constant``, as in the authors' code.
    """

    eps: Radius = 8 / 255
    weights: Literal["auto"] | Path | None = "auto"
    epochs: int = Field(30, ge=1)
    maxiter: int = Field(0, ge=0)
    surrogate_every: int = Field(5, ge=1)
    lr_f: float = Field(5e-4, gt=0)
    lr_g: float = Field(5e-4, gt=0)
    batch: int = Field(16, ge=2)
    alpha: float = Field(1.0, ge=0)
    beta: float = Field(0.001, ge=0)
    rho_d: Radius = 1 / 255
    rho_steps: int = Field(5, ge=1)
    blur: float = Field(0.2, ge=0)
    sharpness: float = Field(2.0, ge=0)
    flip: float = Field(0.1, ge=0, le=1)
    code_bits: int = Field(16, ge=1, le=62)
    norm: Literal["instance", "batch"] = "instance"
    stop_loss: float = Field(0.001, ge=0)
    stop_on: Annotated[Literal["mean", "last"], Added()] = "mean"
    schedule: Annotated[Literal["constant", "oscillating"], Added()] = "constant"
    schedule_g: Annotated[Literal["same", "constant"], Added()] = "same"
    stem: Annotated[Stem, Added()] = "imagenet"
    inputs: Annotated[Inputs, Added()] = "scaled"
    precision: Annotated[Precision, Added()] = "float32"


AUTHORS = {"schedule": "oscillating", "stem": "by_size", "inputs": "raw"}
SEGUE_PAPER = {**AUTHORS, "epochs": 20, "norm": "batch", "weights": None}


class Segue(Method[Config]):
    """An encoder-decoder that writes each identity's code into the image as a perturbation."""

    name = "segue"
    version = 2
    info = Info(
        title="Segue: Side-information Guided Generative Unlearnable Examples",
        venue="ICASSP",
        year=2025,
        url="https://arxiv.org/abs/2310.16061",
        family="generator",
    )
    Config = Config
    presets: ClassVar = {
        "official": {**AUTHORS, "schedule_g": "constant", "stop_loss": 0.01, "stop_on": "last"},
        "segue_paper": SEGUE_PAPER,
        "paper": SEGUE_PAPER,
        "smoke": {"epochs": 2, "rho_steps": 1, "norm": "batch"},
        "desk": {
            "epochs": 40, "rho_steps": 1, "norm": "batch", "schedule": "oscillating", "precision": "bfloat16",
        },
        "desk64": {"epochs": 24, "rho_steps": 1, "norm": "batch", "schedule": "oscillating"},
    }  # fmt: skip
    why: ClassVar = {
        "official": "the authors' released code",
        "segue_paper": "the paper's text: 20 epochs, batch normalisation where the code has instance normalisation, "
        "and a generator that is trained on the set to protect; unlike theirs, its learning rate oscillates too",
        "paper": "as segue_paper: the settings that the tables are compared with",
        "desk": "segue_paper with more epochs and a one-step adversary, for sets of a few hundred images, and the "
        "same oscillating rates; images scaled to [-1, 1]; the usual stem, because the small one takes many times as "
        "long",
        "desk64": "24 epochs, in float32",
    }

    earlier: ClassVar = {
        "8cf40d340ce2acfbc3c8e1ac98eae6cc0528c34d61d694eedabe5156b4a2b3ce": "both learning rates followed one schedule",
        "776e315a573e901728e6e51337467409e8c765a5083f17d95377dedada979afd": "the digest left out imported modules",
    }

    fresh_surrogates: ClassVar = False
    """Whether the surrogate starts from new weights each time it trains."""
    _generator: SegueGenerator

    def obstacle(self, shape: Shape) -> str | None:
        """Refuse image sizes that the decoder cannot restore, and more identities than codes."""
        codes = 2**self.config.code_bits
        if shape.size % 4 or shape.size < 20:
            return f"images of {shape.size} pixels; the generator needs a multiple of 4, at least 20"
        if self.config.code_bits and shape.num_classes > codes:
            return f"{shape.num_classes} identities; a code of {self.config.code_bits} bits names {codes}"
        return None

    def assets(self, size: int) -> tuple[Path, ...]:
        """Return the weights file in use, if any."""
        match self.config.weights:
            case Path() as file:
                return (file,)
            case "auto" if (shipped := shipped_weights(self.name, size, self.config)) is not None:
                return (shipped,)
        return ()

    def fit(self, train: ImageSet, ctx: Context) -> None:
        """Load the generator, or train it and a surrogate in turns (Algorithm 1)."""
        for file in self.assets(train.size):
            network = {"code_bits": self.config.code_bits, "norm": self.config.norm}
            self.load(weights.load(file, self.name, train.size, network))
            self._generator.to(ctx.device)
            return
        config = self.config
        generator = networks.SegueGenerator(config.code_bits, config.norm).to(ctx.device)
        optimizer_g = torch.optim.Adam(generator.parameters(), config.lr_g)
        surrogate, optimizer_f = self._surrogate(train, ctx, 0)
        first = 0
        if saved := ctx.restore():
            unpack(saved.state, generator, optimizer_g, "g.")
            unpack(saved.state, surrogate, optimizer_f, "f.")
            first = config.epochs if saved.values["stopped"] else saved.step
        for epoch in range(first, config.epochs):
            learned, reason = None, ""
            if epoch % config.surrogate_every == 0:
                if self.fresh_surrogates and epoch:
                    surrogate, optimizer_f = self._surrogate(train, ctx, epoch)
                batches = self._draw(train, ctx, "f", epoch)
                start = 0 if self.fresh_surrogates else epoch // config.surrogate_every * self._steps(train)
                learned, judged = self._train_surrogate(generator, surrogate, optimizer_f, batches, start)
                reason = f"surrogate's loss below {config.stop_loss:g}" if judged < config.stop_loss else ""
            batches, rng = self._draw(train, ctx, "g", epoch), ctx.rng("distortion", epoch)
            start = epoch * self._steps(train)
            objective = self._train_generator(generator, surrogate, optimizer_g, batches, rng, start)
            state = pack(generator, optimizer_g, "g.") | pack(surrogate, optimizer_f, "f.")
            ctx.log(surrogate=learned, objective=objective, stopped=reason)
            ctx.save(state, epoch + 1, stopped=bool(reason))
            ctx.progress(epoch + 1, config.epochs, f"fitting {self.name}, loss {objective:.3f}")
            if reason:
                break
        self._generator = generator

    def perturb(self, batch: Batch, ctx: Context) -> Tensor:
        """Add the generated perturbation, clipped to the budget: one forward pass."""
        self._generator.eval()
        return self.protect(batch.images, self._generator(batch.images, batch.labels))

    def state(self) -> dict[str, Tensor]:
        """Return the generator's weights."""
        return dict(self._generator.state_dict())

    def load(self, state: Mapping[str, Tensor]) -> Self:
        """Load a generator's weights."""
        self._generator = networks.SegueGenerator(self.config.code_bits, self.config.norm)
        self._generator.load_state_dict(dict(state))
        return self

    def _surrogate(self, train: ImageSet, ctx: Context, epoch: int) -> tuple[FaceClassifier, torch.optim.Optimizer]:
        """Make an untrained surrogate and its optimiser."""
        seed_torch(ctx.rng("surrogate", epoch))
        options = self.config.model_dump(include={"stem", "inputs", "precision"})
        surrogate = networks.classifier("resnet18", train.num_classes, train.size, **options).to(ctx.device)
        return surrogate, torch.optim.Adam(surrogate.parameters(), self.config.lr_f)

    def _draw(self, train: ImageSet, ctx: Context, network: str, epoch: int) -> Iterator[Batch]:
        return draw(train, self.config.batch, ctx.rng(network, epoch), count=self.config.maxiter)

    def _steps(self, train: ImageSet) -> int:
        """Return how many batches ``_draw`` yields."""
        return self.config.maxiter or len(train) // min(self.config.batch, len(train))

    def _set_rate(self, optimizer: torch.optim.Optimizer, lr: float, step: int) -> None:
        if self.config.schedule == "oscillating":
            set_rate(optimizer, oscillating(lr, step, self.config.epochs))

    def protect(self, images: Tensor, raw: Tensor) -> Tensor:
        """X' = x + Clip(G(x), -eps, eps), a valid image."""
        return (images + raw.clamp(-self.config.eps, self.config.eps)).clamp(0, 1)

    def _generate(self, generator: SegueGenerator, images: Tensor, labels: Tensor) -> Tensor:
        """Return G(x) in training, in the precision of the surrogate; ``perturb`` always computes in float32."""
        with torch.autocast(images.device.type, torch.bfloat16, enabled=self.config.precision == "bfloat16"):
            raw: Tensor = generator(images, labels)
        return raw.float()

    def _train_surrogate(
        self,
        generator: SegueGenerator,
        surrogate: FaceClassifier,
        optimizer: torch.optim.Optimizer,
        batches: Iterator[Batch],
        start: int,
    ) -> tuple[float, float]:
        """Run stage 1 from step ``start``: minimise L_f (Eq. 3); return its mean, and its value for the stop rule."""
        losses = []
        with networks.trainable(surrogate, True), networks.trainable(generator, False):
            generator.train()
            for step, batch in enumerate(batches, start):
                self._set_rate(optimizer, self.config.lr_f, step)
                protected = self.protect(batch.images, self._generate(generator, batch.images, batch.labels))
                losses.append(descend(surrogate, optimizer, protected, batch.labels)[0])
        mean = float(torch.stack(losses).mean())
        return mean, mean if self.config.stop_on == "mean" else float(losses[-1])

    def _train_generator(
        self,
        generator: SegueGenerator,
        surrogate: FaceClassifier,
        optimizer: torch.optim.Optimizer,
        batches: Iterator[Batch],
        rng: torch.Generator,
        start: int,
    ) -> float:
        """Run stage 2 from step ``start``: minimise L_G with the surrogate frozen in eval mode; return its mean."""
        losses, judge = [], networks.frozen(surrogate)
        with networks.trainable(generator, True):
            for step, batch in enumerate(batches, start):
                if self.config.schedule_g == "same":
                    self._set_rate(optimizer, self.config.lr_g, step)
                raw = self._generate(generator, batch.images + self.adversary(judge, batch), batch.labels)
                distorted = self.distort(self.protect(batch.images, raw), rng)
                loss = self.objective(judge(distorted), batch.labels, raw)
                losses.append(take_step(optimizer, loss))
        return float(torch.stack(losses).mean())

    def objective(self, logits: Tensor, labels: Tensor, raw: Tensor) -> Tensor:
        """Return L_G = alpha * L_G1 + beta * L_G2 (Eqs. 4 to 6).

        Args:
            logits: The surrogate's logits, (B, K).
            labels: The side information, (B,).
            raw: G's output before clipping, (B, 3, H, W); the clipped part gets no other gradient.
        """
        classified = torch.nn.functional.cross_entropy(logits, labels)
        magnitude = raw.flatten(1).norm(dim=1).mean()
        total: Tensor = self.config.alpha * classified + self.config.beta * magnitude
        return total

    def adversary(self, surrogate: FaceClassifier, batch: Batch) -> Tensor | float:
        """Return the perturbation of radius rho_d that raises the surrogate's loss on the clean images."""
        radius, steps = self.config.rho_d, self.config.rho_steps
        if not radius:
            return 0.0
        return sign_steps(
            lambda images: torch.nn.functional.cross_entropy(surrogate(images), batch.labels),
            batch.images,
            radius=radius,
            step=radius / steps,
            steps=steps,
            ascend=True,
            clamp=False,
        )

    def distort(self, images: Tensor, rng: torch.Generator) -> Tensor:
        """Apply the rest of the distortion layer (section 4.4) to a batch."""
        if self.config.blur:
            images = transforms.gaussian_blur(images, [3, 3], [self.config.blur] * 2)
        if self.config.sharpness != 1:
            images = transforms.adjust_sharpness(images, self.config.sharpness)
        for axis in (-1, -2):
            if torch.rand((), generator=rng) < self.config.flip:
                images = images.flip(axis)
        return images
