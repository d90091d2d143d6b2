from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from uebench.data.dataset import load
from uebench.data.foreign.alignment import ARRANGEMENTS, _areas, align, arrangement, order_in_words
from uebench.plugins.registry import Registry

DATA = load("orl_varied(identities=3, copies=2, test_copies=1)", 32, Registry())
CLEAN, LABELS = DATA.train.images, DATA.train.labels
COUNT = len(CLEAN)
PLACES = np.arange(COUNT)


def noisy(images: NDArray[np.uint8], levels: int = 16) -> NDArray[np.uint8]:
    noise = np.random.default_rng(0).integers(-levels, levels + 1, images.shape)
    changed: NDArray[np.uint8] = (images + noise).clip(0, 255).astype(np.uint8)
    return changed


RNG = np.random.default_rng(1)
PEOPLE = [PLACES[start : start + COUNT // 3] for start in range(0, COUNT, COUNT // 3)]
ORDERS: dict[str, NDArray[np.int64]] = {
    "in reverse order": PLACES[::-1],
    "shifted by 1 place": np.roll(PLACES, -1),
    "in text order (1, 10, 2), not in natural order (1, 2, 10)": np.array(sorted(PLACES.tolist(), key=str)),
    "shuffled within each identity": np.concatenate([RNG.permutation(rows) for rows in PEOPLE]),
    "with the identities in a different order": np.concatenate([PEOPLE[1], PEOPLE[0], PEOPLE[2]]),
    "shuffled": RNG.permutation(PLACES),
}


@pytest.mark.parametrize("words", ORDERS)
def test_a_wrong_order_is_found_and_named_although_photographs_of_a_person_are_alike(words: str) -> None:
    order = ORDERS[words]
    found = align(noisy(CLEAN[order]), CLEAN, DATA.test.images)
    assert found.order.tolist() == order.tolist()
    assert found.misplaced.sum() == (order != PLACES).sum()
    assert order_in_words(found.order, LABELS) == words
    assert not found.unrelated


@pytest.mark.parametrize("levels", [0, 8, 32])
def test_a_set_in_order_is_not_suspected_whatever_its_perturbation(levels: int) -> None:
    found = align(noisy(CLEAN, levels), CLEAN, DATA.test.images)
    assert not found.misplaced.any()
    assert not found.unrelated


def test_two_photographs_that_are_the_same_may_stand_for_each_other() -> None:
    twice = np.concatenate([CLEAN, CLEAN[:1]])
    order = [COUNT, *range(1, COUNT), 0]
    assert not align(twice[order], twice).misplaced.any()


def test_an_image_of_a_test_photograph_is_told_from_one_of_another_place() -> None:
    mixed = noisy(CLEAN)
    mixed[0], mixed[1] = DATA.test.images[2], mixed[2]
    found = align(mixed, CLEAN, DATA.test.images)
    assert (found.misplaced.sum(), found.of_test.sum()) == (2, 1)
    assert found.order[:2].tolist() == [COUNT + 2, 2]
    assert order_in_words(found.order, LABELS) == "partly test photographs"


def test_images_of_something_else_are_unrelated_and_not_in_another_order() -> None:
    others = np.random.default_rng(0).integers(0, 256, CLEAN.shape, dtype=np.uint8)
    assert align(others, CLEAN).unrelated


def test_images_of_one_colour_match_nothing() -> None:
    found = align(np.zeros_like(CLEAN), CLEAN)
    assert not found.own.any()
    assert not found.misplaced.any()


def test_pixels_are_averaged_by_area_where_the_size_is_no_multiple() -> None:
    shares = _areas(6, 4)
    assert shares[0] == pytest.approx([2 / 3, 1 / 3, 0, 0, 0, 0])
    assert shares[1] == pytest.approx([0, 1 / 3, 2 / 3, 0, 0, 0])
    assert _areas(90, 16).sum(1) == pytest.approx(np.ones(16))


def arranged(images: NDArray[np.uint8], clean: NDArray[np.uint8] = CLEAN) -> str:
    return arrangement(images.astype(np.int16) - clean, clean)


@pytest.mark.parametrize("name", ARRANGEMENTS)
def test_a_wrong_arrangement_of_pixels_is_named_and_no_perturbation_is_taken_for_one(name: str) -> None:
    wrong = ARRANGEMENTS[name](CLEAN)
    undone = {"their pixels turned by 90 degrees": 270, "their pixels turned by 270 degrees": 90}.get(name)
    assert arranged(noisy(wrong)) == (f"their pixels turned by {undone} degrees" if undone else name)
    assert arranged(noisy(CLEAN, 64)) == ""
    assert arranged(CLEAN) == ""


def test_grey_photographs_are_the_same_with_red_and_blue_swapped() -> None:
    grey = CLEAN[:, :1].repeat(3, axis=1)
    assert arranged(noisy(grey)[:, ::-1], grey) == ""
