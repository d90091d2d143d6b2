"""UC: unlearnable clusters, one perturbation for each cluster of similar images, whoever is on them.

Jiaming Zhang, Xingjun Ma, Qi Yi, Jitao Sang, Yu-Gang Jiang, Yaowei Wang, Changsheng Xu. Unlearnable Clusters: Towards
Label-agnostic Unlearnable Examples. CVPR 2023 (arXiv:2301.01217), Figure 3.

The method looks at no label. A pretrained network, the surrogate, gives each image its features, and k-means divides
these into clusters. For each cluster a generator learns one perturbation with which every image has features like those
of the next cluster. An image then gets the perturbation of its own cluster.

Deviations from the authors' code: batches are drawn in a random order, because images lie sorted by identity; clusters
are made of whole images, not of their central 7/8; a perturbation has the size of the images, while theirs has 224
pixels and is stretched; and CLIP's features are taken before its projection.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field

from uebench.lazy import augmentations, networks, torch
from uebench.ops import augment_each, draw_seed, seed_torch
from uebench.plugins.base import Batch, Context, ImageSet, Info, Method, Optimization, Radius, Shape
from uebench.plugins.timm_names import ModelName
from uebench.pretrained import weights
from uebench.training.checkpoints import pack, unpack
from uebench.training.optimizers import make_optimizer, set_rate, take_step

if TYPE_CHECKING:
    from torch import Tensor

    from uebench.networks import FaceClassifier

LAST_RATE = 1e-6
"""Where the cosine of the generators' learning rate ends."""


class Config(Optimization):
    """Options of ``uc``; those of the optimiser are the generators'.

    Attributes:
        surrogate: The checkpoint of the pretrained network: a state dict of the model, as .safetensors or as
            ``torch.save`` writes one.
        model: Its architecture, a name of timm's.
        input_size: Enlarge the images to so many pixels for it, as the checkpoint may expect; 0: as they are.
        eps: L-inf bound of the perturbations.
        clusters: p, how many clusters, each with its perturbation.
        epochs: Passes over the set for each generator.
        weights: A file that ``uebench fit`` made with the same surrogate; nothing is learned then.
        precision: What the surrogate and the generators compute in while they train.
    """

    surrogate: Path
    model: ModelName = "resnet50"
    input_size: int = Field(0, ge=0)
    eps: Radius = 8 / 255
    clusters: int = Field(10, ge=2)
    epochs: int = Field(50, ge=1)
    weights: Path | None = None
    optimizer: Literal["adam", "adamw", "sgd"] = "adam"
    lr: float = Field(1e-4, gt=0)
    weight_decay: float = Field(5e-4, ge=0)
    batch: int = Field(256, ge=2)


AUTHORS = {"eps": 16 / 255, "input_size": 224}
DESK = {"batch": 32, "epochs": 10}


class Uc(Method[Config]):
    """Moves all images of a cluster, in the features of a pretrained network, to where another cluster is."""

    name = "uc"
    version = 1
    info = Info(
        title="Unlearnable Clusters: Towards Label-agnostic Unlearnable Examples",
        venue="CVPR",
        year=2023,
        url="https://arxiv.org/abs/2301.01217",
        family="generator",
    )
    Config = Config
    presets: ClassVar = {
        "official": AUTHORS,
        "official_clip": AUTHORS | {"model": "resnet50_clip"},
        "paper": {"input_size": 224},
        "desk": DESK | {"precision": "bfloat16"},
        "desk64": DESK,
        "smoke": {"batch": 16, "epochs": 1, "clusters": 2},
    }
    why: ClassVar = {
        "official": "the authors' settings with an ImageNet ResNet-50",
        "official_clip": "the authors' settings with CLIP's ResNet-50",
        "paper": "official, within the bound of 8/255 that the other methods keep",
        "desk": "paper with a fifth of the epochs, batches that give small sets more updates, and a surrogate "
        "that sees the images as they are",
        "desk64": "the same in float32",
    }
    earlier: ClassVar = {
        "d75c8beabb915f8f050d57b892b67a22040122b2dd1f9a769f78b1a2b1258f49": "images were enlarged again in each pass",
    }

    _network: FaceClassifier | None = None
    _centres: Tensor  # (p, D) in the features of the surrogate
    _noise: Tensor  # (p, 3, S, S), the perturbation of each cluster

    def obstacle(self, shape: Shape) -> str | None:
        """Refuse sizes that the generator does not return to, and more clusters than images, unless all is learned."""
        if self.config.weights:
            return None
        if shape.size % 4 or shape.size < 8:
            return f"images of {shape.size} pixels; the generator needs a multiple of 4, at least 8"
        if sum(shape.counts) < self.config.clusters:
            return f"{self.config.clusters} clusters, and the set has {sum(shape.counts)} images; lower clusters"
        return None

    def assets(self, size: int) -> tuple[Path, ...]:
        """Return the surrogate's checkpoint, and the file with the perturbations if it is given."""
        given = self.config.weights
        return (self.config.surrogate, given) if given else (self.config.surrogate,)

    def streams(self, size: int) -> bool:
        """Return whether clusters and perturbations come from a file."""
        return self.config.weights is not None

    def fit(self, train: ImageSet, ctx: Context) -> None:
        """Cluster the images, and train a generator for each cluster, one after the other."""
        config = self.config
        if config.weights:
            same = {name: config.published()[name] for name in ("surrogate", "model", "input_size", "clusters", "eps")}
            state = weights.load(config.weights, self.name, train.size, same)
            self.load({name: tensor.to(ctx.device) for name, tensor in state.items()})
            return
        resize = augmentations.Resize(round(train.size * 8 / 7))
        large = ImageSet(torch.stack([resize(image) for image in train.images]), train.labels, train.num_classes)
        first = 0
        if saved := ctx.restore():
            first = saved.step
            self._centres, self._noise = (saved.state[name].to(ctx.device, copy=True) for name in ("centres", "noise"))
        else:
            self._centres = self._cluster(train, ctx)
            self._noise = torch.zeros(config.clusters, 3, train.size, train.size, device=ctx.device)
        for number in range(first, config.clusters * config.epochs):
            cluster, epoch = divmod(number, config.epochs)
            if number == first or epoch == 0:
                seed_torch(ctx.rng("generator", cluster))
                generator = networks.ResNetGenerator().to(ctx.device)
                optimizer = make_optimizer(generator, config)
                sigma = torch.rand((1, 3, train.size, train.size), generator=ctx.rng("sigma", cluster)).to(ctx.device)
                if saved and epoch:
                    unpack(saved.state, generator, optimizer)
            target = self._centres[(cluster + 1) % config.clusters]
            loss = self._train_epoch(generator, optimizer, sigma, target, large, epoch, ctx.rng("batches", number))
            with torch.no_grad():
                self._noise[cluster] = self._perturbation(generator, sigma)[0]
            ctx.log(objective=loss)
            ctx.save(pack(generator, optimizer) | self.state(), number + 1)
            done = f"fitting uc, cluster {cluster + 1} of {config.clusters}, loss {loss:.4f}"
            ctx.progress(number + 1, config.clusters * config.epochs, done)

    def perturb(self, batch: Batch, ctx: Context) -> Tensor:
        """Add to each image the perturbation of the cluster whose centre is nearest to its features."""
        nearest = torch.cdist(self._features(batch.images), self._centres).argmin(1)
        return (batch.images + self._noise[nearest]).clamp(0, 1)

    def state(self) -> dict[str, Tensor]:
        """Return the centres (p, D) of the clusters and their perturbations (p, 3, S, S)."""
        return {"centres": self._centres, "noise": self._noise}

    def load(self, state: Mapping[str, Tensor]) -> Self:
        """Take over centres and perturbations; the surrogate comes from its own file."""
        self._centres, self._noise = state["centres"], state["noise"]
        return self

    def objective(self, features: Tensor, target: Tensor) -> Tensor:
        """Return the mean of KL(softmax(target) || softmax(features)).

        Args:
            features: The surrogate's of protected images, (B, D).
            target: The centre of the next cluster, (D,).
        """
        wanted = target.softmax(0).expand_as(features)
        return torch.nn.functional.kl_div(features.log_softmax(1), wanted, reduction="batchmean")

    def _features(self, images: Tensor) -> Tensor:
        """Return what the surrogate's last layer is given for images (B, 3, S, S) in [0, 1], as (B, D)."""
        if self._network is None:
            config = self.config
            network = networks.pretrained(
                config.model,
                0,
                images.shape[-1],
                config.surrogate,
                input_size=config.input_size,
                precision=config.precision,
            )
            self._network = network.eval().requires_grad_(False).to(images.device)
        features: Tensor = self._network(images)
        return features

    def _cluster(self, train: ImageSet, ctx: Context) -> Tensor:
        """Return the centres (p, D) that k-means finds with ten starts."""
        from sklearn.cluster import KMeans

        with torch.no_grad():
            rows = torch.cat([self._features(batch.images) for batch in train.batches(self.config.batch)])
        seed = draw_seed(ctx.rng("clusters")) % 2**32
        found = KMeans(self.config.clusters, n_init=10, random_state=seed).fit(rows.cpu().double().numpy())
        return torch.from_numpy(found.cluster_centers_).to(rows)

    def _perturbation(self, generator: torch.nn.Module, sigma: Tensor) -> Tensor:
        """Return the perturbation (1, 3, S, S) that a generator makes of its fixed noise."""
        raw: Tensor = generator(sigma)
        return raw.float().clamp(-self.config.eps, self.config.eps)

    def _train_epoch(
        self,
        generator: torch.nn.Module,
        optimizer: torch.optim.Optimizer,
        sigma: Tensor,
        target: Tensor,
        large: ImageSet,
        epoch: int,
        rng: torch.Generator,
    ) -> float:
        """Train a generator in one pass over crops of all images, of whatever cluster; return its mean loss."""
        config, losses = self.config, []
        crop = augmentations.RandomCrop(sigma.shape[-1])
        view = augmentations.Compose([crop, augmentations.RandomHorizontalFlip()])
        order = torch.randperm(len(large), generator=rng)
        batches = math.ceil(len(large) / config.batch)
        for step, batch in enumerate(large.batches(config.batch, order=order), epoch * batches):
            share = (1 + math.cos(math.pi * step / (config.epochs * batches))) / 2
            set_rate(optimizer, LAST_RATE + (config.lr - LAST_RATE) * share)
            with torch.autocast(sigma.device.type, torch.bfloat16, enabled=config.precision == "bfloat16"):
                noise = self._perturbation(generator, sigma)
            protected = (augment_each(batch.images, view, rng) + noise).clamp(0, 1)
            losses.append(take_step(optimizer, self.objective(self._features(protected), target)))
        return float(torch.stack(losses).mean())
