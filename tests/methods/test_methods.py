from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from uebench.data.dataset import load
from uebench.errors import DataError
from uebench.evaluation import referee
from uebench.evaluation.context import RunContext
from uebench.networks import FaceClassifier, SegueGenerator, binary_code, classifier
from uebench.plugins.base import ImageSet, Method, Shape
from uebench.plugins.registry import Registry
from uebench.plugins.spec import parse
from uebench.pretrained import weights
from uebench.testing import MemoryContext
from uebench.training.optimizers import descend


def faces(size: int = 32, data: str = "synthetic(identities=3, train=6)") -> ImageSet:
    loaded = load(data, size, Registry())
    return referee.image_set(loaded.train, loaded.num_classes, torch.device("cpu"))


def build(text: str, preset: str = "desk") -> Any:  # noqa: ANN401
    return Registry().build("method", parse(text), preset)


def raw(method: Method[Any], train: ImageSet, ctx: RunContext) -> Tensor:
    """What a method adds, before rounding."""
    batch = train.batch(torch.arange(len(train)))
    with torch.no_grad():
        return method.perturb(batch, ctx) - batch.images


def test_clean_changes_nothing(ctx: RunContext) -> None:
    method, train = build("clean"), faces()
    assert not referee.protect(method, train, method.budget(32), ctx).any()


# random


def test_random_noise_is_uniform_in_the_ball(ctx: RunContext) -> None:
    grey = ImageSet(torch.full((20, 3, 32, 32), 128, dtype=torch.uint8), torch.arange(20) % 2, 2)
    noise = raw(build("random(eps=8/255)"), grey, ctx) * 255 / 8
    assert -1 <= noise.min() < -0.99
    assert 0.99 < noise.max() <= 1
    assert noise.mean().abs() < 0.01
    assert noise.var() == pytest.approx(1 / 3, rel=0.02)


def test_random_signs_use_the_whole_budget_and_are_the_signs_of_the_uniform_noise(ctx: RunContext) -> None:
    grey = ImageSet(torch.full((20, 3, 32, 32), 128, dtype=torch.uint8), torch.arange(20) % 2, 2)
    signs = raw(build("random(values=signs, eps=8/255)"), grey, ctx)
    assert torch.allclose(signs.abs(), torch.full_like(signs, 8 / 255), atol=1e-6)
    assert torch.equal(signs.sign(), raw(build("random(eps=8/255)"), grey, ctx).sign())


def test_random_noise_is_of_the_image_or_of_the_identity(ctx: RunContext) -> None:
    grey = ImageSet(torch.full((6, 3, 8, 8), 128, dtype=torch.uint8), torch.tensor([0, 0, 1, 1, 2, 2]), 3)
    of_class = raw(build("random(noise=classwise)"), grey, ctx)
    assert torch.equal(of_class[0], of_class[1])
    assert not torch.equal(of_class[1], of_class[2])
    of_sample = raw(build("random"), grey, ctx)
    assert len({tuple(noise.flatten().tolist()) for noise in of_sample}) == 6


def test_random_noise_does_not_depend_on_the_batch(ctx: RunContext) -> None:
    train, method = faces(), build("random")
    whole = raw(method, train, ctx)
    part = train.batch(torch.tensor([5, 2]))
    assert torch.equal(method.perturb(part, ctx) - part.images, whole[[5, 2]])


# lsp


@pytest.mark.parametrize(("size", "patch"), [(32, 8), (64, 8), (30, 8), (32, 32), (224, 56)])
def test_lsp_has_exactly_the_authors_length_before_clipping(ctx: RunContext, size: int, patch: int) -> None:
    method = build(f"lsp(patch={patch})")
    method.fit(faces(size), ctx)
    lengths = method.state()["noise"].double().flatten(1).norm(dim=1)
    assert torch.allclose(lengths, torch.full_like(lengths, 6 / 255 * math.sqrt(3 * size * size)), rtol=1e-5)


def test_lsp_is_made_of_patches_and_linearly_separable(ctx: RunContext) -> None:
    from sklearn.linear_model import LogisticRegression

    train, method = faces(32, "synthetic(identities=4, train=20)"), build("lsp(patch=8)")
    method.fit(train, ctx)
    noise = method.state()["noise"]
    patches = noise.unfold(2, 8, 8).unfold(3, 8, 8)
    assert torch.equal(patches, patches[..., :1, :1].expand_as(patches))
    features = noise.flatten(1).numpy()
    fitted = LogisticRegression(max_iter=500).fit(features[::2], train.labels[::2])
    assert fitted.score(features[1::2], train.labels[1::2]) > 0.95


def test_lsp_says_beforehand_which_patch_is_too_large_for_so_many_identities(ctx: RunContext) -> None:
    method = build("lsp(patch=32)")
    assert method.obstacle(Shape(32, (2,) * 8)) is None
    said = "patch=32: at 32 pixels its 3 colour values tell 8 identities apart, and the set has 9; use a smaller patch"
    assert method.obstacle(Shape(32, (2,) * 9)) == said
    assert build("lsp(patch=31)").obstacle(Shape(32, (2,) * 4096)) is None
    for identities in (8, 9):
        train = ImageSet(torch.zeros(identities, 3, 32, 32, dtype=torch.uint8), torch.arange(identities), identities)
        if identities == 8:
            method.fit(train, ctx)
        else:
            with pytest.raises(ValueError, match="n_informative"):  # as scikit-learn would say it
                method.fit(train, ctx)


def test_lsp_serves_unequal_identities(ctx: RunContext) -> None:
    images = torch.zeros(7, 3, 16, 16, dtype=torch.uint8)
    train = ImageSet(images, torch.tensor([0, 1, 1, 1, 1, 1, 0]), 2)
    method = build("lsp")
    method.fit(train, ctx)
    assert torch.isfinite(method.state()["noise"]).all()


# segue


def test_the_binary_code_of_five() -> None:
    code = "".join(str(int(bit)) for bit in binary_code(torch.tensor([5]), 16)[0])
    assert code == "0000000000000101"
    assert len({tuple(row.tolist()) for row in binary_code(torch.arange(256), 8)}) == 256


def test_the_generator_has_the_authors_size_and_shape() -> None:
    generator = SegueGenerator()
    assert sum(p.numel() for p in generator.parameters()) == 100_752
    for size in (32, 64, 112, 224):
        out = generator(torch.rand(2, 3, size, size), torch.tensor([0, 9]))
        assert out.shape == (2, 3, size, size)
        assert out.abs().max() < 1


def test_the_losses_are_the_papers_term_by_term() -> None:
    method = build("segue(alpha=2.0, beta=0.5)")
    logits = torch.tensor([[2.0, -1.0], [0.5, 0.0]])
    labels = torch.tensor([0, 1])
    noise = torch.stack([torch.full((3, 4, 4), 0.1), torch.full((3, 4, 4), -0.2)])
    cross_entropy = np.mean([math.log(1 + math.exp(-3)), math.log(1 + math.exp(0.5))])  # Eq. 5
    magnitude = np.mean([0.1 * math.sqrt(48), 0.2 * math.sqrt(48)])  # Eq. 6
    expected = 2.0 * cross_entropy + 0.5 * magnitude  # Eq. 4
    assert float(method.objective(logits, labels, noise)) == pytest.approx(expected, rel=1e-6)


def test_the_generators_loss_reaches_it_through_the_unclipped_norm_only_outside_the_ball() -> None:
    method = build("segue")
    raw_noise = torch.tensor([0.5, 0.01]).view(2, 1, 1, 1).expand(2, 3, 2, 2).clone().requires_grad_()
    protected = method.protect(torch.full((2, 3, 2, 2), 0.5), raw_noise)
    (through_clip,) = torch.autograd.grad(protected.sum(), raw_noise, retain_graph=True)
    assert not through_clip[0].any()
    assert through_clip[1].all()
    (through_norm,) = torch.autograd.grad(raw_noise.flatten(1).norm(dim=1).mean(), raw_noise)
    assert through_norm[0].all()


def test_the_distortion_layer_blurs_sharpens_and_flips(ctx: RunContext) -> None:
    images = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    still = build("segue(blur=0.0, sharpness=1.0, flip=0.0)").distort(images, ctx.rng("x"))
    assert torch.equal(still, images)
    flipped = build("segue(blur=0.0, sharpness=1.0, flip=1.0)").distort(images, ctx.rng("x"))
    assert torch.equal(flipped, images.flip(-1).flip(-2))
    blurred = build("segue(blur=0.8, sharpness=1.0, flip=0.0)").distort(images, ctx.rng("x"))
    sharp = build("segue(blur=0.0, sharpness=2.0, flip=0.0)").distort(images, ctx.rng("x"))
    roughness = [(x[..., 1:] - x[..., :-1]).abs().mean() for x in (blurred, images, sharp)]
    assert roughness == sorted(roughness)


@pytest.mark.usefixtures("small_networks")
def test_the_defenders_adversary_raises_the_surrogates_loss_within_its_radius(ctx: RunContext) -> None:
    train, method = faces(), build("segue(rho_d=4/255)")
    torch.manual_seed(0)
    surrogate = classifier("resnet18", 3, 32).eval()
    batch = train.batch(torch.arange(6))
    delta = method.adversary(surrogate, batch)
    assert float(delta.abs().max()) <= 4 / 255 + 1e-6

    def loss(images: Tensor) -> float:
        return torch.nn.functional.cross_entropy(surrogate(images), batch.labels).item()

    assert loss(batch.images + delta) > loss(batch.images)
    assert build("segue(rho_d=0.0)").adversary(surrogate, batch) == 0.0


FRESH = "weights=none, maxiter=0, batch=6, rho_steps=1, norm=instance, schedule=constant, precision=float32"


def fitted(text: str) -> list[dict[str, Tensor]]:
    """Fit a method on the made-up faces and return what it saved after each epoch or round."""
    ctx = MemoryContext()
    torch.manual_seed(0)
    build(text).fit(faces(), ctx)
    return [dict(saved.state) for saved in ctx.saved]


@pytest.mark.usefixtures("small_networks")
def test_algorithm_1_trains_the_surrogate_in_epochs_1_and_6_and_the_generator_in_each() -> None:
    epochs = fitted(f"segue({FRESH}, epochs=6, surrogate_every=5)")
    steps = [[int(state[f"{network}.optimizer.0.step"]) for state in epochs] for network in ("f", "g")]
    assert steps == [[3, 3, 3, 3, 3, 6], [3, 6, 9, 12, 15, 18]]


def changed(before: dict[str, Tensor], after: dict[str, Tensor], network: str, *kinds: str) -> bool:
    """Say whether tensors of a network (``f``: surrogate, ``g``: generator) differ, those whose names end so."""
    own = [name for name in before if name.startswith(f"{network}.model") and name.endswith(kinds)]
    return any(not torch.allclose(before[name], after[name], rtol=0, atol=1e-20) for name in own)


@pytest.mark.usefixtures("small_networks")
def test_the_surrogate_learns_only_in_its_own_turn_and_the_generator_only_in_its() -> None:
    first, second = fitted(f"segue({FRESH}, epochs=2, surrogate_every=2)")  # the second epoch is the generator's alone
    assert changed(first, second, "g", "weight")
    assert not changed(first, second, "f", "weight", "bias", "running_mean", "running_var")
    first, second = fitted(f"segue({FRESH}, epochs=2, surrogate_every=1, lr_g=1e-30)")  # its own steps move nothing
    assert changed(first, second, "f", "weight")
    assert not changed(first, second, "g", "weight", "bias")


@pytest.mark.usefixtures("small_networks")
def test_the_variant_begins_each_turn_of_the_surrogate_anew() -> None:
    options = f"{FRESH}, lr_f=1e-3, lr_g=1e-3, epochs=3, surrogate_every=2"
    epochs = {name: fitted(f"{name}({options})") for name in ("segue", "segue_restart")}
    steps = {name: [int(state["f.optimizer.0.step"]) for state in saved] for name, saved in epochs.items()}
    assert steps == {"segue": [3, 3, 6], "segue_restart": [3, 3, 3]}
    for name in ("f.model.network.fc.weight", "g.model.decoder.6.weight"):
        same = [torch.equal(*(saved[epoch][name] for saved in epochs.values())) for epoch in range(3)]
        assert same == [True, True, False]


@pytest.mark.usefixtures("small_networks")
def test_the_stop_rule_is_the_surrogates_loss() -> None:
    assert len(fitted(f"segue({FRESH}, epochs=4, stop_loss=100.0)")) == 1


@pytest.mark.usefixtures("small_networks")
def test_the_stop_rule_may_look_at_the_last_batch_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    losses = iter([5.0, 5.0, 0.1] * 9)

    def say(*args: Any) -> tuple[Tensor, Tensor]:  # noqa: ANN401
        return torch.tensor(next(losses)), descend(*args)[1]

    monkeypatch.setattr("uebench_methods.segue.descend", say)
    rule = f"{FRESH}, epochs=2, surrogate_every=1, stop_loss=1.0"
    assert len(fitted(f"segue({rule}, stop_on=mean)")) == 2
    assert len(fitted(f"segue({rule}, stop_on=last)")) == 1


@pytest.mark.usefixtures("small_networks")
@pytest.mark.parametrize("schedule_g", ["same", "constant"])
def test_rates_swing_with_every_step_of_their_network_and_the_generators_may_be_constant(
    schedule_g: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates: dict[float, list[float]] = {0.1: [], 0.2: []}

    def set_rate(optimizer: torch.optim.Optimizer, lr: float) -> None:
        rates[optimizer.defaults["lr"]].append(lr)

    monkeypatch.setattr("uebench_methods.segue.set_rate", set_rate)
    options = FRESH.replace("constant", "oscillating")
    options += f", schedule_g={schedule_g}"
    fitted(f"segue({options}, epochs=4, surrogate_every=3, lr_f=0.1, lr_g=0.2, stop_loss=0.0)")
    expected = [(1 + math.cos(math.pi * step / 4)) / 2 for step in range(12)]  # 3 batches in each of 4 epochs
    assert rates[0.2] == pytest.approx([0.2 * share for share in expected] if schedule_g == "same" else [])
    assert rates[0.1] == pytest.approx([0.1 * share for share in expected[:6]])  # it trains in epochs 1 and 4
    assert expected[4] == 0
    assert expected[8] == 1


def test_the_generators_rate_is_the_authors_at_official_and_as_in_the_records_elsewhere() -> None:
    schedules = {
        preset: (config.schedule, config.schedule_g)
        for preset in ("official", "paper", "desk")
        for config in [build("segue", preset).config]
    }
    recorded = ("oscillating", "same")
    assert schedules == {"official": ("oscillating", "constant"), "paper": recorded, "desk": recorded}


@pytest.mark.parametrize(("size", "kernel"), [(112, (3, 3)), (116, (7, 7))])
def test_the_stem_may_follow_from_the_size_as_the_authors_have_it(size: int, kernel: tuple[int, int]) -> None:
    model: Any = classifier("resnet18", 3, size, stem="by_size")
    assert model.network.conv1.kernel_size == kernel
    assert isinstance(model.network.maxpool, torch.nn.Identity) == (kernel == (3, 3))
    assert model.details["stem"] == ("small" if kernel == (3, 3) else "imagenet")
    assert classifier("test_efficientnet", 3, size, stem="by_size").details["stem"] == "imagenet"  # no ResNet


@pytest.mark.usefixtures("small_networks")
@pytest.mark.parametrize(("maxiter", "batches"), [(7, 7), (0, 18 // 4)])
def test_maxiter_sets_the_batches_of_an_epoch(maxiter: int, batches: int) -> None:
    (epoch,) = fitted(f"segue(weights=none, epochs=1, batch=4, rho_d=0.0, maxiter={maxiter})")
    assert [int(epoch[f"{network}.optimizer.0.step"]) for network in ("f", "g")] == [batches, batches]


@pytest.mark.usefixtures("small_networks")
def test_segue_stays_in_its_budget_and_fits_other_numbers_of_identities(ctx: RunContext) -> None:
    method = build("segue(weights=none, epochs=1, batch=6, rho_d=0.0, maxiter=0, eps=4/255)")
    method.fit(faces(), ctx)
    others = faces(data="synthetic(identities=7, train=2, seed=5)")
    delta = referee.protect(method, others, method.budget(32), ctx)
    assert 0 < np.abs(delta).max() <= 4


def test_only_a_generator_with_a_code_limits_the_number_of_identities() -> None:
    many = Shape(32, (2,) * 3)
    assert build("segue(code_bits=1)").obstacle(many) == "3 identities; a code of 1 bits names 2"
    assert build("segue_unguided").obstacle(many) is None


SHORT = {
    "clean": "", "random": "", "lsp": "patch=56", "ar": "", "ops": "", "cuda": "",
    "pil": "epochs=1, steps=2",
    "bait": "rounds=3, maxiter=1, batch=2",
    "tap": "epochs=1, batch=4, steps=1",
    "hypocritical": "epochs=1, batch=4, steps=1",
    "aue": "epochs=1, batch=4, steps=1",
    "aap": "epochs=1, batch=4, steps=1",
    "sem": "rounds=1, steps=1, samples=1, rho_steps=1, batch=4, regenerate=false",
    "ue": "rounds=1, train_steps=1, steps=1, batch=4",
    "rue": "rounds=1, steps=1, samples=1, rho_steps=1, batch=4, regenerate=false",
    "tue": "rounds=1, steps=2, batch=4",
    "deepconfuse": "trials=1, epochs=1, batch=4",
    "gue": "epochs=1, inner_steps=1, width=4, batch=4",
    "segue": "weights=none, epochs=1, maxiter=1, batch=4, rho_steps=1",
    "segue_restart": "weights=none, epochs=1, maxiter=1, batch=4, rho_steps=1",
    "segue_unguided": "weights=none, epochs=1, maxiter=1, batch=4, rho_steps=1",
}  # fmt: skip


@pytest.mark.usefixtures("small_networks")
@pytest.mark.parametrize("name", Registry().ready("method"))
def test_every_method_protects_photographs_of_224_pixels_within_its_budget(ctx: RunContext, name: str) -> None:
    train, method = faces(224, "synthetic(identities=2, train=2, test=1)"), build(f"{name}({SHORT[name]})")
    method.fit(train, ctx)
    assert referee.protect(method, train, method.budget(224), ctx).shape == (4, 3, 224, 224)


@pytest.mark.usefixtures("small_networks")
def test_a_fit_reports_the_losses_of_each_epoch_and_why_it_stopped(ctx: RunContext) -> None:
    build(f"segue({FRESH}, epochs=3, surrogate_every=2, stop_loss=0.0)").fit(faces(), ctx)
    assert [("surrogate" in one, "objective" in one) for one in ctx.rounds] == [
        (True, True),
        (False, True),
        (True, True),
    ]
    assert {one["stopped"] for one in ctx.rounds} == {""}
    ctx = RunContext(torch.device("cpu"), 0)
    build(f"segue({FRESH}, epochs=3, stop_loss=100.0)").fit(faces(), ctx)
    assert [one["stopped"] for one in ctx.rounds] == ["surrogate's loss below 100"]


def test_what_segue_cannot_do_is_said_before_work_starts() -> None:
    assert "multiple of 4" in (build("segue").obstacle(Shape(66, (5,) * 10)) or "")
    assert "a code of 3 bits names 8" in (build("segue(code_bits=3)").obstacle(Shape(64, (5,) * 9)) or "")
    assert build("segue").obstacle(Shape(64, (5,) * 40)) is None


@pytest.mark.usefixtures("small_networks")
def test_weights_travel_in_a_file_that_says_what_it_is(ctx: RunContext, tmp_path: Path) -> None:
    method, train, file = (
        build("segue(weights=none, epochs=1, batch=6, rho_d=0.0, maxiter=0)"),
        faces(),
        tmp_path / "g.safetensors",
    )
    method.fit(train, ctx)
    meta = {"method": "segue", "size": 32, "config": method.config.published()}
    weights.save(file, method.state(), meta)
    again = build(f"segue(weights='{file}')")
    assert again.assets(32) == (file,)
    again.fit(train, ctx)
    assert torch.equal(raw(again, train, ctx), raw(method, train, ctx))
    with pytest.raises(DataError, match="trained at 32 pixels, the images have 64"):
        again.fit(faces(64), ctx)
    with pytest.raises(DataError, match="trained with norm"):
        other = "instance" if method.config.norm == "batch" else "batch"
        build(f"segue(weights='{file}', norm={other})").fit(train, ctx)
    weights.save(file.with_name("o.safetensors"), method.state(), meta | {"method": "ue"})
    with pytest.raises(DataError, match="weights of ue, not of segue"):
        build(f"segue(weights='{tmp_path}/o.safetensors')").fit(train, ctx)


@pytest.mark.parametrize("content", [b"", b"text", b"\xff" * 100])
def test_what_is_not_a_weights_file_is_refused(content: bytes, ctx: RunContext, tmp_path: Path) -> None:
    file = tmp_path / "bad.safetensors"
    file.write_bytes(content)
    with pytest.raises(DataError, match="not a weights file"):
        build(f"segue(weights='{file}')").fit(faces(), ctx)


@pytest.mark.parametrize(("inputs", "low", "high"), [("scaled", -1, 1), ("raw", 0, 1), ("centred", -0.5, 0.5)])
def test_a_network_normalises_as_it_is_told(inputs: Any, low: float, high: float) -> None:  # noqa: ANN401
    model = classifier("resnet18", 3, 32, inputs=inputs)
    seen: list[Tensor] = []
    model.network.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    model.eval()(torch.stack([torch.zeros(3, 32, 32), torch.ones(3, 32, 32)]))
    assert [seen[0][0].min(), seen[0][0].max(), seen[0][1].min(), seen[0][1].max()] == [low, low, high, high]


def test_every_network_takes_images_in_0_1_and_returns_logits() -> None:
    model = classifier("inception_v3", 4, 32)
    assert isinstance(model, FaceClassifier)
    assert model.details["input_size"] == 75
    assert model.details["upsampled_from"] == 32
    assert model.eval()(torch.rand(1, 3, 32, 32)).shape == (1, 4)
