from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.conftest import Command
from uebench.data import orl
from uebench.data.dataset import load, source_part
from uebench.errors import DataError, UsageError
from uebench.plugins.registry import Registry

SMALL = "identities=2, copies=2, test_copies=1"
PINNED = [
    [144.4, 152.9, 144.5, 141.6, 147.6, 128.1, 148.3, 139.0, 139.0],
    [94.6, 101.9, 76.5, 98.8, 103.6, 91.5, 54.8, 103.0, 72.8],
]
"""Mean red of nine blocks of two images of ``orl_varied`` at 96 pixels."""


def images(options: str, registry: Registry, size: int = 32) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    data = load(f"orl_varied({options})", size, registry)
    return data.train.images, data.test.images


def test_every_photograph_is_taken_anew_so_many_times(registry: Registry) -> None:
    data = load("orl_varied(identities=3, copies=4, test_copies=2)", 32, registry)
    assert data.train.images.shape == (3 * 7 * 4, 3, 32, 32)
    assert data.test.images.shape == (3 * 3 * 2, 3, 32, 32)
    assert (data.info.train_counts, data.info.test_counts) == ((28,) * 3, (6,) * 3)
    assert data.name == "orl_varied3"
    record = data.info.record
    assert (record.train_images_of_each, record.images_of_each) == (4, 2)
    assert record.model_copy(update={"train_images": 85}).train_images_of_each == 1
    assert load("orl(identities=3)", 32, registry).info.record.train_images_of_each == 1
    assert len({image.tobytes() for image in [*data.train.images, *data.test.images]}) == 84 + 18


def test_the_default_has_ten_identities_of_84_and_21_images(registry: Registry) -> None:
    config = source_part("orl_varied", registry).config.published()
    assert config == {"identities": 10, "first": 1, "train": 7, "seed": 0, "copies": 12, "test_copies": 7}


@pytest.mark.parametrize("size", [32, 64, 96, 224])
def test_any_size_shows_the_same_pictures(size: int, registry: Registry) -> None:
    train, _ = images(SMALL, registry, size)
    assert train.shape == (2 * 7 * 2, 3, size, size)
    reference, _ = images(SMALL, registry, 448)
    for one, other in zip(train[::5], reference[::5], strict=True):
        small = np.asarray(Image.fromarray(other.transpose(1, 2, 0)).resize((size, size), Image.Resampling.BOX))
        assert np.abs(one.transpose(1, 2, 0).astype(int) - small).mean() < 6


def test_the_same_seed_gives_the_same_images_and_another_gives_others(registry: Registry) -> None:
    assert load(f"orl_varied({SMALL})", 32, registry).key == load(f"orl_varied({SMALL})", 32, Registry()).key
    one, other = (images(f"{SMALL}, seed={seed}", registry)[0] for seed in (0, 1))
    assert not {image.tobytes() for image in one} & {image.tobytes() for image in other}


def test_an_image_depends_on_seed_photograph_and_number_only(registry: Registry) -> None:
    train, test = images(SMALL, registry)
    more, more_test = images("identities=2, copies=3, test_copies=2", registry)
    assert (more.reshape(-1, 3, 3, 32, 32)[:, :2].reshape(train.shape) == train).all()
    assert (more_test[::2] == test).all()
    wider, _ = images("identities=4, copies=2, test_copies=1", registry)
    assert (wider[: len(train)] == train).all()
    # Which photographs train is drawn anew for later identities, so they are compared as a set
    late, late_test = images("identities=2, first=2, copies=2, test_copies=2", registry)
    both = {image.tobytes() for image in [*late, *late_test]}
    assert len(both & {image.tobytes() for image in train[14:]}) == 14


def test_train_and_test_images_come_from_different_photographs(registry: Registry) -> None:
    listing = source_part("orl_varied(identities=10)", registry).build().listing()
    assert listing
    train, test = ({file for file, _ in split} for split in (listing.train, listing.test))
    assert (len(train), len(test), train & test) == (70, 30, set())


PIXELWISE = ("LIGHT", "GAMMA", "CAST")
GEOMETRY = ("TURN", "ZOOM", "SHIFT", "SHEAR")


@pytest.fixture(scope="module")
def all_maps() -> NDArray[np.float64]:
    """(200, 2, 3): where a pixel (x, y, 1) of an image lies in its photograph, both from the centre.

    Read off from photographs that show each pixel's own place as its brightness.
    """
    with pytest.MonkeyPatch.context() as patch:
        for name in PIXELWISE:
            patch.setattr(orl, name, 0.0)
        ramps = [Image.fromarray((2 * np.indices((112, 92), np.uint8)[axis] + 16).astype(np.uint8)) for axis in (1, 0)]
        middle = np.arange(40, 72)
        grid = np.stack([*(plane.ravel() for plane in np.meshgrid(middle - 55.5, middle - 55.5)), np.ones(32 * 32)], -1)
        found = []
        for seed in range(200):
            shown = [orl.taken_anew(ramp, 112, np.random.default_rng(seed))[0, 40:72, 40:72].ravel() for ramp in ramps]
            places = [(plane.astype(float) - 16) / 2 - half for plane, half in zip(shown, (45.5, 55.5), strict=True)]
            found.append([np.linalg.lstsq(grid, plane, rcond=None)[0] for plane in places])
        return np.array(found)


@pytest.fixture
def maps(all_maps: NDArray[np.float64]) -> NDArray[np.float64]:
    return all_maps.copy()


def test_half_of_the_images_are_mirrored_and_none_is_upside_down(maps: NDArray[np.float64]) -> None:
    mirrored = np.linalg.det(maps[:, :, :2]) < 0
    assert 70 < mirrored.sum() < 130
    assert (maps[:, 1, 1] > 0.5).all()
    assert ((maps[:, 0, 0] < 0) == mirrored).all()


def test_turns_shifts_and_scales_vary_up_to_their_limits(maps: NDArray[np.float64]) -> None:
    maps[maps[:, 0, 0] < 0, 0] *= -1
    forth = np.linalg.inv(maps[:, :, :2])
    turns = np.arctan2(forth[:, 1, 0], forth[:, 0, 0])
    scales = np.log(np.linalg.det(forth)) / 2
    shifts = -(forth @ maps[:, :, 2:])[:, :, 0] / 112
    for values, limit in ((turns, orl.TURN), (scales, orl.ZOOM), (shifts[:, 0], orl.SHIFT), (shifts[:, 1], orl.SHIFT)):
        assert 0.9 * limit < values.max() < 1.05 * limit
        assert 0.9 * limit < -values.min() < 1.05 * limit
        assert abs(values.mean()) < 0.2 * limit


def test_the_face_stays_in_the_picture(maps: NDArray[np.float64]) -> None:
    """A photograph's middle half, which the face fills, lies within the image but for corners."""
    maps[maps[:, 0, 0] < 0, 0] *= -1
    angles = np.linspace(0, 2 * np.pi, 64)
    outline = np.stack([23 * np.cos(angles), 28 * np.sin(angles)])
    there = np.linalg.inv(maps[:, :, :2]) @ (outline - maps[:, :, 2:])
    assert np.abs(there).max() < 56


def test_without_variation_the_photograph_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*PIXELWISE, *GEOMETRY):
        monkeypatch.setattr(orl, name, 0.0)
    face = Image.fromarray(np.random.default_rng(0).integers(0, 256, (112, 92), np.uint8))
    taken = [orl.taken_anew(face, 112, np.random.default_rng(seed)) for seed in range(8)]
    plane = np.asarray(face)
    for image in taken:
        inner = image[:, :, 10:-10]
        assert (inner == plane).all() or (inner == plane[:, ::-1]).all()


def test_brightness_and_colour_vary(registry: Registry) -> None:
    train, _ = images("identities=2, copies=6, test_copies=1", registry)
    middle = train[:, :, 12:20, 12:20].astype(float).mean(axis=(2, 3))
    assert (middle.max(axis=1) / middle.min(axis=1)).max() > 1.3
    assert middle.mean(axis=1).std() > 15


def test_a_pinned_image_of_the_default_is_as_it_was(registry: Registry) -> None:
    """Means over blocks of 32 pixels, so that a Pillow that rounds otherwise changes nothing."""
    data = load("orl_varied(identities=2, copies=1, test_copies=1)", 96, registry)
    blocks = data.train.images[[0, 7]].astype(float).reshape(2, 3, 3, 32, 3, 32).mean(axis=(3, 5))
    np.testing.assert_allclose(blocks[:, 0].reshape(2, 9), PINNED, atol=0.6)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ("copies=0", "copies"),
        ("test_copies=0", "test_copies"),
        ("identities=1", "identities"),
        ("train=10", "train"),
        ("turns=3", "turns"),
    ],
)
def test_a_bad_option_is_named(options: str, complaint: str, registry: Registry) -> None:
    with pytest.raises(UsageError, match=complaint) as caught:
        load(f"orl_varied({options})", 32, registry)
    assert "\n" not in str(caught.value)


def test_too_many_identities_are_refused(registry: Registry, uebench: Command) -> None:
    with pytest.raises(DataError, match="you asked for identities 35 to 44, and there are 40"):
        load("orl_varied(first=35)", 32, registry)
    answer = uebench("run", "--data", "orl_varied(copies=0)", "--method", "lsp", "--attacker", "resnet18")
    assert (answer.code, "copies" in answer.complaint) == (2, True)
