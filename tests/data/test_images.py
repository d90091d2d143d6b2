from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from uebench.data.images import read_image
from uebench.errors import DataError


def gradient(width: int = 60, height: int = 40) -> Image.Image:
    x = np.linspace(0, 255, width, dtype=np.uint8)
    return Image.fromarray(np.repeat(x[None], height, 0)).convert("RGB")


@pytest.mark.parametrize("mode", ["RGB", "L", "LA", "RGBA", "P", "CMYK", "1", "I;16"])
def test_every_mode_and_shape_becomes_square_rgb(tmp_path: Path, mode: str) -> None:
    image = gradient()
    if mode == "I;16":
        image = Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)
    else:
        image = image.convert(mode)
    file = tmp_path / ("x.tif" if mode in ("CMYK", "I;16") else "x.png")
    image.save(file)
    pixels = read_image(file, 32)
    assert pixels.shape == (3, 32, 32)
    assert pixels.dtype == np.uint8
    if mode not in ("1", "P"):
        reference = np.asarray(gradient().crop((10, 0, 50, 40)).resize((32, 32), Image.Resampling.LANCZOS))
        assert np.abs(pixels.transpose(1, 2, 0).astype(int) - reference).max() <= 3


def test_transparency_becomes_white(tmp_path: Path) -> None:
    Image.new("RGBA", (8, 8), (0, 0, 0, 0)).save(tmp_path / "x.png")
    assert (read_image(tmp_path / "x.png", 4) == 255).all()


def test_exif_rotation_is_undone(tmp_path: Path) -> None:
    upright = np.zeros((20, 20, 3), np.uint8)
    upright[:10] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: rotate by 270 degrees to show
    Image.fromarray(upright).rotate(90).save(tmp_path / "x.jpg", exif=exif, quality=95)
    pixels = read_image(tmp_path / "x.jpg", 20).astype(int)
    assert pixels[:, :8].min() > 240
    assert pixels[:, 12:].max() < 15


def test_a_truncated_jpeg_is_named(tmp_path: Path) -> None:
    gradient(200, 200).save(tmp_path / "x.jpg")
    content = (tmp_path / "x.jpg").read_bytes()
    (tmp_path / "x.jpg").write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match=r"x\.jpg: cannot be decoded .*truncated.*; remove it or replace it"):
        read_image(tmp_path / "x.jpg", 8)


def test_text_that_is_called_png_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_text("hello")
    with pytest.raises(DataError, match=r"x\.png: not an image"):
        read_image(tmp_path / "x.png", 8)


def test_an_empty_file_and_a_folder_are_named(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(b"")
    (tmp_path / "y.png").mkdir()
    for name in ("x.png", "y.png", "z.png"):
        with pytest.raises(DataError, match=name):
            read_image(tmp_path / name, 8)


def test_a_bomb_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    Image.new("1", (50_000, 50_000)).save(tmp_path / "x.png", optimize=False)
    with pytest.raises(DataError, match=r"x\.png: .*pixels.*scale it down"):
        read_image(tmp_path / "x.png", 8)
