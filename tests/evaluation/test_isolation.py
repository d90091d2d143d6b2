"""What a plugin changes in the process ends with its task."""

from __future__ import annotations

import os
import random
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from uebench.errors import CellError
from uebench.evaluation import referee
from uebench.evaluation.isolation import process_restored
from uebench.plugins.values import ImageSet

GENERATORS: dict[str, Callable[[], object]] = {
    "torch": lambda: torch.rand(()).item(),
    "numpy": lambda: np.random.rand(),  # noqa: NPY002
    "python": random.random,
}
SETTINGS: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
    "dtype": (torch.get_default_dtype, lambda: torch.set_default_dtype(torch.float64)),
    "device": (lambda: torch.ones(1).device, lambda: torch.set_default_device("meta")),
    "threads": (torch.get_num_threads, lambda: torch.set_num_threads(torch.get_num_threads() + 1)),
    "grad mode": (torch.is_grad_enabled, lambda: torch.set_grad_enabled(False)),
    "deterministic": (
        torch.are_deterministic_algorithms_enabled,
        lambda: torch.use_deterministic_algorithms(True, warn_only=True),
    ),
    "matmul": (torch.get_float32_matmul_precision, lambda: torch.set_float32_matmul_precision("medium")),
    "convolutions": (
        lambda: torch.backends.mkldnn.conv.fp32_precision,  # type: ignore[attr-defined]
        lambda: setattr(torch.backends.mkldnn.conv, "fp32_precision", "bf16"),  # type: ignore[attr-defined]
    ),
    "cudnn": (lambda: torch.backends.cudnn.benchmark, lambda: setattr(torch.backends.cudnn, "benchmark", True)),
    "tf32": (lambda: torch.backends.cudnn.allow_tf32, lambda: setattr(torch.backends.cudnn, "allow_tf32", False)),
    "numpy errors": (np.geterr, lambda: np.seterr(all="raise")),
    "warnings": (lambda: list(warnings.filters), lambda: warnings.simplefilter("ignore")),
    "folder": (Path.cwd, lambda: os.chdir("/")),
    "changed variable": (lambda: os.environ["HOME"], lambda: os.environ.update(HOME="/elsewhere")),
    "new variable": (lambda: "UEBENCH_NEW" in os.environ, lambda: os.environ.update(UEBENCH_NEW="1")),
    "removed variable": (lambda: "PATH" in os.environ, lambda: os.environ.pop("PATH")),
}


@pytest.mark.parametrize("what", SETTINGS)
def test_a_setting_of_the_process_is_put_back(what: str) -> None:
    read, change = SETTINGS[what]
    before = read()
    with process_restored():
        change()
        assert read() != before
    assert read() == before


@pytest.mark.parametrize("what", GENERATORS)
def test_a_global_generator_continues_as_if_no_task_had_drawn_from_it(what: str) -> None:
    draw = GENERATORS[what]
    with process_restored():
        expected = draw()
        draw()
    assert draw() == expected


def test_settings_are_put_back_after_a_failure_too() -> None:
    with pytest.raises(ZeroDivisionError), process_restored():
        torch.set_default_dtype(torch.float64)
        referee.check = lambda *_: torch.zeros(1)
        1 / 0  # noqa: B018
    assert torch.get_default_dtype() == torch.float32
    with pytest.raises(CellError, match="perturb returned int"):
        referee.check("rogue", 1, torch.zeros(1), None)  # type: ignore[arg-type]


def test_a_replaced_function_is_put_back_and_named() -> None:
    check = referee.check
    with (
        pytest.raises(CellError, match=r"replaced uebench\.evaluation\.referee\.check; uebench restored it"),
        process_restored(),
    ):
        referee.check = lambda *_: torch.zeros(1)
    assert referee.check is check


def test_a_replaced_method_is_put_back_and_named() -> None:
    length = ImageSet.__len__
    with pytest.raises(CellError, match=r"replaced uebench\.plugins\.values\.ImageSet\.__len__"), process_restored():
        ImageSet.__len__ = lambda _: 1  # type: ignore[method-assign]
    assert ImageSet.__len__ is length


def test_a_removed_function_is_put_back_and_named() -> None:
    with pytest.raises(CellError, match=r"referee\.check"), process_restored():
        del referee.check
    assert callable(referee.check)


def test_what_uebench_loads_and_computes_itself_is_not_called_a_replacement() -> None:
    from uebench.evaluation.context import RunContext
    from uebench.networks import classifier
    from uebench.plugins.base import Training
    from uebench.training.loop import supervised

    train = ImageSet(torch.zeros(4, 3, 32, 32, dtype=torch.uint8), torch.arange(4) % 2, 2)
    options, ctx = Training(epochs=1, batch=4), RunContext(torch.device("cpu"), 0)
    with process_restored():
        supervised(classifier("test_resnet", 2, 32), train, options, (), ctx)
