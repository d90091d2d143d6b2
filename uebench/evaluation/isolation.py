"""Restores global state that a plugin changed, so that one cell does not affect the next."""

from __future__ import annotations

import importlib
import os
import random
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np
import torch

from uebench.errors import CellError

TOOLS = ("uebench.networks", "uebench.pretrained.weights", "uebench.training.loop", "uebench.training.noise_method")
"""Modules that a plugin might be the first to import; loaded before the task, so that their original state is known."""

METHODS = (FunctionType, classmethod, staticmethod, property)

Attributes = Mapping[tuple[str, str], tuple[Any, Any]]
"""(module or class, attribute) by name -> the same as objects."""


@contextmanager
def process_restored(device: torch.device | None = None) -> Iterator[None]:
    """Run a task, and then restore the global state of this process.

    Every call that runs plugins uses this, in the Python API too: the process goes on with other cells, or with the
    work of the caller.

    Restored: torch's default dtype and device, number of threads, grad mode, deterministic algorithms, matmul precision
    and cuDNN flags; the states of torch's, NumPy's and Python's global generators; NumPy's error handling; warning
    filters; the working directory; environment variables; replaced attributes of uebench's modules and their classes.

    Not restored: the state of C extensions, running threads and processes, files, other libraries, containers that were
    changed in place, and the effects of importing a plugin's file.

    Args:
        device: The device that the task computes on, if the caller may compute on it too. If it is a GPU, CUDA is
            initialised to read its generators. If the task is the first to initialise CUDA, these generators have no
            earlier state to restore.

    Raises:
        CellError: If an attribute of uebench was replaced, so that the result cannot be trusted.
    """
    for name in TOOLS:
        importlib.import_module(name)
    if device and device.type == "cuda":
        torch.cuda.init()  # type: ignore[no-untyped-call]
    attributes = _attributes()
    with _restored(GENERATORS), _restored(SETTINGS.values()):
        try:
            with warnings.catch_warnings():
                yield
        finally:
            replaced = _put_back(attributes)
    if replaced:
        raise CellError(f"a plugin replaced {', '.join(replaced)}; uebench restored it and discarded this result")


@contextmanager
def _restored(parts: Iterable[ReadAndWrite]) -> Iterator[None]:
    """Restore what some functions read, after a block."""
    states = [(read(), write) for read, write in parts]
    try:
        yield
    finally:
        for before, write in states:
            write(before)


def _attributes() -> Attributes:
    """Return all attributes of uebench's modules, and the methods of the classes that they define."""
    attributes: dict[tuple[str, str], tuple[Any, Any]] = {}
    for module in [module for name, module in sys.modules.items() if name.partition(".")[0] == "uebench"]:
        for name, value in vars(module).items():
            attributes[module.__name__, name] = module, value
            if isinstance(value, type) and value.__module__ == module.__name__:
                for attribute, method in vars(value).items():
                    if isinstance(method, METHODS):
                        attributes[f"{module.__name__}.{name}", attribute] = value, method
    return attributes


def _put_back(attributes: Attributes) -> list[str]:
    """Restore replaced attributes and return their full names."""
    replaced = []
    for (owner_name, name), (owner, value) in attributes.items():
        if vars(owner).get(name) is not value:
            setattr(owner, name, value)
            replaced.append(f"{owner_name}.{name}")
    return replaced


def _default_device() -> torch.device:
    return torch.empty(0).device  # torch.get_default_device fails in torch 2.9 once the device has been reset


def _put_back_device(device: torch.device) -> None:
    torch.set_default_device(None if device.type == "cpu" else device)  # unlike None, a CPU device slows torch down


def _put_back_threads(count: int) -> None:
    if torch.get_num_threads() != count:  # even setting the same number has side effects
        torch.set_num_threads(count)


def _deterministic() -> tuple[bool, bool]:
    return torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()


def _put_back_deterministic(flags: tuple[bool, bool]) -> None:
    torch.use_deterministic_algorithms(flags[0], warn_only=flags[1])


def _backend_flags() -> list[tuple[Any, str, Any]]:
    """Return (backend, flag, value) for the flags that choose fast or exact arithmetic, parents before children."""
    backends: Any = torch.backends
    cudnn, mkldnn = backends.cudnn, backends.mkldnn
    flags = [(cudnn, name) for name in ("enabled", "benchmark", "deterministic", "allow_tf32")]
    parts = (mkldnn.matmul, mkldnn.conv, mkldnn.rnn, backends.cuda.matmul, cudnn.conv, cudnn.rnn)
    values = []
    for owner, name in [*flags, *((owner, "fp32_precision") for owner in (backends, mkldnn, cudnn, *parts))]:
        with suppress(RuntimeError):  # allow_tf32 cannot be read if it contradicts its successor, fp32_precision
            values.append((owner, name, getattr(owner, name)))
    return values


def _put_back_flags(flags: list[tuple[Any, str, Any]]) -> None:
    for owner, name, value in flags:
        setattr(owner, name, value)


def _cuda_generators() -> list[torch.Tensor]:
    started = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    return torch.cuda.get_rng_state_all() if started else []


def _put_back_cuda_generators(states: list[torch.Tensor]) -> None:
    if states:
        torch.cuda.set_rng_state_all(states)


def _directory() -> Path | None:
    with suppress(OSError):  # it has been deleted
        return Path.cwd()
    return None


def _put_back_directory(before: Path | None) -> None:
    if before is not None:
        os.chdir(before)


def _put_back_environment(before: dict[str, str]) -> None:
    for name in os.environ.keys() - before.keys():
        del os.environ[name]
    os.environ.update({name: value for name, value in before.items() if os.environ.get(name) != value})


ReadAndWrite = tuple[Callable[[], Any], Callable[[Any], object]]

SETTINGS: Mapping[str, ReadAndWrite] = {
    "torch's default dtype": (torch.get_default_dtype, torch.set_default_dtype),
    "torch's default device": (_default_device, _put_back_device),
    "torch's number of threads": (torch.get_num_threads, _put_back_threads),
    "torch's grad mode": (torch.is_grad_enabled, torch.set_grad_enabled),
    "torch's deterministic algorithms": (_deterministic, _put_back_deterministic),
    "torch's matmul precision": (torch.get_float32_matmul_precision, torch.set_float32_matmul_precision),
    "flags of torch.backends": (_backend_flags, _put_back_flags),
    "NumPy's error handling": (np.geterr, lambda how: np.seterr(**how)),
    "the working directory": (_directory, _put_back_directory),
    "environment variables": (lambda: dict(os.environ), _put_back_environment),
}
"""For each setting of the process, the functions that read and restore it."""

GENERATORS: tuple[ReadAndWrite, ...] = (
    (torch.get_rng_state, torch.set_rng_state),
    (_cuda_generators, _put_back_cuda_generators),
    (np.random.get_state, np.random.set_state),
    (random.getstate, random.setstate),
)
"""The same for the global generators, which a plugin may draw from."""


def settings() -> dict[str, Any]:
    """Return the settings of the process that a plugin must not change, by name."""
    return {name: read() for name, (read, _) in SETTINGS.items()}
