"""Face embeddings: dlib's network from the extra ``faces``, or any model of timm's with its checkpoint."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from uebench.lazy import torch

if TYPE_CHECKING:
    from torch import Tensor

DLIB_FILES = ("shape_predictor_5_face_landmarks.dat", "dlib_face_recognition_resnet_model_v1.dat")
CHIP = 150
"""Height and width of the aligned faces that dlib's network takes, in pixels."""


def dlib_files() -> tuple[Path, ...]:
    """Return the weights of dlib's landmark and recognition networks that face-recognition-models carries, if there."""
    found = importlib.util.find_spec("face_recognition_models")
    folders = found.submodule_search_locations if found else None
    files = tuple(Path(folders[0]) / "models" / name for name in DLIB_FILES) if folders else ()
    return files if all(file.is_file() for file in files) else ()


def with_dlib(images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return dlib's 128-d face descriptors; each image is taken to be one face, as the sets here are."""
    import dlib
    from PIL import Image

    predictor, network = dlib_files()
    landmarks, describe = dlib.shape_predictor(str(predictor)), dlib.face_recognition_model_v1(str(network))
    rows = []
    for image in images:
        large = np.asarray(Image.fromarray(image.transpose(1, 2, 0)).resize((CHIP, CHIP), Image.Resampling.BICUBIC))
        face = landmarks(large, dlib.rectangle(0, 0, CHIP - 1, CHIP - 1))
        rows.append(describe.compute_face_descriptor(dlib.get_face_chip(large, face)))
    return np.array(rows, np.float64)


def with_timm(images: NDArray[np.uint8], model: str, file: str) -> NDArray[np.float64]:
    """Return the features before the classifier of a timm model with the given checkpoint."""
    import timm

    network = timm.create_model(model, num_classes=0, checkpoint_path=file).eval()
    settings = timm.data.resolve_model_data_config(network)  # type: ignore[attr-defined,no-untyped-call]
    mean, std = (torch.tensor(settings[name]).view(3, 1, 1) for name in ("mean", "std"))
    parts: list[Tensor] = []
    with torch.inference_mode():
        for batch in torch.split(torch.from_numpy(images), 64):
            sized = torch.nn.functional.interpolate(batch.float() / 255, settings["input_size"][1:], mode="bicubic")
            parts.append(network((sized - mean) / std))
    return torch.cat(parts).double().numpy()
