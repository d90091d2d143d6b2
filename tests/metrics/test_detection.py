"""Simple networks notice what gives identities away, and nothing else."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
import scipy.ndimage
from numpy.typing import NDArray

import uebench
from uebench.analysis.detection import Detection, detection
from uebench.errors import DataError
from uebench.metrics import detection as metric
from uebench.metrics.detection import Answers, recognised

LABELS = np.arange(80) % 4


def faces() -> NDArray[np.uint8]:
    """Return smooth images, each a weak pattern of its person's in a strong one of its own."""
    rng = np.random.default_rng(0)
    own, shared = (scipy.ndimage.gaussian_filter(rng.normal(size=(n, 3, 32, 32)), (0, 0, 3, 3)) for n in (80, 4))
    mixed = own + 0.2 * shared[LABELS] + rng.normal(0, 0.005, own.shape)
    pixels: NDArray[np.uint8] = (128 + 400 * mixed).clip(0, 255).astype(np.uint8)
    return pixels


FACES = faces()


@cache
def clean() -> Answers:
    return recognised(FACES, LABELS)


def found(images: NDArray[np.uint8]) -> Detection:
    return detection("set", "faces", 4, listed(recognised(images, LABELS)), listed(clean()))


def listed(answers: Answers) -> dict[tuple[str, str], list[bool]]:
    return {one: right.ravel().tolist() for one, right in answers.items()}


def test_clean_faces_are_neither_easy_nor_hopeless() -> None:
    assert set(clean()) == {(network, view) for network in ("linear", "two-layer") for view in ("image", "residue")}
    assert all(0.2 < right.mean() < 0.9 for right in clean().values())


@pytest.mark.parametrize("method", ["lsp", "random(noise=classwise)"])
def test_a_perturbation_that_tells_the_identity_is_noticed(method: str) -> None:
    protected = found(uebench.protect(FACES, LABELS, method, preset="smoke"))
    assert protected.verdict == "poisoned"
    assert protected.strongest.view == "residue"


@pytest.mark.parametrize("method", ["clean", "random"])
def test_faces_that_are_clean_or_have_noise_of_their_own_are_not_reported(method: str) -> None:
    assert found(uebench.protect(FACES, LABELS, method, preset="smoke")).verdict == "not detected"


def test_shuffled_labels_are_recognised_by_chance() -> None:
    shuffled = np.random.default_rng(1).permutation(LABELS)
    assert all(right.mean() < 0.45 for right in recognised(FACES, shuffled).values())


def test_the_same_set_gives_the_same_answers_and_its_numbers_of_identities_do_not_matter() -> None:
    again, renamed = recognised(FACES, LABELS), recognised(FACES, 3 - LABELS)
    assert all(np.array_equal(again[one], right) for one, right in clean().items())
    linear = ("linear", "image")
    assert abs(int(renamed[linear].sum()) - int(clean()[linear].sum())) <= 4  # the halves may differ


def test_coordinates_keep_all_distances() -> None:
    coordinates: Any = metric._coordinates(FACES.astype(np.float32))
    flat = FACES.reshape(80, -1).astype(np.float64)
    apart, there = (np.linalg.norm(rows[:, None] - rows[None], axis=2) for rows in (flat, coordinates))
    assert np.allclose(apart / apart.max(), there / there.max(), atol=1e-4)
    assert coordinates.shape[1] < 80
    assert np.square(coordinates).sum(1).mean() == pytest.approx(1)


def test_images_without_any_difference_are_recognised_by_chance() -> None:
    assert all(right.mean() <= 0.5 for right in recognised(np.full_like(FACES, 7), LABELS).values())


def test_an_identity_with_one_image_is_refused() -> None:
    with pytest.raises(DataError, match="identity 1 has 1 photograph to look at; detection needs 2 or more of each"):
        recognised(FACES[:4], np.array([0, 0, 1, 3]))


def test_images_of_one_photograph_are_never_on_both_sides() -> None:
    labels = np.random.default_rng(2).permutation(LABELS)[:40]  # of people whom the photographs do not show
    noise = np.random.default_rng(3).integers(-2, 3, (40, 6, *FACES.shape[1:]))
    images = (FACES[:40, None] + noise).clip(0, 255).astype(np.uint8).reshape(-1, *FACES.shape[1:])
    together, apart = recognised(images, labels.repeat(6), 6), recognised(images, labels.repeat(6))
    assert all(right.shape == (40, 6) and right.mean() < 0.45 for right in together.values())
    assert apart["linear", "image"].mean() > 0.95


def test_several_images_of_one_photograph_are_not_enough() -> None:
    with pytest.raises(DataError, match="identity 1 has 1 photograph to look at"):
        recognised(FACES[:6], np.array([0, 0, 0, 0, 1, 1]), 2)


@pytest.mark.parametrize("sizes", [(3,) * 1000, (2,) * 1001, (2, 4000), (40,) * 50])
def test_of_each_identity_of_a_large_set_at_least_two_photographs_are_looked_at(sizes: tuple[int, ...]) -> None:
    people = np.random.default_rng(0).permutation(np.repeat(np.arange(len(sizes)), sizes))
    rows = metric._looked_at(people)
    counts = np.bincount(people[rows])
    assert len(counts) == len(sizes)
    assert counts.min() >= 2
    if sum(sizes) <= 2000:
        assert np.array_equal(rows, np.arange(len(people)))


def test_of_a_large_set_every_photograph_is_looked_at() -> None:
    labels = np.arange(300) % 4
    images = np.zeros((300 * 12, 3, 2, 2), np.uint8)
    assert {right.shape for right in recognised(images, labels.repeat(12), 12).values()} == {(300, 6)}
    assert {right.shape for right in recognised(images, labels.repeat(12)).values()} == {(1800, 1)}
