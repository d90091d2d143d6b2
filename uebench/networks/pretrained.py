"""Networks of timm's that start from a checkpoint of the user's."""

from __future__ import annotations

import json
import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path

import timm
from safetensors import SafetensorError, safe_open
from timm.models import load_state_dict
from torch import Tensor, nn

from uebench.errors import DataError
from uebench.networks.classifier import FaceClassifier, Precision, classifier, in_head


def pretrained(
    model: str, num_classes: int, size: int, file: Path, *, input_size: int = 0, precision: Precision = "float32"
) -> FaceClassifier:
    """Make a network with the weights of a checkpoint, and with the normalisation that they were trained with.

    A file that ``--keep-models`` wrote says which; of any other, it is the one that timm names for the model.

    Args:
        model: A name of timm's.
        num_classes: K; a checkpoint's head for another number of classes is left out, and the new one is random.
        size: Height and width of the images in pixels.
        file: The checkpoint, as ``read_checkpoint`` takes it.
        input_size: Enlarge the images to so many pixels; 0: not more than the architecture needs.
        precision: What the network computes in.

    Raises:
        DataError: If the file is no checkpoint of this model.
    """
    made = classifier(model, num_classes, max(size, input_size), precision=precision)
    adopt(made.network, read_checkpoint(file), str(file))
    settings = _kept_settings(file) or timm.data.resolve_model_data_config(made.network)  # type: ignore[attr-defined,no-untyped-call]
    made.normalise(settings["mean"], settings["std"])
    made.details["upsampled_from"] = size if made.input_size != size else None
    return made


def _kept_settings(file: Path) -> Mapping[str, Sequence[float]] | None:
    """Return mean and standard deviation of the images, a value a channel, where a file of uebench's says them."""
    try:
        with safe_open(file, framework="pt") as opened:
            model = json.loads(opened.metadata()["uebench"])["model"]
        return {name: [float(value) for value in model[name]] for name in ("mean", "std")}
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, RecursionError):
        return None  # anybody else's


def read_checkpoint(file: Path) -> dict[str, Tensor]:
    """Read a state dict, bare or under ``state_dict``, from safetensors or from what ``torch.save`` wrote.

    Nothing but tensors is unpickled. Prefixes that wrappers add to names (``module.``) are taken off.

    Raises:
        DataError: If the file is something else.
    """
    try:
        tensors = load_state_dict(str(file), use_ema=False, weights_only=True)
        if tensors and all(isinstance(tensor, Tensor) for tensor in tensors.values()):
            return tensors
    except (
        OSError, RuntimeError, EOFError, LookupError, AttributeError, TypeError, ValueError, SafetensorError,
        pickle.UnpicklingError,
    ):  # fmt: skip
        pass  # whatever a reader says of a file that is something else
    raise DataError(f"{file}: not a checkpoint; give a state dict as .safetensors, or as torch.save writes one")


def adopt(network: nn.Module, tensors: Mapping[str, Tensor], origin: str) -> None:
    """Give a timm network the tensors of another of its kind; a head of another shape keeps its own.

    Args:
        network: A model of timm's; its weights are replaced.
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
