"""Options of ``folder`` that came later: ``validation``, and keys that stay as they were."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import Command
from uebench.data.dataset import describe, load, source_part
from uebench.errors import DataError, UsageError
from uebench.plugins.base import Listing
from uebench.plugins.registry import Registry

Photos = Callable[..., Path]
SPLIT = {"train/a": 10, "train/b": 5, "test/a": 2, "test/b": 3}


def listing(root: Path, options: str, registry: Registry) -> Listing:
    found = source_part(f"folder(path='{root}', {options})", registry).build().listing()
    assert isinstance(found, Listing)
    return found


@pytest.mark.parametrize("layout", [SPLIT, {"a": 12, "b": 12}])
def test_validation_never_reads_a_test_photograph(
    layout: dict[str, int], photos: Photos, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = photos(layout)
    unseen = {file for file, _ in listing(root, "seed=3", registry).test}
    seen: set[Path] = set()
    real = __import__("uebench.data.files", fromlist=["read_image"]).read_image

    def spy(file: Path, size: int) -> object:
        seen.add(file)
        return real(file, size)

    monkeypatch.setattr("uebench.data.files.read_image", spy)
    load(f"folder(path='{root}', seed=3, validation=0.2)", 16, registry)
    assert seen
    assert not seen & unseen


def test_each_identity_gives_that_share_of_its_training_photographs(photos: Photos, registry: Registry) -> None:
    root = photos(SPLIT)
    whole, cut = listing(root, "seed=0", registry), listing(root, "validation=0.2", registry)
    assert [sum(label == one for _, label in cut.test) for one in (0, 1)] == [2, 1]
    assert sorted(cut.train + cut.test) == sorted(whole.train)
    data = load(f"folder(path='{root}', validation=0.2)", 16, registry)
    assert (data.name, data.info.train_counts, data.info.test_counts) == ("faces validation", (8, 4), (2, 1))
    assert data.info.record.options["validation"] == 0.2


def test_the_seed_decides_which_photographs_validate(photos: Photos, registry: Registry) -> None:
    root = photos(SPLIT)
    zero, again, one = (listing(root, f"validation=0.2, seed={seed}", registry).test for seed in (0, 0, 1))
    assert zero == again != one


def test_identities_and_validation_together_name_both(photos: Photos, registry: Registry) -> None:
    root = photos({f"{split}/{name}": 4 for split in ("train", "test") for name in "abc"})
    data = load(f"folder(path='{root}', identities=2, validation=0.25)", 16, registry)
    assert (data.name, data.info.train_counts) == ("faces[:2] validation", (3, 3))


def test_validation_needs_two_training_photographs_per_identity(photos: Photos, registry: Registry) -> None:
    root = photos({**SPLIT, "train/c": 1, "test/c": 1})
    with pytest.raises(DataError, match=r"c: 1 training photograph; validation needs 2 or more per identity"):
        load(f"folder(path='{root}', validation=0.2)", 16, registry)


@pytest.mark.parametrize("value", ["1.0", "-0.1", "many"])
def test_a_share_out_of_range_is_refused_in_one_line(value: str, photos: Photos, uebench: Command) -> None:
    data = f"folder(path='{photos(SPLIT)}', validation={value})"
    answer = uebench("run", "--data", data, "--method", "lsp", "--attacker", "resnet18")
    assert answer.code == 2
    assert "validation" in answer.complaint


def test_another_value_of_repeats_is_refused(photos: Photos, registry: Registry) -> None:
    with pytest.raises(UsageError, match="repeats"):
        load(f"folder(path='{photos(SPLIT)}', repeats=remove)", 16, registry)


def flat(root: Path, folders: list[str], count: int, step: int) -> Path:
    """Photographs of one colour each, which every version of Pillow decodes alike."""
    shutil.rmtree(root, ignore_errors=True)
    for place, name in enumerate(folders):
        (root / name).mkdir(parents=True)
        for number in range(count):
            colour = (40 * place + 20, step * number, 7 * place)
            Image.new("RGB", (8, 8), colour).save(root / name / f"{number}.png")
    return root


KEYS = {  # as they were before there were ``validation`` and ``repeats``
    "faces": "ea2a1d4e43de7d77f5a501baaf6d0bf63fd6d2f973fd5b517d835add4650fd66",
    "faces, identities=2": "2455a2bd222e552b2a9ec8dc98f31383845dbf6645a90933d656d18d1a0ee112",
    "plain": "5e4f07336ff2b88522f56fc3580167ed1b8d7ca9e9296cfe4755fad11e891430",
    "plain, seed=3, train=0.5": "5989519c69ee97c068079fedb03fe2ecd0a4a1a60ac4ad45ece5bc9028335ad8",
}


@pytest.mark.parametrize("written", KEYS)
@pytest.mark.parametrize("more", ["", ", validation=0", ', repeats="keep"'])
def test_keys_of_folders_are_what_they_were_before_these_options(
    written: str, more: str, tmp_path: Path, registry: Registry
) -> None:
    flat(tmp_path / "faces", ["train/a", "train/b", "test/a", "test/b"], 2, 90)
    flat(tmp_path / "plain", ["a", "b"], 4, 50)
    name, *options = written.split(", ")
    text = ", ".join([f"path='{tmp_path / name}'", *options])
    assert describe(f"folder({text}{more})", 8, registry).key == KEYS[written]


@pytest.mark.parametrize("more", ["validation=0.5", "repeats=drop"])
def test_other_values_enter_key_and_record(more: str, tmp_path: Path, registry: Registry) -> None:
    root = tmp_path / "faces"
    for split, place in (("train", 0), ("test", 50)):
        for number, name in enumerate("aabb"):
            (root / split / name).mkdir(parents=True, exist_ok=True)
            noise = np.random.default_rng(place + number).integers(0, 256, (40, 40, 3), np.uint8)
            Image.fromarray(noise).save(root / split / name / f"{number}.png")
    plain, other = load(str(root), 8, registry), load(f"folder(path='{root}', {more})", 8, registry)
    assert plain.key != other.key
    name = more.partition("=")[0]
    assert name in other.info.record.options
    assert name not in plain.info.record.options
