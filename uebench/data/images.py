"""Reading image files as uint8 arrays, with a one-line error for a bad file, and adding perturbations."""

from __future__ import annotations

import ctypes
import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from threading import current_thread, main_thread
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError, _imaging
from PIL.TiffImagePlugin import BITSPERSAMPLE, PHOTOMETRIC_INTERPRETATION, TILELENGTH, TILEWIDTH, TiffImageFile

from uebench.errors import DataError, in_words, reading
from uebench.regular_files import open_regular

SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"})
FORMATS = ("BMP", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
"""The only decoders that are used, by Pillow's names. Some of its others start programs (EPS) or are hardly tested.
GIF is left out because its 256 colours do not suit photographs."""
MAX_PIXELS = 64 * 1024 * 1024
"""The largest image that is read, and the largest tile of a TIFF, which is decoded whole however small the image."""
LARGEST_FILE = 8 * MAX_PIXELS
"""The most bytes of an image file: those of four channels of 16 bits."""


@contextmanager
def quiet() -> Iterator[None]:
    """Show none of the warnings that Pillow gives about many harmless files.

    Python's filters belong to the whole process, so threads must not change them. Enter this before they start.
    """
    if current_thread() is not main_thread():
        yield
        return
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="PIL")
        yield


@contextmanager
def open_image(file: Path) -> Iterator[Image.Image]:
    """Open an image. Errors inside the ``with`` block, as in decoding, become errors about this file.

    Raises:
        DataError: If it is not a regular file, is not an image in one of ``FORMATS``, cannot be decoded, or is larger
            than ``MAX_PIXELS`` or ``LARGEST_FILE``.
    """
    try:
        _silence_libtiff()
        with (
            quiet(),
            open_regular(file, LARGEST_FILE) as content,
            Image.open(content, formats=FORMATS) as opened,
        ):
            if opened.width * opened.height > MAX_PIXELS:
                raise DataError(
                    f"{file}: {opened.width} x {opened.height} pixels; at most {MAX_PIXELS} are read: scale it down"
                )
            if isinstance(opened, TiffImageFile):
                _check_tiles(opened, file)
            yield opened
    except DataError:
        raise
    except UnidentifiedImageError:
        raise DataError(f"{file}: not a supported image ({', '.join(FORMATS)}); remove it or replace it") from None
    except Image.DecompressionBombError:
        raise DataError(f"{file}: more than {MAX_PIXELS} pixels; scale it down") from None
    except OSError as error:
        if error.filename:
            raise DataError(f"{file}: cannot be read ({in_words(error)}); remove it or replace it") from None
        raise DataError(f"{file}: cannot be decoded ({error}); remove it or replace it") from None
    except Exception as error:  # a damaged file can make a decoder raise anything
        raise DataError(
            f"{file}: cannot be decoded ({error or type(error).__name__}); remove it or replace it"
        ) from None


def read_image(file: Path, size: int) -> NDArray[np.uint8]:
    """Decode, turn upright, convert to RGB, crop to the central square and resize (Lanczos).

    Grey, palette, RGBA (on white), CMYK and EXIF-rotated images of any shape are accepted. Of 16-bit pixels, the upper
    8 bits are used. Pixels of 12 or 32 bits and floats are refused, because it is unknown which value is white. Only
    the first page or frame is read.

    Args:
        file: An image file.
        size: Height and width of the result in pixels.

    Returns:
        (3, size, size) uint8.

    Raises:
        DataError: If the file is not an image, is truncated, has more than ``MAX_PIXELS``, or has pixels of a refused
            kind.
    """
    with open_image(file) as opened:
        image = _eight_bits(ImageOps.exif_transpose(opened), opened, file)
        if image.has_transparency_data:
            image = image.convert("RGBA")
            ground = Image.new("RGBA", image.size, "white")
            image = Image.alpha_composite(ground, image)
        image = image.convert("RGB")
    fitted = ImageOps.fit(image, (size, size), Image.Resampling.LANCZOS)
    return np.ascontiguousarray(np.asarray(fitted, dtype=np.uint8).transpose(2, 0, 1))


def image_stamp(file: Path, *, with_ctime: bool = False) -> tuple[int, ...]:
    """Return numbers that change when an image file is written: its size in bytes and its times in nanoseconds.

    Args:
        file: The file.
        with_ctime: Whether to add the change time, which programs cannot set. It tells a file from another of the same
            size and modification time that took its place, but differs in every copy of a folder.

    Raises:
        DataError: If the file cannot be read.
    """
    with reading(file):
        stat = file.stat()
    return stat.st_size, stat.st_mtime_ns, *([stat.st_ctime_ns] if with_ctime else [])


def perturbed(clean: NDArray[np.uint8], delta: NDArray[Any]) -> NDArray[np.uint8]:
    """Add a perturbation to images.

    Args:
        clean: (N, 3, H, W) uint8.
        delta: Integers that broadcast to the same shape, in grey levels; the sum must stay in 0..255.
    """
    images: NDArray[np.uint8] = np.add(clean, delta, dtype=np.int16).astype(np.uint8)
    return images


def png(pixels: NDArray[np.uint8]) -> bytes:
    """Return the content of a PNG file.

    Args:
        pixels: (3, H, W) uint8.
    """
    encoded = io.BytesIO()
    Image.fromarray(pixels.transpose(1, 2, 0)).save(encoded, "PNG", compress_level=1)
    return encoded.getvalue()


@cache
def _silence_libtiff() -> None:
    """Let libtiff, with which Pillow decodes TIFF, print nothing from now on. Its errors still become exceptions.

    It would write lines of its own to stderr about a damaged file. Pillow offers no way to prevent this, and Python's
    ``warnings`` and ``logging`` do not see these lines. A redirection of the file descriptor of stderr would also
    swallow what other threads write. libtiff's handlers belong to the whole process, so to set them back after each
    image would not be safe with threads. Where Pillow was built so that libtiff's functions cannot be reached, nothing
    changes.
    """
    for name in ("TIFFSetErrorHandler", "TIFFSetWarningHandler"):
        with suppress(AttributeError, OSError):
            setter = getattr(ctypes.CDLL(_imaging.__file__), name)  # also finds those of linked libraries
            setter.argtypes, setter.restype = (ctypes.c_void_p,), ctypes.c_void_p
            setter(None)


def _check_tiles(opened: TiffImageFile, file: Path) -> None:
    width, height = (opened.tag_v2.get(tag, 1) for tag in (TILEWIDTH, TILELENGTH))
    if width * height > MAX_PIXELS:
        raise DataError(
            f"{file}: has tiles of {width} x {height} pixels; at most {MAX_PIXELS} are read: save it without tiles"
        )


def _eight_bits(image: Image.Image, opened: Image.Image, file: Path) -> Image.Image:
    """Return an image with 8 bits per channel; of Pillow's modes, only ``I;16``, ``I`` and ``F`` have more."""
    if image.mode[0] not in "IF":
        return image
    known, white_is_zero = ("I", "I;16"), False  # Pillow scales the "I" of a PGM to 16 bits
    bits: object = (16,)
    if isinstance(opened, TiffImageFile):
        known, tags = ("I;16", "I;16B"), opened.tag_v2
        bits, white_is_zero = tags.get(BITSPERSAMPLE), tags.get(PHOTOMETRIC_INTERPRETATION) == 0
    if image.mode not in known or bits != (16,):
        raise DataError(f"{file}: its pixels do not have 8 or 16 bits; convert it to 8 bits per channel")
    pixels = np.asarray(image)
    levels = (pixels >> 8).astype(np.uint8)
    if isinstance(transparent := image.info.get("transparency"), int):
        levels[pixels == transparent] = 255  # shown on white, as with 8 bits
    return Image.fromarray(255 - levels if white_is_zero else levels)
