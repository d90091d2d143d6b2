"""Writing a protected set to files that other programs, and ``foreign.reading``, can read."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from uebench.data.described_folder import DescribedFolder
from uebench.data.images import perturbed, png
from uebench.data.protected_manifest import ExportManifest
from uebench.errors import UsageError
from uebench.plugins.base import Split
from uebench.store.atomic import write

SUFFIXES = (".npz", ".safetensors")


def check_target(to: Path) -> None:
    """Check that a target is a folder, or a new file of a known kind.

    Raises:
        UsageError: If it is neither; the message names the remedy.
    """
    if to.is_file():
        raise UsageError(f"{to}: exists already; choose another name, or remove it")
    if to.suffix and not to.is_dir() and to.suffix.lower() not in SUFFIXES:
        raise UsageError(f"{to}: give a new folder, or a file that ends with {' or '.join(SUFFIXES)}")


def write_protected(
    to: Path, clean: Split, delta: NDArray[Any], names: Sequence[str], manifest: ExportManifest
) -> None:
    """Write the protected images, the perturbations, the labels and a manifest.

    Args:
        to: A new folder, for one PNG file per image in one folder per identity; or a file that ends with ``.npz`` or
            ``.safetensors``.
        clean: The photographs.
        delta: (N, 3, S, S): protected minus clean in grey levels.
        names: The identity and name of each image, such as ``ann/3``.
        manifest: The description of the set.

    Raises:
        UsageError: If the folder holds something else.
        StoreError: If the target cannot be written.
    """
    arrays = {
        "images": perturbed(clean.images, delta),
        "perturbations": delta,
        "labels": clean.labels,
    }
    if to.suffix.lower() not in SUFFIXES:
        folder = DescribedFolder(to, manifest)
        folder.begin()
        for name, pixels in zip(names, arrays["images"], strict=True):
            folder.write(f"{name}.png", png(pixels))
        for name in ("perturbations", "labels"):
            content = io.BytesIO()
            np.save(content, arrays[name], allow_pickle=False)
            folder.write(f"{name}.npy", content.getvalue())
        return
    text = json.dumps(manifest.stored(), sort_keys=True)
    write(to, _npz(arrays, text) if to.suffix.lower() == ".npz" else _safetensors(arrays, text))


def _npz(arrays: Mapping[str, NDArray[Any]], manifest: str) -> bytes:
    content = io.BytesIO()
    np.savez_compressed(content, allow_pickle=False, **arrays, manifest=np.array(manifest))
    return content.getvalue()


def _safetensors(arrays: Mapping[str, NDArray[Any]], manifest: str) -> bytes:
    from safetensors.numpy import save

    return save({name: np.ascontiguousarray(array) for name, array in arrays.items()}, {"manifest": manifest})
