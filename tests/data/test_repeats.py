"""Photographs that repeat others: made-up pictures, each with copies that differ as copies in the wild do."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageFilter, ImageOps
from scipy import ndimage

import uebench as api
from tests.conftest import Command
from uebench.data import repeats as module
from uebench.data.dataset import describe, load
from uebench.data.repeats import repeats, repeats_within
from uebench.errors import DataError, UsageError
from uebench.plugins.registry import Registry


def picture(seed: int, side: int = 96) -> Image.Image:
    """A picture with large and small structure, as a photograph has."""
    rng = np.random.default_rng(seed)
    planes = [
        sum(weight * ndimage.zoom(rng.normal(size=(cells, cells)), side / cells, order=3) for weight, cells in parts)
        for parts in [((1.0, 4), (0.6, 12))] * 3
    ]
    grey = planes[0]
    coloured = np.stack([grey, grey + 0.3 * planes[1], grey + 0.3 * planes[2]], -1)
    return Image.fromarray((128 + 45 * coloured).clip(0, 255).astype(np.uint8))


def compressed(image: Image.Image, folder: Path) -> Image.Image:
    image.save(folder / "compressed.jpg", quality=30)
    return Image.open(folder / "compressed.jpg").convert("RGB")


def cropped(image: Image.Image) -> Image.Image:
    return image.rotate(3, Image.Resampling.BICUBIC).crop((6, 4, 92, 90)).resize((80, 80), Image.Resampling.LANCZOS)


COPIES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.4),
    "grey": lambda image: ImageOps.grayscale(image),
    "blurred": lambda image: image.filter(ImageFilter.GaussianBlur(1.2)),
    "smaller": lambda image: image.resize((48, 48), Image.Resampling.LANCZOS),
    "cropped and turned": cropped,
    "mirrored": ImageOps.mirror,
}


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    """Two identities with 4 + 3 photographs, all of them different."""
    root = tmp_path / "faces"
    for number in range(14):
        identity, place = divmod(number, 7)
        folder = root / ("train" if place < 4 else "test") / "ab"[identity]
        folder.mkdir(parents=True, exist_ok=True)
        picture(number).save(folder / f"{place}.png")
    return root


def text(root: Path, options: str = "repeats=drop") -> str:
    return f"folder(path='{root}', {options})"


def test_different_photographs_repeat_nothing(faces: Path) -> None:
    train, test = (sorted(faces.glob(f"{split}/*/*.png")) for split in ("train", "test"))
    assert repeats(test, train) == ()
    assert repeats_within(train) == ()


@pytest.mark.parametrize("copy", COPIES)
def test_a_copy_is_found_whatever_was_done_to_it(copy: str, faces: Path) -> None:
    COPIES[copy](picture(2)).save(faces / "test" / "a" / "copy.png")  # 2 trains
    train, test = (sorted(faces.glob(f"{split}/*/*.png")) for split in ("train", "test"))
    (found,) = repeats(test, train)
    assert (found.file.name, found.of) == ("copy.png", faces / "train" / "a" / "2.png")
    assert found.likeness >= module.THRESHOLD
    assert (found.exact, found.mirrored) == (False, copy == "mirrored")


def test_a_copy_is_found_at_another_identity_and_after_compression(faces: Path, tmp_path: Path) -> None:
    compressed(picture(2), tmp_path).save(faces / "test" / "b" / "copy.jpg", quality=50)
    train, test = (sorted(faces.glob(f"{split}/*/*.*")) for split in ("train", "test"))
    assert [one.of.parent.name for one in repeats(test, train)] == ["a"]


def test_the_same_bytes_count_at_any_size_and_tiny_photographs_by_their_bytes_only(tmp_path: Path) -> None:
    files = [tmp_path / f"{number}.png" for number in range(3)]
    Image.new("RGB", (8, 8), (9, 9, 9)).save(files[0])
    Image.new("RGB", (8, 8), (10, 9, 9)).save(files[1])
    shutil.copy(files[0], files[2])
    (found,) = repeats_within(files)
    assert (found.file, found.of, found.exact, found.how) == (files[2], files[0], True, "the same bytes")


def test_photographs_without_any_detail_repeat_nothing(tmp_path: Path) -> None:
    files = [tmp_path / f"{number}.png" for number in range(2)]
    for number, file in enumerate(files):
        Image.new("RGB", (64, 64), (number, 9, 9)).save(file)
    assert repeats_within(files) == ()


def test_repeats_are_left_out_of_the_test_split_and_of_nothing_else(faces: Path, registry: Registry) -> None:
    plain = load(str(faces), 16, registry)
    ImageOps.mirror(picture(2)).save(faces / "test" / "a" / "9.png")
    dropped = load(text(faces), 16, registry)
    assert (dropped.train.images == plain.train.images).all()
    assert (dropped.test.images == plain.test.images).all()
    assert dropped.name == "faces without repeats"
    assert dropped.info.record.options["repeats"] == "drop"
    assert load(str(faces), 16, registry).info.test_counts == (4, 3)
    assert load(text(faces, "repeats=keep"), 16, registry).key == load(str(faces), 16, registry).key != dropped.key


def test_an_identity_keeps_a_test_photograph_or_the_set_is_refused(faces: Path, registry: Registry) -> None:
    for number in (4, 5, 6):
        shutil.copy(faces / "train" / "a" / "1.png", faces / "test" / "a" / f"{number}.png")
    with pytest.raises(DataError, match=r"test.a: every test photograph repeats .*; add others, or use repeats=keep"):
        load(text(faces), 16, registry)


def test_repeats_are_looked_for_once_per_set(
    faces: Path, registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []

    def nothing(test: list[Path], train: list[Path]) -> tuple[()]:
        calls.append(len(test))
        return ()

    monkeypatch.setattr(module, "repeats", nothing)
    keys = {describe(text(faces), 16, registry, tmp_path / "cache").key for _ in range(2)}
    assert (len(keys), calls) == (1, [6])
    load(text(faces), 8, registry)
    assert calls == [6]
    os.utime(faces / "test" / "a" / "4.png", ns=(1, 1))
    load(text(faces), 8, registry)
    assert calls == [6, 6]


def test_validation_photographs_that_repeat_others_are_left_out_too(faces: Path, registry: Registry) -> None:
    picture(1).resize((80, 80)).save(faces / "train" / "a" / "8.png")
    counts = [
        load(text(faces, f"validation=0.4, repeats=drop, seed={seed}"), 16, registry).info.test_counts[0]
        for seed in range(8)
    ]
    assert set(counts) == {1, 2}  # 1 where one of the two trains and the other validates


def test_verify_names_repeats_and_the_remedy(uebench: Command, faces: Path) -> None:
    clean = uebench("data", "verify", faces)
    assert clean.code == 0
    assert clean.out == (
        "faces: 0 of 6 test photographs repeat a training photograph; 0 of 8 training photographs repeat another\n"
    )
    shutil.copy(faces / "train" / "b" / "1.png", faces / "test" / "a" / "9.png")
    ImageOps.mirror(picture(2)).save(faces / "train" / "a" / "9.png")
    answer = uebench("data", "verify", faces)
    assert answer.code == 3
    assert "test a/9.png repeats train b/1.png (the same bytes)\n" in answer.out
    assert "train a/9.png repeats train a/2.png (likeness 1.00, mirrored)\n" in answer.out
    (complaint,) = [line for line in answer.err.splitlines() if "leave" in line]
    assert complaint.endswith(f"""leave them out with --data 'folder(path="{faces}", repeats=drop)'""")
    remedy = complaint.split("'")[1]
    answer = uebench("data", "verify", remedy)
    assert answer.code == 0
    assert "1 of 7 test photographs repeat a training photograph, left out by repeats=drop" in answer.out
    dry = uebench(
        "run", "--preset", "smoke", "--data", remedy, "--method", "lsp", "--attacker", "resnet18", "--dry-run"
    )
    assert dry.code == 0
    assert "faces without repeats" in dry.out + dry.err


def test_verify_speaks_json_and_so_does_python(uebench: Command, faces: Path) -> None:
    shutil.copy(faces / "train" / "b" / "1.png", faces / "test" / "a" / "9.png")
    answer = uebench("data", "verify", faces, "--json")
    assert answer.code == 3
    (found,) = answer.json["test_repeats"]
    assert found == {"file": "a/9.png", "of": "b/1.png", "likeness": 1.0, "exact": True, "mirrored": False}
    assert (answer.json["test_images"], answer.json["train_repeats"], answer.json["built"]) == (7, [], None)
    assert api.verify_data(faces).document == answer.json
    with pytest.raises(UsageError, match="'synthetic': has no files to compare; name a set of photographs"):
        api.verify_data("synthetic")
    with pytest.raises(DataError, match="no such folder"):
        api.verify_data(faces / "absent")
