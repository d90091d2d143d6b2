"""Each countermeasure against an independent reference."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
import scipy.fft
import scipy.ndimage
import torch
from PIL import Image
from sklearn.linear_model import LogisticRegression
from torch import Tensor
from torchvision.transforms import v2

from uebench.networks import classifier
from uebench.ops import beta, holes, plasma
from uebench.plugins.base import Countermeasure, ImageSet
from uebench.plugins.registry import Registry
from uebench.plugins.spec import parse


def build(text: str) -> Countermeasure[Any]:
    built = Registry().build("countermeasure", parse(text))
    assert isinstance(built, Countermeasure)
    return built


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def faces(count: int = 6, size: int = 24) -> ImageSet:
    """Smooth random images, as photographs are."""
    rough = np.random.default_rng(0).normal(size=(count, 3, size, size))
    smooth = scipy.ndimage.gaussian_filter(rough, (0, 0, 2, 2))
    pixels = (255 * (smooth - smooth.min()) / np.ptp(smooth)).astype(np.uint8)
    return ImageSet(torch.from_numpy(pixels), torch.arange(count) % 3, 3)


TRAIN = faces()


def on_set(text: str) -> Tensor:
    return build(text).on_set(TRAIN, rng())


GREY = ImageSet(on_set("grayscale"), TRAIN.labels, 3)


def on_batch(text: str, seed: int = 0) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    images = TRAIN.images.float() / 255
    targets = torch.nn.functional.one_hot(TRAIN.labels, 3).float()
    return (images, targets, *build(text).on_batch(images, targets, rng(seed)))


@pytest.mark.parametrize("quality", [10, 75])
@pytest.mark.parametrize(("subsampling", "code"), [("4:4:4", 0), ("4:2:2", 1), ("4:2:0", 2)])
def test_jpeg_gives_the_bytes_that_pillow_decodes(quality: int, subsampling: str, code: int) -> None:
    got = on_set(f"jpeg(quality={quality}, subsampling='{subsampling}')")
    for before, after in zip(TRAIN.images, got, strict=True):
        file = io.BytesIO()
        Image.fromarray(before.permute(1, 2, 0).numpy()).save(file, "JPEG", quality=quality, subsampling=code)
        assert np.array_equal(np.asarray(Image.open(file)), after.permute(1, 2, 0).numpy())


def test_iss_is_grey_and_then_jpeg_of_quality_10() -> None:
    for grey, after in zip(on_set("grayscale"), on_set("iss"), strict=True):
        file = io.BytesIO()
        Image.fromarray(grey.permute(1, 2, 0).numpy()).save(file, "JPEG", quality=10)
        assert np.array_equal(np.asarray(Image.open(file)), after.permute(1, 2, 0).numpy())
    assert not torch.equal(on_set("iss"), on_set("jpeg(quality=10)"))
    assert torch.equal(on_set("iss(quality=60)"), build("jpeg(quality=60)").on_set(GREY, rng()))


def test_blur_agrees_with_scipy() -> None:
    got = on_set("blur(kernel=5, sigma=1.0)").float()
    there = scipy.ndimage.gaussian_filter(TRAIN.images.float().numpy(), (0, 0, 1, 1), radius=2, mode="mirror")
    assert np.abs(got.numpy() - there).max() <= 0.51  # rounding


def test_a_blur_for_images_of_this_size_is_the_plain_one() -> None:
    plain, scaled = (on_set(f"blur(kernel=5, sigma=1.0{more})").int() for more in ("", ", relative_to=24"))
    assert (plain - scaled).abs().max() <= 1  # the order of sums


@pytest.mark.parametrize("size", [64, 96, 224, 448])
def test_a_scaled_blur_takes_from_a_face_what_the_blur_takes_at_224_pixels(size: int) -> None:
    """Of a wave of the face, counted in cycles per image; the edges are mirrored, and left out here."""

    def amplitude(text: str, side: int, cycles: int) -> float:
        x = torch.arange(side) / side
        wave = (127.5 + 100 * torch.cos(2 * torch.pi * cycles * x)).round().to(torch.uint8).expand(1, 3, side, side)
        got = build(text).on_set(ImageSet(wave, torch.zeros(1).long(), 1), rng()).double()[0, 0, side // 2]
        inner = slice(side // 4, 3 * side // 4)
        return 2 * float((got[inner] * torch.cos(2 * torch.pi * cycles * x[inner])).mean()) / 100

    for cycles in (4, 12, 28):
        assert amplitude("blur(preset=segue_paper)", size, cycles) == pytest.approx(
            amplitude("blur(kernel=5, sigma=1.0)", 224, cycles), abs=0.02
        )


def test_a_blur_of_five_pixels_takes_more_of_a_smaller_face() -> None:
    unscaled, scaled = (on_set(f"blur{more}").float() for more in ("", "(preset=segue_paper)"))
    photographs = TRAIN.images.float()
    assert (scaled - photographs).square().mean() < 0.1 * (unscaled - photographs).square().mean()


def test_grey_is_the_luma_in_three_channels() -> None:
    got = on_set("grayscale").float()
    luma = (TRAIN.images.float() * torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)).sum(1)
    assert torch.equal(got[:, 0], got[:, 1])
    assert torch.equal(got[:, 0], got[:, 2])
    assert (got[:, 0] - luma).abs().max() <= 0.6


@pytest.mark.parametrize("bits", [1, 2, 5])
def test_bit_depth_leaves_so_many_levels_and_the_nearest_one(bits: int) -> None:
    got = on_set(f"bit_depth(bits={bits})").float()
    levels = torch.linspace(0, 255, 2**bits)
    assert len(set(got.flatten().tolist())) <= 2**bits
    nearest = (TRAIN.images.float()[..., None] - levels).abs().min(-1).values
    assert ((got - TRAIN.images.float()).abs() - nearest).abs().max() <= 0.51


def test_resizing_agrees_with_pillow() -> None:
    got = on_set("resize(scale=0.5)")
    for before, after in zip(TRAIN.images, got, strict=True):
        small = Image.fromarray(before.permute(1, 2, 0).numpy()).resize((12, 12), Image.Resampling.BILINEAR)
        there = np.asarray(small.resize((24, 24), Image.Resampling.BILINEAR), np.float32)
        assert np.abs(there - after.permute(1, 2, 0).numpy()).max() <= 2  # Pillow rounds in between


def test_the_low_pass_keeps_what_is_below_the_cutoff_and_nothing_above() -> None:
    x = torch.arange(24) / 24
    slow, fast = torch.sin(2 * torch.pi * 3 * x), torch.sin(2 * torch.pi * 9 * x)  # 3/12 and 9/12 of the highest
    wave = (128 + 40 * (slow + fast)).round().to(torch.uint8).expand(1, 3, 24, 24)
    got = build("low_pass(cutoff=0.5)").on_set(ImageSet(wave, torch.zeros(1).long(), 1), rng()).float()
    assert (got - (128 + 40 * slow)).abs().max() <= 1.5


def test_orthogonal_projection_blinds_the_linear_classifier_it_fitted() -> None:
    labels = torch.arange(60) % 3
    pattern = torch.randint(-8, 9, (3, 3, 16, 16), generator=rng(1))
    images = (torch.randint(90, 110, (60, 3, 16, 16), generator=rng(2)) + pattern[labels]).to(torch.uint8)
    train = ImageSet(images, labels, 3)
    measure = build("orthogonal_projection(epochs=60)")
    weights = measure.weights(train, rng())  # type: ignore[attr-defined]
    flat = images.float().flatten(1) / 255
    assert (flat @ weights.T).argmax(1).eq(labels).float().mean() == 1
    basis = np.linalg.svd(weights.numpy(), full_matrices=False)[2]  # the same span by another algorithm
    expected = flat.numpy() - flat.numpy() @ basis.T @ basis
    got = measure.on_set(train, rng()).float().flatten(1).numpy()
    assert np.abs(got - (255 * expected).clip(0, 255)).max() <= 0.6
    scores = [LogisticRegression().fit(data / 255, labels).coef_ @ weights.T.numpy() for data in (flat * 255, got)]
    assert np.abs(scores[1]).max() < 0.2 * np.abs(scores[0]).max()


def test_noises_have_the_size_asked_for() -> None:
    images, _, noisy, _ = on_batch("uniform_noise(radius=0.1)")
    inside = (images > 0.1) & (images < 0.9)
    change = (noisy - images)[inside]
    assert 0.099 < change.abs().max() <= 0.1 + 1e-6
    assert change.std().item() == pytest.approx(0.1 / 3**0.5, rel=0.05)
    images, _, noisy, _ = on_batch("gaussian_noise(sigma=0.02)")
    assert (noisy - images)[inside].std().item() == pytest.approx(0.02, rel=0.05)


def test_holes_have_the_area_asked_for() -> None:
    mask = holes(400, 24, 1, 12, rng())
    rows, columns = mask.any(3).sum(2).flatten(), mask.any(2).sum(2).flatten()
    assert torch.equal(mask.sum((1, 2, 3)), rows * columns)
    assert int(rows.max()) == int(columns.max()) == 12
    assert int((rows * columns).max()) == 144
    whole = sum(min(c + 6, 24) - max(c - 6, 0) for c in range(24)) / 24
    assert rows.float().mean().item() == pytest.approx(whole, rel=0.03)


def test_cutout_blackens_the_holes_and_nothing_else() -> None:
    images, targets, got, same = on_batch("cutout(holes=2, length=0.5)")
    inside = holes(6, 24, 2, 12, rng())
    assert torch.equal(got, torch.where(inside, 0.0, images))
    assert torch.equal(targets, same)


def test_mixup_matches_torchvision(monkeypatch: pytest.MonkeyPatch) -> None:
    images, targets, got, mixed = on_batch("mixup(alpha=0.4)", seed=3)
    weight = float(
        ((got - images.roll(1, 0)) / (images - images.roll(1, 0)))[(images - images.roll(1, 0)).abs() > 0.2][0]
    )
    assert 0 <= weight <= 1
    theirs = v2.MixUp(alpha=0.4, num_classes=3)
    params = {"labels": TRAIN.labels, "batch_size": 6, "lam": weight}
    assert torch.allclose(got, theirs.transform(images, params), atol=1e-5)
    assert torch.allclose(mixed, theirs.transform(TRAIN.labels, params), atol=1e-5)
    assert torch.allclose(mixed.sum(1), torch.ones(6))
    assert torch.equal(targets.argmax(1), TRAIN.labels)


@pytest.mark.parametrize("name", ["mixup", "cutmix"])
def test_the_segue_authors_mix_a_batch_with_its_reverse(name: str) -> None:
    images, targets, _, _ = on_batch(name)
    _, _, got, mixed = on_batch(f"{name}(preset=segue_code)", seed=5)
    weights = mixed[0, TRAIN.labels[0]], mixed[0, TRAIN.labels[5]]
    share = float(weights[0])
    assert 0 < share < 1
    assert torch.allclose(mixed, torch.lerp(targets.flip(0), targets, share), atol=1e-6)
    if name == "mixup":
        assert torch.allclose(got, torch.lerp(images.flip(0), images, share), atol=1e-6)
    else:  # replaced, not blended, and the label's weight is the area left
        inside = (got == images.flip(0)).flatten(0, 1).all(0)
        assert torch.equal(got, torch.where(inside, images.flip(0), images))
        assert share == pytest.approx(1 - float(inside.float().mean()), abs=1e-6)


def test_what_a_batch_is_mixed_with_enters_no_key_at_its_default() -> None:
    assert build("mixup").config.published() == {"alpha": 1.0}
    assert set(build("cutmix").config.published()) == {"holes", "length", "blend", "alpha"}
    assert build("cutout(preset=segue_code)").config == build("cutout").config
    assert build("blur").config.published() == {"kernel": 5, "sigma": 1.0}


def test_the_weight_of_mixup_follows_the_beta_distribution() -> None:
    source = rng()
    weights = np.array([beta(2.0, source) for _ in range(2000)])
    assert weights.mean() == pytest.approx(0.5, abs=0.02)
    assert weights.var() == pytest.approx(1 / 20, rel=0.1)  # of Beta(2, 2)


def test_cutmix_matches_torchvision() -> None:
    images, _, got, mixed = on_batch("cutmix(holes=1, length=none)", seed=4)
    inside = holes_of(got, images)
    (top, bottom), (left, right) = (bounds(inside.any(axis)) for axis in (1, 0))
    share = 1 - (bottom - top) * (right - left) / 24**2
    theirs = v2.CutMix(num_classes=3)
    params = {"labels": TRAIN.labels, "batch_size": 6, "box": (left, top, right, bottom), "lam_adjusted": share}
    assert torch.equal(got, theirs.transform(images, params))
    assert torch.allclose(mixed, theirs.transform(TRAIN.labels, params), atol=1e-6)


def holes_of(got: Tensor, images: Tensor) -> Tensor:
    return (got == images.roll(1, 0)).flatten(0, 1).all(0)


def bounds(line: Tensor) -> tuple[int, int]:
    places = line.nonzero().flatten()
    return int(places.min()), int(places.max()) + 1


def test_cutmix_with_several_holes_mixes_labels_by_their_union() -> None:
    images, _, got, mixed = on_batch("cutmix(holes=2, length=0.5)", seed=5)
    area = holes_of(got, images).float().mean()
    assert 0.1 < area < 0.6
    one_hot = torch.nn.functional.one_hot(TRAIN.labels, 3).float()
    assert torch.allclose(mixed, (1 - area) * one_hot + area * one_hot.roll(1, 0), atol=1e-6)
    assert torch.allclose(mixed.sum(1), torch.ones(6))


def test_cutmix_of_the_segue_paper_blends_inside_its_holes() -> None:
    images, _, plain, _ = on_batch("cutmix(holes=2, length=0.5)", seed=5)
    _, _, got, mixed = on_batch("cutmix(preset=segue_paper)", seed=5)
    inside, other = holes_of(plain, images), images.roll(1, 0)
    assert torch.equal(got[:, :, ~inside], images[:, :, ~inside])
    share = float((got - images).abs().sum() / (other - images)[:, :, inside].abs().sum())
    assert 0 < share < 1
    assert torch.allclose(got[:, :, inside], torch.lerp(images, other, share)[:, :, inside], atol=1e-5)
    assert float(mixed[1, TRAIN.labels[0]]) == pytest.approx(share * float(inside.float().mean()), abs=1e-5)


def test_coin_takes_pixels_from_random_places_as_scipy_does() -> None:
    images, targets, got, same = on_batch("coin(alpha=1.5)", seed=2)
    down, right = (torch.rand(2, 6, 24, 24, generator=rng(2)) * 3 - 1.5).double().numpy()
    rows, columns = np.mgrid[:24, :24]
    for image, after, *moves in zip(images, got, down, right, strict=True):
        places = np.stack([rows + moves[0], columns + moves[1]])
        for before, channel in zip(image, after, strict=True):  # all channels by the same distance
            there = scipy.ndimage.map_coordinates(before.double().numpy(), places, order=1, mode="grid-wrap")
            assert np.abs(there - channel.numpy()).max() < 1e-5
    assert torch.equal(targets, same)


def test_coin_takes_no_pixel_from_further_away_than_alpha() -> None:
    images, _, got, _ = on_batch("coin")
    near = {"size": (1, 1, 5, 5), "mode": "wrap"}
    assert (got.numpy() <= scipy.ndimage.maximum_filter(images.numpy(), **near) + 1e-6).all()
    assert (got.numpy() >= scipy.ndimage.minimum_filter(images.numpy(), **near) - 1e-6).all()
    assert (got - images).abs().mean() > 0.01


def test_sharpening_without_spread_is_one_kernel_for_all() -> None:
    images, _, got, _ = on_batch("sharpen_dct(centre=2.2, spread=0, keep=1)")
    kernel = np.array([[0, -0.3, 0], [-0.3, 2.2, -0.3], [0, -0.3, 0]])[None, None]
    there = scipy.ndimage.convolve(images.double().numpy(), kernel, mode="mirror").clip(0, 1)
    assert np.abs(there - got.numpy()).max() < 1e-5


def test_each_image_is_sharpened_by_a_kernel_of_its_own_of_the_spread_asked_for() -> None:
    grey, point = torch.full((400, 3, 5, 5), 0.5), torch.zeros(400, 3, 5, 5)
    point[:, :, 2, 2] = 0.1
    measure = build("sharpen_dct(centre=2.5, spread=0.1, keep=1)")
    there, flat = (measure.on_batch(images, torch.zeros(400, 2), rng())[0] for images in (grey + point, grey))
    kernels = (there - flat)[:, 0] / 0.1
    for (row, column), mean in {(2, 2): 2.5, (1, 2): -0.375, (2, 3): -0.375}.items():
        assert kernels[:, row, column].mean().item() == pytest.approx(mean, abs=0.02)
        assert kernels[:, row, column].std().item() == pytest.approx(0.1, rel=0.15)
    assert kernels[:, 1, 1].abs().max() < 1e-5


def test_the_filter_keeps_the_lowest_waves_of_scipys_cosine_transform() -> None:
    images, _, got, _ = on_batch("sharpen_dct(centre=1, spread=0, keep=0.3)")
    waves = scipy.fft.dctn(images.double().numpy(), axes=(2, 3), norm="ortho")
    waves[:, :, 7:] = 0  # 7 of 24
    waves[:, :, :, 7:] = 0
    there = scipy.fft.idctn(waves, axes=(2, 3), norm="ortho").clip(0, 1)
    assert np.abs(there - got.numpy()).max() < 1e-5


@pytest.mark.parametrize("text", ["randaugment", "trivialaugment"])
def test_automatic_augmentation_is_torchvisions_image_by_image(text: str) -> None:
    images, targets, got, same = on_batch(text, seed=6)
    theirs = v2.RandAugment(2, 9) if text == "randaugment" else v2.TrivialAugmentWide()
    with torch.random.fork_rng():
        torch.manual_seed(int(torch.randint(2**62, (), generator=rng(6))))
        expected = torch.stack([theirs(image) for image in TRAIN.images]).float() / 255
    assert torch.equal(got, expected)
    assert torch.equal(targets, same)
    assert not torch.equal(got, images)


def network() -> torch.nn.Module:
    torch.manual_seed(0)
    return classifier("resnet18", 3, 32)


@pytest.mark.parametrize("text", ["adversarial(rho=4/255)", "adversarial(rho=4/255, step=2/255, random_start=true)"])
def test_adversarial_examples_stay_in_the_ball_and_raise_the_loss(text: str) -> None:
    model = network().train()
    train = faces(6, 32)
    images, targets = train.images.float() / 255, torch.nn.functional.one_hot(train.labels, 3).float()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    got = build(text).on_step(images, targets, model, rng())
    assert model.training
    assert all(parameter.requires_grad and parameter.grad is None for parameter in model.parameters())
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert (got - images).abs().max() <= 4 / 255 + 1e-6
    assert 0 <= got.min() <= got.max() <= 1
    model.eval()
    with torch.no_grad():
        losses = [float(torch.nn.functional.cross_entropy(model(point), targets)) for point in (images, got)]
    assert losses[1] > losses[0]


def test_adversarial_steps_agree_with_the_textbook_loop() -> None:
    model, train = network().eval(), faces(4, 32)
    images, targets = train.images.float() / 255, torch.nn.functional.one_hot(train.labels, 3).float()
    got = build("adversarial(rho=4/255)").on_step(images, targets, model, rng())
    point = images.clone()
    for _ in range(5):
        point = point.detach().requires_grad_()
        torch.nn.functional.cross_entropy(model(point), targets).backward()  # type: ignore[no-untyped-call]
        assert point.grad is not None
        point = point.detach() + 4 / 255 / 5 * point.grad.sign()
        point = torch.minimum(torch.maximum(point, images - 4 / 255), images + 4 / 255).clamp(0, 1)
    assert torch.allclose(got, point, atol=1e-6)


def test_the_segue_authors_look_for_the_adversary_in_train_mode() -> None:
    """Five steps of rho/5 from the image, clipped at the end; each forward pass moves the running statistics."""
    mine, theirs, train = network().train(), network().train(), faces(4, 32)
    images, targets = train.images.float() / 255, torch.nn.functional.one_hot(train.labels, 3).float()
    got = build("adversarial(preset=segue_paper)").on_step(images, targets, mine, rng())
    delta = torch.zeros_like(images)
    for _ in range(5):
        delta = delta.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(torch.nn.functional.cross_entropy(theirs(images + delta), targets), delta)
        delta = (delta + 4 / 255 / 5 * gradient.sign()).clamp(-4 / 255, 4 / 255)
    assert torch.allclose(got, (images + delta.detach()).clamp(0, 1), atol=1e-6)
    assert mine.training
    assert all(parameter.requires_grad and parameter.grad is None for parameter in mine.parameters())
    states = zip(mine.state_dict().items(), theirs.state_dict().values(), strict=True)
    assert all(torch.allclose(tensor.float(), other.float(), atol=1e-6) for (_, tensor), other in states)
    assert int(mine.state_dict()["network.bn1.num_batches_tracked"]) == 5


def test_the_mode_of_the_search_is_the_authors_at_paper_and_as_before_elsewhere() -> None:
    registry, text = Registry(), parse("adversarial(rho=1/255)")
    published = {
        preset: registry.build("countermeasure", text, preset).config.published()
        for preset in ("", "smoke", "desk", "desk64", "paper")
    }
    assert published["paper"] == published[""] | {"mode": "train", "clamp": "end"}
    assert published["desk"] == published["desk64"] == published[""] | {"steps": 2}
    assert published["smoke"] == published[""] == {"rho": 1 / 255, "steps": 5, "step": None, "random_start": False}


def test_ueraser_keeps_of_several_draws_the_one_with_the_highest_loss() -> None:
    model, train = network().eval(), faces(4, 32)
    images, targets = train.images.float() / 255, torch.nn.functional.one_hot(train.labels, 3).float()

    def losses(points: Tensor) -> Tensor:
        with torch.no_grad():
            return torch.nn.functional.cross_entropy(model(points), targets, reduction="none")

    source, single = rng(7), build("ueraser(repeat=1)")
    draws = torch.stack([single.on_step(images, targets, model, source) for _ in range(4)])
    got = build("ueraser(repeat=4)").on_step(images, targets, model, rng(7))
    assert 0 <= got.min() <= got.max() <= 1
    assert torch.allclose(losses(got), torch.stack([losses(draw) for draw in draws]).amax(0))


def test_plasma_is_cloudy_and_runs_from_black_to_white() -> None:
    field = plasma(5, 32, rng())
    assert field.shape == (5, 1, 32, 32)
    assert torch.equal(field.amin((1, 2, 3)), torch.zeros(5))
    assert torch.equal(field.amax((1, 2, 3)), torch.ones(5))
    assert (field[..., 1:] - field[..., :-1]).abs().mean() < 0.5 * (field - field.roll(16, 3)).abs().mean()


NEUTRAL = [
    "mixup(alpha=0)", "cutmix(holes=0)", "cutout(holes=0)", "bit_depth(bits=8)", "adversarial(rho=0)", "blur(kernel=1)",
    "resize(scale=1.0)", "low_pass(cutoff=1.5)", "uniform_noise(radius=0)", "gaussian_noise(sigma=0)",
    "flip_crop(flip=false, crop=0)", "randaugment(operations=0)", "coin(alpha=0)",
    "sharpen_dct(centre=1, spread=0, keep=1)",
]  # fmt: skip


@pytest.mark.parametrize("text", NEUTRAL)
def test_the_neutral_setting_changes_nothing(text: str) -> None:
    measure = build(text)
    images, targets, changed, labels = on_batch(text)
    assert torch.equal(measure.on_set(TRAIN, rng()), TRAIN.images)
    assert torch.equal(changed, images)
    assert torch.equal(labels, targets)
    assert torch.equal(measure.on_step(images, targets, network(), rng()), images)
