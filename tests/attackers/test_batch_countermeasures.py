"""Countermeasures on each batch, each against an independent reference."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.fft
import scipy.ndimage
import torch
from torch import Tensor
from torchvision.transforms import v2

from tests.attackers.measures import TRAIN, build, on_batch, rng
from uebench.ops import beta, holes


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
