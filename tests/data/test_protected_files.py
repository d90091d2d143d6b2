"""Folders of protected images, and the layouts in which the authors of methods publish theirs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from uebench.data.dataset import describe
from uebench.data.foreign.reading import CleanSet, read_foreign_set
from uebench.data.images import FORMATS
from uebench.errors import DataError
from uebench.plugins.registry import Registry

SIZE = 32
LABELS = np.array([0] * 12 + [1] * 3)
NAMES = tuple(f"{('ann', 'bob')[label]}/{number}" for number, label in enumerate(LABELS, 1))
RNG = np.random.default_rng(0)
IMAGES = RNG.integers(40, 200, (len(LABELS), 3, SIZE, SIZE), dtype=np.uint8)
CHANGE = RNG.integers(-8, 9, IMAGES.shape, dtype=np.int8)
CLEAN = CleanSet(IMAGES, LABELS, 2, NAMES)


def folder(
    root: Path, names: tuple[str, ...] = NAMES, images: NDArray[np.uint8] | None = None, suffix: str = ".png"
) -> Path:
    pixels = (IMAGES + CHANGE).astype(np.uint8) if images is None else images
    for name, image in zip(names, pixels, strict=True):
        file = root / f"{name}{suffix}"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image.transpose(1, 2, 0)).save(file)
    return root


def test_only_images_from_a_file_each_have_names(tmp_path: Path) -> None:
    folder(tmp_path / "faces" / "train")
    folder(tmp_path / "faces" / "test")
    registry = Registry()
    assert describe(str(tmp_path / "faces"), 32, registry).train_names() == NAMES
    assert describe("orl_varied(identities=2, copies=2)", 32, registry).train_names() == ()
    assert describe("synthetic", 32, registry).train_names() == ()


def test_a_folder_is_read_by_names_whatever_else_lies_in_it(tmp_path: Path) -> None:
    folder(tmp_path / "set", ("ann/30", "ann/31"), IMAGES[:2])
    found = read_foreign_set(folder(tmp_path / "set"), CLEAN)
    assert (found.delta == CHANGE).all()
    assert found.remarks == ("2 of its 17 images are not training photographs and are left out",)
    beside = read_foreign_set(folder(tmp_path / "whole" / "train_clean").parent, CLEAN)
    assert (beside.delta == CHANGE).all()
    assert not beside.remarks


def test_a_flat_folder_is_read_by_the_names_of_the_photographs(tmp_path: Path) -> None:
    order = RNG.permutation(len(LABELS))
    shuffled = replace(CLEAN, names=tuple(NAMES[row] for row in order), images=IMAGES[order])
    flat = folder(tmp_path / "flat", tuple(Path(name).name for name in NAMES))
    found = read_foreign_set(flat, shuffled)
    assert (found.delta == CHANGE[order]).all()
    assert not found.remarks


@pytest.mark.parametrize("names", [NAMES, ()])
def test_files_of_other_names_are_taken_in_natural_order_with_a_remark(tmp_path: Path, names: tuple[str, ...]) -> None:
    renamed = tuple(f"{label}/img_{row}" for row, label in enumerate(LABELS))
    found = read_foreign_set(folder(tmp_path / "set", renamed), replace(CLEAN, names=names))
    assert (found.delta == CHANGE).all()
    assert found.remarks == ("its files are not named as the training photographs, so they are taken in natural order",)
    assert found.labels is not None and found.labels.tolist() == LABELS.tolist()


def test_a_folder_that_lacks_photographs_is_refused_by_their_names_or_by_their_number(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no copy of bob/15; add them, or choose data without them"):
        read_foreign_set(folder(tmp_path / "one", NAMES[:-1], IMAGES[:-1]), CLEAN)
    with pytest.raises(DataError, match=r"no copy of ann/12 and of 3 other training photographs"):
        read_foreign_set(folder(tmp_path / "more", NAMES[:-4], IMAGES[:-4]), CLEAN)
    with pytest.raises(DataError, match="14 images; give 15, one for each training photograph"):
        read_foreign_set(folder(tmp_path / "others", tuple(f"x/{row}" for row in range(14)), IMAGES[:-1]), CLEAN)


def test_images_of_another_size_are_refused_unless_they_are_to_be_resized(tmp_path: Path) -> None:
    large = np.kron(IMAGES, np.ones((1, 1, 2, 2), np.uint8))
    file = folder(tmp_path / "set", NAMES, large)
    with pytest.raises(
        DataError, match=r"1.png: 64 x 64 pixels; this preset has photographs of 32 x 32; .* resize=true"
    ):
        read_foreign_set(file, CLEAN)
    assert np.median(abs(read_foreign_set(file, CLEAN, resize=True).delta)) < 20
    np.save(tmp_path / "large.npy", large)
    with pytest.raises(DataError, match=r"large.npy: 64 x 64 pixels; this preset has photographs of 32 x 32"):
        read_foreign_set(tmp_path / "large.npy", CLEAN)


def test_every_image_is_opened_by_the_decoders_that_are_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    allowed, original = [], Image.open
    file = folder(tmp_path / "set")

    def watched(opened: IO[bytes], formats: tuple[str, ...] | None = None) -> Image.Image:
        allowed.append(formats)
        return original(opened, formats=formats)

    monkeypatch.setattr(Image, "open", watched)
    read_foreign_set(file, CLEAN)
    assert set(allowed) == {FORMATS}


def test_a_folder_of_jpeg_files_is_read_with_a_remark(tmp_path: Path) -> None:
    found = read_foreign_set(folder(tmp_path / "set", suffix=".jpg"), CLEAN)
    assert found.remarks == ("15 of 15 images are JPEG files: compression has changed the perturbation",)
    assert (found.delta != CHANGE).any()


@pytest.mark.parametrize(
    ("name", "options", "remark"),
    [
        ("set.png", {"format": "JPEG"}, "15 of 15 images are JPEG files: compression has changed the perturbation"),
        ("set.webp", {"quality": 80}, "15 of 15 images are lossy WebP files: compression has changed the perturbation"),
        ("set.webp", {"exif": b"Exif\0\0", "quality": 80}, "15 of 15 images are lossy WebP files: "),
        ("set.webp", {"lossless": True}, ""),
        ("set.tif", {"compression": "jpeg"}, "15 of 15 images are TIFF files with JPEG compression, which has changed"),
        ("set.tif", {"compression": "tiff_lzw"}, ""),
        ("set.png", {"palette": True}, "15 of 15 images have a palette of at most 256 colours, which has changed the "),
    ],
)
def test_a_format_that_changes_pixels_is_told_whatever_the_suffix(
    tmp_path: Path, name: str, options: dict[str, Any], remark: str
) -> None:
    suffix, palette = Path(name).suffix, "palette" in options
    for photograph, image in zip(NAMES, (IMAGES + CHANGE).astype(np.uint8), strict=True):
        file = tmp_path / f"{photograph}{suffix}"
        file.parent.mkdir(exist_ok=True)
        pixels = Image.fromarray(image.transpose(1, 2, 0))
        pixels.quantize().save(file) if palette else pixels.save(file, **options)
    found = read_foreign_set(tmp_path, CLEAN)
    assert len(found.remarks) == bool(remark)
    assert "".join(found.remarks).startswith(remark)


@pytest.mark.parametrize("layout", ["UE and TUE, sample-wise", "UE and TUE, class-wise", "RUE", "LSP", "Segue"])
def test_the_layouts_of_the_authors_are_read(tmp_path: Path, layout: str) -> None:
    rows = CHANGE[[0, 12]]
    if layout == "UE and TUE, sample-wise":
        torch.save(torch.tensor(CHANGE) / 255, file := tmp_path / "perturbation.pt")
    elif layout == "UE and TUE, class-wise":
        torch.save(torch.tensor(rows) / 255, file := tmp_path / "perturbation.pt")
    elif layout == "RUE":  # a pickle of int8 grey levels, converted as the refusal says
        np.save(file := tmp_path / "def-noise.npy", CHANGE)
    elif layout == "LSP":
        np.save(file := tmp_path / "poisoned.npy", (IMAGES + CHANGE).transpose(0, 2, 3, 1).astype(np.uint8))
    else:
        file = folder(tmp_path / "train", tuple(f"{label}/{row}" for row, label in enumerate(LABELS)))
    found = read_foreign_set(file, CLEAN)
    assert found.classwise == ("class-wise" in layout)
    assert (found.delta == (rows[LABELS] if found.classwise else CHANGE)).all()


def test_a_perturbation_is_clipped_at_black_and_white(tmp_path: Path) -> None:
    np.save(tmp_path / "set.npy", np.where(CHANGE > 0, 0.2, -0.2).astype(np.float32))
    pixels = replace(CLEAN, images=np.where(CHANGE > 0, 250, 3).astype(np.uint8))
    found = read_foreign_set(tmp_path / "set.npy", pixels)
    assert set(np.unique(found.delta)) == {-3, 5}


def test_a_wrong_number_of_rows_is_refused_in_one_line(tmp_path: Path) -> None:
    np.save(tmp_path / "set.npy", CHANGE[:3])
    with pytest.raises(
        DataError, match=r"3 perturbations; give 15 rows, .* in the order of the data, or 2, one for each"
    ):
        read_foreign_set(tmp_path / "set.npy", CLEAN)
    np.save(tmp_path / "set.npy", IMAGES[:2])
    with pytest.raises(
        DataError, match=r"2 images; give 15 rows, one for each training photograph, in the order of the data$"
    ):
        read_foreign_set(tmp_path / "set.npy", CLEAN)


def test_a_value_that_is_no_number_changes_nothing_and_its_image_is_named(tmp_path: Path) -> None:
    images = ((IMAGES + CHANGE) / 255).astype(np.float32)
    images[3, 0, 0, 0], images[5, 1, 2, 3] = np.nan, np.inf
    np.save(tmp_path / "set.npy", images)
    found = read_foreign_set(tmp_path / "set.npy", CLEAN)
    assert np.flatnonzero(~found.finite).tolist() == [3, 5]
    assert found.delta[3, 0, 0, 0] == found.delta[5, 1, 2, 3] == 0
    assert (found.delta[3, 1] == CHANGE[3, 1]).all()
