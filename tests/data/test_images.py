from __future__ import annotations

import io
import os
import socket
import struct
import subprocess
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from tests.conftest import BOMB
from uebench.data.images import perturbed, quiet, read_image
from uebench.errors import DataError
from uebench.hashing import file_digest


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


LEVELS = np.linspace(0, 65535, 40 * 60).reshape(40, 60).astype(np.uint16)


def _png_of_16_bits(channels: NDArray[np.uint16]) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", channels.shape[1], channels.shape[0], 16, 2, 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in channels)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("kind", ["x.pgm", "x.png", "x.tif", "rgb.png", "rgb.ppm"])
def test_of_16_bits_the_upper_8_are_taken(tmp_path: Path, kind: str) -> None:
    file, colours = tmp_path / kind, np.repeat(LEVELS[..., None], 3, axis=2)
    if kind == "rgb.png":
        file.write_bytes(_png_of_16_bits(colours))
    elif kind in ("x.pgm", "rgb.ppm"):
        sort, pixels = (b"P5", LEVELS) if kind == "x.pgm" else (b"P6", colours)
        file.write_bytes(sort + b"\n60 40\n65535\n" + pixels.astype(">u2").tobytes())
    else:
        Image.fromarray(LEVELS).save(file)
    Image.fromarray((LEVELS >> 8).astype(np.uint8)).save(tmp_path / "eight.png")
    difference = read_image(file, 32).astype(int) - read_image(tmp_path / "eight.png", 32)
    assert np.abs(difference).max() <= 1


def test_what_is_transparent_in_16_bits_is_shown_on_white(tmp_path: Path) -> None:
    pixels = np.full((40, 40), 30_000, np.uint16)
    pixels[:, 20:] = 7
    Image.fromarray(pixels).save(tmp_path / "x.png", transparency=7)
    with Image.open(tmp_path / "x.png") as saved:
        assert (saved.mode, saved.info["transparency"]) == ("I;16", 7)
    assert read_image(tmp_path / "x.png", 40)[:, :, 30:].min() == 255
    assert read_image(tmp_path / "x.png", 40)[:, :, :10].max() == 30_000 >> 8


def test_of_16_bits_white_may_be_zero(tmp_path: Path) -> None:
    Image.fromarray(LEVELS).save(tmp_path / "x.tif", tiffinfo={262: 0})
    assert read_image(tmp_path / "x.tif", 32)[:, 0].min() > 240


@pytest.mark.parametrize("kind", ["float", "32 bits", "portable float map", "12 bits"])
def test_pixels_without_a_known_white_are_refused(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "x.tif"
    if kind == "float":
        Image.fromarray((LEVELS / 65535).astype(np.float32)).save(file)
    elif kind == "32 bits":
        Image.fromarray(LEVELS.astype(np.int32)).save(file)
    elif kind == "portable float map":
        file.write_bytes(b"Pf\n60 40\n-1.0\n" + (LEVELS / 65535).astype("<f4").tobytes())
    else:
        Image.fromarray(LEVELS).save(file)
        sixteen = struct.pack("<HHIHH", 258, 3, 1, 16, 0)
        assert file.read_bytes().count(sixteen) == 1
        file.write_bytes(file.read_bytes().replace(sixteen, struct.pack("<HHIHH", 258, 3, 1, 12, 0)))
    with pytest.raises(DataError, match=r"x\.tif: its pixels do not have 8 or 16 bits"):
        read_image(file, 8)


@pytest.mark.parametrize("kind", ["eps", "gif", "dds"])
def test_no_other_decoder_sees_a_file_whatever_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a program was started")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    monkeypatch.setattr("PIL.EpsImagePlugin.gs_binary", "gs")
    file = tmp_path / "x.jpg"
    if kind == "dds":
        file.write_bytes(b"DDS " + struct.pack("<19I4s", 124, 0x1007, 8, 8, *[0] * 13, 32, 4, b"XXXX") + b"\0" * 60)
    else:
        gradient().save(file, kind)
    with pytest.raises(DataError, match=r"x\.jpg: not a supported image \(BMP, JPEG, PNG"):
        read_image(file, 8)


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    ("kind", "complaint"),
    [
        ("pipe", "a named pipe, not a file"),
        ("socket", ""),
        ("folder", "a folder, not a file"),
        ("loop", "symbolic links"),
        ("device", "a device, not a file"),
        ("absent", "no such file"),
    ],
)
def test_what_is_not_a_file_is_named_and_never_waited_for(tmp_path: Path, kind: str, complaint: str) -> None:
    file = tmp_path / "x.png"
    match kind:
        case "pipe":
            os.mkfifo(file)
        case "socket":
            with socket.socket(socket.AF_UNIX) as server:
                server.bind(str(file))
        case "folder":
            file.mkdir()
        case "loop":
            file.symlink_to(file)
        case "device":
            file.symlink_to("/dev/zero")
    with pytest.raises(DataError, match=rf"x\.png: cannot be read \(.*{complaint}"):
        read_image(file, 8)


def _tiff(compression: int, side: int) -> bytes:
    """Return a TIFF of 8 x 8 pixels with one tile, whose content is damaged."""
    content = b"\x80\x00\x80\x00" * 100
    tags = [(256, 8), (257, 8), (258, 8), (259, compression), (262, 1), (277, 1), (322, side), (323, side)]
    tags += [(324, 10 + 12 * 10 + 4), (325, len(content))]
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + struct.pack("<I", 0) + content


def test_a_small_image_with_a_huge_tile_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    (tmp_path / "x.tif").write_bytes(_tiff(5, 20_000))
    with pytest.raises(DataError, match=r"x\.tif: has tiles of 20000 x 20000 pixels; at most 67108864 are read"):
        read_image(tmp_path / "x.tif", 8)


def test_a_file_with_far_more_bytes_than_an_image_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.webp").write_bytes(_encoded("WEBP"))
    os.truncate(tmp_path / "x.webp", 2**30)
    with pytest.raises(DataError, match=r"x\.webp: cannot be read \(more than 536870912 bytes\); remove it"):
        read_image(tmp_path / "x.webp", 8)


def test_libtiff_writes_no_lines_of_its_own_about_a_damaged_file(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "x.tif").write_bytes(_tiff(5, 1024))
    with pytest.raises(DataError, match=r"x\.tif: cannot be decoded"):
        read_image(tmp_path / "x.tif", 8)
    assert capfd.readouterr() == ("", "")


def _encoded(kind: str) -> bytes:
    file = io.BytesIO()
    gradient(24, 16).save(file, kind)
    return file.getvalue()


VALID = [_encoded(kind) for kind in ("PNG", "JPEG", "TIFF", "WEBP", "BMP", "PPM", "GIF", "DDS", "EPS", "ICO", "TGA")]


@pytest.mark.fuzz
@settings(deadline=60_000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=st.sampled_from(VALID),
    changes=st.lists(st.tuples(st.integers(0, 10**4), st.integers(0, 255)), max_size=8),
    length=st.none() | st.integers(0, 2000),
)
def test_a_damaged_image_is_read_or_refused_and_nothing_else(
    tmp_path: Path, content: bytes, changes: list[tuple[int, int]], length: int | None
) -> None:
    damaged = bytearray(content)
    for place, value in changes:
        damaged[place % len(damaged)] = value
    file = tmp_path / "x.jpg"
    file.write_bytes(damaged[:length])
    try:
        assert read_image(file, 8).shape == (3, 8, 8)
    except DataError as error:
        assert str(file) in str(error)


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
    with pytest.raises(DataError, match=r"x\.png: not a supported image"):
        read_image(tmp_path / "x.png", 8)


def test_an_empty_file_and_a_folder_are_named(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(b"")
    (tmp_path / "y.png").mkdir()
    for name in ("x.png", "y.png", "z.png"):
        with pytest.raises(DataError, match=name):
            read_image(tmp_path / name, 8)


def test_a_bomb_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(BOMB)
    with pytest.raises(DataError, match=r"x\.png: .*pixels.*scale it down"):
        read_image(tmp_path / "x.png", 8)


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int32, np.int64])
def test_a_perturbation_is_added_without_overflow(dtype: type) -> None:
    clean = np.array([0, 250, 255, 130], np.uint8)
    assert perturbed(clean, np.array([100, 5, -128, -127], dtype)).tolist() == [100, 255, 127, 3]
    assert np.array_equal(perturbed(clean, np.zeros((), dtype)), clean)


def test_a_file_without_a_digest_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.png: cannot be read"):
        file_digest(tmp_path / "gone.png")


def test_threads_that_decode_leave_the_warnings_of_the_process_alone(tmp_path: Path) -> None:
    gradient().save(tmp_path / "x.png")
    before = list(warnings.filters)
    with quiet(), ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: read_image(tmp_path / "x.png", 8), range(200)))
    assert warnings.filters == before
