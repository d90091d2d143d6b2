"""One photograph -> one uint8 array, or one line that says what is wrong with the file."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from uebench.errors import DataError

SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"})
MAX_PIXELS = 64 * 1024 * 1024


def read_image(file: Path, size: int) -> NDArray[np.uint8]:
    """Decode, turn upright, convert to RGB, crop to the central square and resize (Lanczos).

    Grey, palette, RGBA (on white), CMYK and EXIF-rotated images of any shape are welcome.

    Args:
        file: An image file.
        size: Height and width of the result in pixels.

    Returns:
        (3, size, size) uint8.

    Raises:
        DataError: If the file is not an image, is cut off, or has more than 64 megapixels.
    """
    try:
        with warnings.catch_warnings(), Image.open(file) as opened:
            warnings.simplefilter("ignore")
            if opened.width * opened.height > MAX_PIXELS:
                raise DataError(
                    f"{file}: {opened.width} x {opened.height} pixels; at most {MAX_PIXELS} are read: scale it down"
                )
            image = ImageOps.exif_transpose(opened)
            if image.has_transparency_data:
                image = image.convert("RGBA")
                ground = Image.new("RGBA", image.size, "white")
                image = Image.alpha_composite(ground, image)
            if image.mode.startswith("I;16"):
                image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
            image = image.convert("RGB")
    except DataError:
        raise
    except UnidentifiedImageError:
        raise DataError(f"{file}: not an image; remove it or replace it") from None
    except Image.DecompressionBombError:
        raise DataError(f"{file}: more than {MAX_PIXELS} pixels; scale it down") from None
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise DataError(f"{file}: cannot be decoded ({error}); remove it or replace it") from None
    fitted = ImageOps.fit(image, (size, size), Image.Resampling.LANCZOS)
    return np.ascontiguousarray(np.asarray(fitted, dtype=np.uint8).transpose(2, 0, 1))
