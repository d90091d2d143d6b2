"""Load timm networks from checkpoints of the user."""

from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import timm
from safetensors import SafetensorError
from timm.models import load_state_dict
from torch import Tensor, nn

from uebench.errors import DataError, reading
from uebench.network_options import Precision, Stem
from uebench.networks.classifier import FaceClassifier, classifier, in_head
from uebench.regular_files import open_uncompressed
from uebench.tensor_files import header, open_safetensors


def pretrained(
    model: str, num_classes: int, size: int, file: Path, *, input_size: int = 0, precision: Precision = "float32"
) -> FaceClassifier:
    """Make a network with the weights of a checkpoint, and with the normalisation that they were trained with.

    A file written by ``--keep-models`` holds this normalisation and the kind of the first layers. For any other, these
    are timm's default for the model.

    Args:
        model: Name of a timm model.
        num_classes: K; a checkpoint's head for another number of classes is left out, and the new one is random.
        size: Height and width of the images in pixels.
        file: The checkpoint; see ``read_checkpoint``.
        input_size: Enlarge the images to this many pixels; 0: only as far as the architecture needs.
        precision: The network's number format.

    Raises:
        DataError: If the file is not a checkpoint of this model.
    """
    kept = kept_settings(file)
    stem = kept.stem if kept else "imagenet"
    wrapped = classifier(model, num_classes, max(size, input_size), stem=stem, precision=precision)
    adopt(wrapped.network, read_checkpoint(file), str(file))
    if kept:
        wrapped.normalise(kept.mean, kept.std)
    else:
        settings = timm.data.resolve_model_data_config(wrapped.network)  # type: ignore[attr-defined,no-untyped-call]
        wrapped.normalise(settings["mean"], settings["std"])
    wrapped.details["upsampled_from"] = size if wrapped.input_size != size else None
    return wrapped


@dataclass(frozen=True)
class KeptSettings:
    """How a network that ``--keep-models`` kept was built, and what it was shown.

    Attributes:
        mean: What was subtracted from each channel.
        std: What each channel was then divided by.
        input_size: Height and width of the images in pixels.
        stem: The kind of the first layers.
    """

    mean: Sequence[float]
    std: Sequence[float]
    input_size: int
    stem: Stem


def kept_settings(file: Path) -> KeptSettings | None:
    """Return the settings in a file that ``--keep-models`` wrote, None for any other file."""
    try:
        with open_safetensors(file) as opened:
            model = header(opened)["model"]
        mean, std = ([float(value) for value in model[name]] for name in ("mean", "std"))
        return KeptSettings(mean, std, int(model["input_size"]), "small" if model["stem"] == "small" else "imagenet")
    except (OSError, SafetensorError, KeyError, TypeError, ValueError):
        return None


def read_checkpoint(file: Path) -> dict[str, Tensor]:
    """Read a state dict, bare or under ``state_dict``, from safetensors or from what ``torch.save`` wrote.

    Only tensors are unpickled. Prefixes that wrappers add to names (``module.``) are removed.

    Raises:
        DataError: If the file is not a checkpoint.
    """
    with reading(file, "save it again with torch.save"):
        open_uncompressed(file).close()
    try:
        tensors = load_state_dict(str(file), use_ema=False, weights_only=True)
        if tensors and all(isinstance(tensor, Tensor) for tensor in tensors.values()):
            return tensors
    except (
        OSError, RuntimeError, EOFError, LookupError, AttributeError, TypeError, ValueError, SafetensorError,
        pickle.UnpicklingError,
    ):  # fmt: skip
        pass  # what the readers raise for files of other kinds
    raise DataError(f"{file}: not a checkpoint; give a state dict as .safetensors, or as torch.save writes one")


def adopt(network: nn.Module, tensors: Mapping[str, Tensor], origin: str) -> None:
    """Load the tensors of another network of the same architecture; a head of another shape keeps its own.

    Args:
        network: A timm model; its weights are replaced.
        tensors: A state dict.
        origin: Where it comes from, for messages.

    Raises:
        DataError: If any other tensor is missing, unexpected or of another shape; the message names the first.
    """
    own = network.state_dict()
    body = [name for name in own if not in_head(network, name)]
    given = {
        name: tensor
        for name, tensor in tensors.items()
        if not in_head(network, name) or (name in own and own[name].shape == tensor.shape)
    }
    remedy = "name the model, and the image size, that the checkpoint was made for"
    for name in [*body, *given]:
        if name not in given:
            raise DataError(f"{origin}: has no tensor {name!r}; {remedy}")
        if name not in own:
            raise DataError(f"{origin}: has a tensor {name!r} that the model lacks; {remedy}")
        if own[name].shape != given[name].shape:
            shapes = f"is {tuple(given[name].shape)}, and the model's {tuple(own[name].shape)}"
            raise DataError(f"{origin}: tensor {name!r} {shapes}; {remedy}")
    network.load_state_dict(given, strict=False)
