"""Image quality, or how invisible the perturbation is: PSNR, SSIM and LPIPS, each a mean over the images of a set."""

from __future__ import annotations

import hashlib
import io
import math
import pickle
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from uebench.errors import DataError, reading
from uebench.lazy import torch
from uebench.progress import Progress, no_progress
from uebench.regular_files import open_uncompressed
from uebench.store.record_parts import Quality

if TYPE_CHECKING:
    from torch import nn

Images = NDArray[np.uint8]
"""(N, 3, H, W) uint8."""

SMALLEST = 31
"""Smallest height and width in pixels; smaller images vanish in AlexNet's poolings."""

BATCH = 64
NO_TRUNK = "no trunk given; uebench audit --lpips-trunk FILE measures it"


@dataclass(frozen=True, slots=True)
class Lpips:
    """LPIPS 0.1 with AlexNet (Zhang et al., CVPR 2018), ready to measure.

    Attributes:
        model: Maps two batches of images in [-1, 1] to distances (B, 1, 1, 1).
        sha256: Digest of the trunk's file.
    """

    model: nn.Module
    sha256: str

    @classmethod
    def load(cls, trunk: Path, device: torch.device) -> Lpips:
        """Load the linear weights from the package ``lpips`` and the trunk from a file; nothing is downloaded.

        Args:
            trunk: A state dict of torchvision's AlexNet, of which only ``features`` is used.
            device: The device to measure on.

        Raises:
            DataError: If the file is missing or is not such a state dict.
        """
        import lpips

        with reading(f"LPIPS trunk {trunk}"), open_uncompressed(trunk) as opened:
            content = opened.read()
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "The parameter 'pretrained' is deprecated", UserWarning)
            warnings.filterwarnings("ignore", "Arguments other than a weight enum", UserWarning)
            model = lpips.LPIPS(net="alex", version="0.1", pnet_rand=True, verbose=False)
        renamed = {f"features.{name.split('.', 1)[1]}": name for name in model.net.state_dict()}
        try:
            state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
            features = {name: tensor for name, tensor in state.items() if not name.startswith("classifier.")}
            model.net.load_state_dict({renamed.get(name, name): each for name, each in features.items()}, strict=True)
            if not all(bool(tensor.isfinite().all()) for tensor in features.values()):
                raise ValueError
        except (pickle.UnpicklingError, RuntimeError, EOFError, AttributeError, TypeError, ValueError, LookupError):
            raise DataError(
                f"LPIPS trunk {trunk}: not the weights of torchvision's AlexNet; give alexnet-owt-7be5be79.pth"
            ) from None
        return cls(model.to(device), hashlib.sha256(content).hexdigest())


def quality(
    clean: Images,
    protected: Images,
    lpips: Lpips | None = None,
    progress: Progress = no_progress,
) -> Quality:
    """Compare a protected set, rounded to grey levels, with the clean one.

    Args:
        clean: (N, 3, H, W) uint8, at least 11 pixels high and wide.
        protected: (N, 3, H, W) uint8, the same images, protected.
        lpips: The network that measures LPIPS; None to leave LPIPS out.
        progress: Called with (done, total, what).

    Returns:
        ``psnr`` and ``ssim``: as the functions of these names return them; ``lpips``: None if it was not measured, with
        the reason in ``lpips_reason``; ``trunk``: digest of the trunk's file, or None; ``n``: the number of images.
    """
    size, values = min(clean.shape[-2:]), math.prod(clean.shape[1:])
    reason = NO_TRUNK if lpips is None else None if size >= SMALLEST else f"{size} pixels; AlexNet needs {SMALLEST}"
    return Quality(
        psnr=psnr(squared_lengths(protected.astype(np.int16) - clean), values),
        ssim=ssim(clean, protected, progress),
        lpips=_lpips(clean, protected, lpips) if lpips and not reason else None,
        lpips_reason=reason,
        trunk=lpips.sha256 if lpips else None,
        n=len(clean),
    )


def squared_lengths(delta: NDArray[Any]) -> NDArray[np.float64]:
    """Return the squared Euclidean length (N,) of each perturbation on the [0, 1] pixel scale.

    Args:
        delta: (N, 3, H, W) integers: protected minus clean, in grey levels.
    """
    return np.array([float(np.square(image.astype(np.int64)).sum()) for image in delta]) / 255**2


def psnr(squares: NDArray[np.float64], values: int) -> float | None:
    """Return the mean peak signal-to-noise ratio in dB over the images that changed, or None if none did.

    Args:
        squares: (N,) the perturbations' ``squared_lengths``.
        values: The number of values per image.
    """
    changed = squares[squares > 0]
    return float((10 * np.log10(values / changed)).mean()) if len(changed) else None


def ssim(clean: Images, protected: Images, progress: Progress = no_progress) -> float:
    """Return the mean structural similarity over images and channels (Wang et al., IEEE TIP 2004: Gaussian window).

    Args:
        clean: (N, 3, H, W) uint8, at least 11 pixels high and wide.
        protected: (N, 3, H, W) uint8, the same images, protected.
        progress: Called with (done, total, what).
    """
    from skimage.metrics import structural_similarity

    total = 0.0
    for done, (before, after) in enumerate(zip(clean, protected, strict=True), 1):
        total += float(
            structural_similarity(
                before, after, channel_axis=0, data_range=255,
                gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
            )
        )  # fmt: skip
        progress(done, len(clean), "measuring quality")
    return total / len(clean)


def _lpips(clean: Images, protected: Images, lpips: Lpips) -> float:
    device = next(lpips.model.parameters()).device
    total = 0.0
    with torch.inference_mode():
        for start in range(0, len(clean), BATCH):
            pair = (torch.tensor(images[start : start + BATCH], device=device) for images in (clean, protected))
            total += float(lpips.model(*(images.float() / 127.5 - 1 for images in pair)).sum(dtype=torch.float64))
    return total / len(clean)
