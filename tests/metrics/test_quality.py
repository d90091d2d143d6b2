from __future__ import annotations

import hashlib
import math
from pathlib import Path

import lpips
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.nn import functional

from uebench.errors import DataError
from uebench.metrics import Lpips, quality
from uebench.metrics.quality import NO_TRUNK
from uebench.store.record_parts import Quality

CPU = torch.device("cpu")


def faces(n: int = 2, size: int = 32, change: int = 8) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    rng = np.random.default_rng(0)
    clean = rng.integers(0, 256, (n, 3, size, size), dtype=np.uint8)
    noise = rng.integers(-change, change + 1, clean.shape)
    return clean, np.clip(clean + noise, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def model(trunk: Path) -> Lpips:
    return Lpips.load(trunk, CPU)


def test_psnr_is_the_mean_of_the_images_that_changed() -> None:
    clean = np.full((3, 3, 16, 16), 100, np.uint8)
    protected = clean.copy()
    protected[1] += 2
    protected[2, 0] += 6  # one channel of three: a mean square of 12
    expected = (10 * math.log10(255**2 / 4) + 10 * math.log10(255**2 / 12)) / 2
    found = quality(clean, protected)
    assert found.psnr == pytest.approx(expected, abs=1e-9)
    assert found.n == 3


def test_an_unchanged_set_has_no_psnr_and_full_similarity() -> None:
    clean, _ = faces()
    unchanged = Quality(psnr=None, ssim=1.0, lpips=None, lpips_reason=NO_TRUNK, trunk=None, n=2)
    assert quality(clean, clean) == unchanged


def test_ssim_agrees_with_its_formula_window_by_window() -> None:
    clean, protected = faces(size=14, change=60)
    line = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    window = np.outer(line, line) / line.sum() ** 2
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    values = []
    for x, y in zip(clean.reshape(-1, 14, 14) * 1.0, protected.reshape(-1, 14, 14) * 1.0, strict=True):
        for row, column in np.ndindex(4, 4):
            a, b = (image[row : row + 11, column : column + 11] for image in (x, y))
            ma, mb = (window * a).sum(), (window * b).sum()
            va, vb = (window * (a - ma) ** 2).sum(), (window * (b - mb) ** 2).sum()
            cov = (window * (a - ma) * (b - mb)).sum()
            values.append((2 * ma * mb + c1) * (2 * cov + c2) / ((ma**2 + mb**2 + c1) * (va + vb + c2)))
    found = quality(clean, protected).ssim
    assert found == pytest.approx(np.mean(values), abs=1e-9)
    assert 0.5 < found < 0.99


def test_lpips_agrees_with_its_formula_layer_by_layer(model: Lpips, trunk: Path) -> None:
    state = torch.load(trunk, weights_only=True)
    linear = torch.load(Path(lpips.__file__).parent / "weights" / "v0.1" / "alex.pth", "cpu", weights_only=True)
    clean, protected = faces(n=3, size=64)

    def features(images: NDArray[np.uint8]) -> list[torch.Tensor]:
        x = torch.from_numpy(images) / 255 * 2 - 1
        x = (x - torch.tensor([-0.030, -0.088, -0.188]).view(3, 1, 1)) / torch.tensor([0.458, 0.448, 0.450]).view(
            3, 1, 1
        )
        maps = []
        for place, stride, padding in ((0, 4, 2), (3, 1, 2), (6, 1, 1), (8, 1, 1), (10, 1, 1)):
            x = functional.max_pool2d(x, 3, 2) if place in (3, 6) else x
            weight, bias = state[f"features.{place}.weight"], state[f"features.{place}.bias"]
            x = functional.conv2d(x, weight, bias, stride, padding).relu()
            maps.append(x / (x.norm(dim=1, keepdim=True) + 1e-10))
        return maps

    expected = sum(
        (linear[f"lin{layer}.model.1.weight"] * (one - other) ** 2).sum(1).mean((1, 2))
        for layer, (one, other) in enumerate(zip(features(clean), features(protected), strict=True))
    )
    found = quality(clean, protected, model)
    assert found.lpips == pytest.approx(float(torch.as_tensor(expected).mean()), rel=1e-4)
    assert found.lpips_reason is None
    assert found.trunk == model.sha256 == hashlib.sha256(trunk.read_bytes()).hexdigest()


def distance(clean: NDArray[np.uint8], protected: NDArray[np.uint8], model: Lpips) -> float:
    measured = quality(clean, protected, model).lpips
    assert measured is not None
    return measured


def test_lpips_is_zero_for_the_same_images_symmetric_and_grows(model: Lpips) -> None:
    clean, slightly = faces()
    _, strongly = faces(change=40)
    assert distance(clean, clean, model) == 0
    there, back = (distance(*pair, model) for pair in ((clean, slightly), (slightly, clean)))
    assert there == pytest.approx(back, rel=1e-6)
    assert 0 < there < distance(clean, strongly, model)


def test_lpips_of_images_too_small_for_its_trunk_is_none_with_the_reason(model: Lpips) -> None:
    assert distance(*faces(size=31), model) > 0
    found = quality(*faces(size=30), model)
    assert found.lpips is None
    assert found.lpips_reason == "30 pixels; AlexNet needs 31"


@pytest.mark.parametrize("harm", ["absent", "text", "list", "object", "missing", "foreign", "shape", "infinite"])
def test_a_file_that_is_no_trunk_is_refused_in_one_line(trunk: Path, tmp_path: Path, harm: str) -> None:
    file = tmp_path / "trunk.pth"
    state = torch.load(trunk, weights_only=True)
    match harm:
        case "text":
            file.write_text("a letter")
        case "list":
            torch.save([1, 2], file)
        case "object":
            torch.save({"features.0.weight": Path("x")}, file)
        case "missing":
            torch.save({name: value for name, value in state.items() if name != "features.8.bias"}, file)
        case "foreign":
            torch.save({**state, "layer1.0.weight": torch.zeros(1)}, file)
        case "shape":
            torch.save({**state, "features.0.weight": torch.zeros(64, 3, 3, 3)}, file)
        case "infinite":
            torch.save({**state, "features.0.bias": torch.full((64,), math.inf)}, file)
    expected = "no such file" if harm == "absent" else "not the weights of torchvision's AlexNet; give alexnet-owt"
    with pytest.raises(DataError, match=expected) as refusal:
        Lpips.load(file, CPU)
    assert str(file) in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_darker_and_brighter_pixels_count_alike() -> None:
    clean = np.full((2, 3, 16, 16), 100, np.uint8)
    assert quality(clean, clean - 2).psnr == quality(clean, clean + 2).psnr
