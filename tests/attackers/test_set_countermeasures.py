"""Countermeasures on the whole set, each against an independent reference."""

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

from tests.attackers.measures import GREY, TRAIN, build, on_set, rng
from uebench.plugins.base import ImageSet
from uebench.plugins.registry import Registry
from uebench.plugins.spec import parse


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


def test_bit_depth_of_its_authors_keeps_the_highest_bits_and_no_others() -> None:
    got = on_set("bit_depth(preset=official)")
    assert got.dtype == torch.uint8
    assert torch.equal(got, TRAIN.images & 0b11000000)
    assert torch.equal(on_set("bit_depth(bits=8, levels=truncated)"), TRAIN.images)


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


@pytest.mark.parametrize("size", [16, 96])
def test_the_linear_classifier_converges_at_every_size(size: int) -> None:
    labels = torch.arange(120) % 3
    patches = torch.randint(-16, 17, (3, 3, 8, 8), generator=rng(1)).repeat_interleave(size // 8, 2)
    images = torch.randint(60, 180, (120, 3, 4, 4), generator=rng(2)).repeat_interleave(size // 4, 2)
    images = images.repeat_interleave(size // 4, 3) + patches.repeat_interleave(size // 8, 3)[labels]
    measure: Any = Registry().build("countermeasure", parse("orthogonal_projection"), "desk")
    weights = measure.weights(ImageSet(images.to(torch.uint8), labels, 3), rng())
    logits = (images / 255).flatten(1) @ weights.T
    assert logits.argmax(1).eq(labels).float().mean() > 0.9
    assert logits.abs().max() < 50


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
