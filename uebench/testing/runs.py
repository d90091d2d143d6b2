"""Trials of a plugin for its checks, and the errors that checks raise about them."""

from __future__ import annotations

import random
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from typing import Any, ClassVar, Generic, TypeVar
from unittest import SkipTest

import numpy as np
import torch
from torch import Tensor

from uebench.data.dataset import Dataset
from uebench.errors import UebenchError, line_of
from uebench.evaluation.isolation import GENERATORS, process_restored, settings
from uebench.plugins.base import Plugin, Shape
from uebench.plugins.scan import Kind
from uebench.testing.checks import ContractError
from uebench.testing.lines import Trace, line_of_class, traced
from uebench.testing.network import offline

P = TypeVar("P", bound=Plugin[Any])
R = TypeVar("R")
SIZES = (32, 64, 224)

_salts = count()


def same(one: object, other: object) -> bool:
    """Return whether two results are equal, tensors and arrays bit by bit."""
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        return one.dtype == other.dtype and one.shape == other.shape and _bits(one) == _bits(other)
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def kills(saved: Sequence[object]) -> list[int]:
    """Return the numbers of checkpoints after which runs are killed: 1 and all."""
    return sorted({1, len(saved)})


def _bits(tensor: Tensor) -> bytes:
    return tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes()


@dataclass(frozen=True, slots=True)
class FirstRun(Generic[R]):
    """The outcome of the first run.

    Attributes:
        result: Its result; None if it failed.
        error: Its error, if it failed.
        changed_inputs: The inputs that it changed.
        changed_settings: The settings of the process that it changed.
    """

    result: R | None
    error: BaseException | None
    changed_inputs: list[str]
    changed_settings: list[str]


class Trials(ABC, Generic[P, R]):
    """A plugin with its options. ``run`` uses it once; checks examine the result and the attributes.

    Attributes:
        plugin: The class of the plugin.
        config: Its options.
        files: The Python files of the plugin and of its base classes outside uebench.
        attempts: The line of each attempt to reach the network, in all runs.
        changed_inputs: The inputs that the last run changed.
        changed_settings: The settings of the process that the last run changed.
    """

    kind: ClassVar[Kind]
    hooks: ClassVar[tuple[str, ...]]
    """The functions of the plugin that ``run`` calls, in this order."""

    def __init__(self, plugin: type[P], config: Any) -> None:  # noqa: ANN401
        """Prepare the checks of a plugin with some options."""
        self.plugin, self.config = plugin, config
        bases = [base.__module__ for base in plugin.__mro__ if base.__module__.partition(".")[0] != "uebench"]
        modules = {plugin.__module__, *bases} - {"abc", "builtins", "typing"}
        self.files = frozenset(_file(name) for name in modules)
        self.attempts: list[str] = []
        self.changed_inputs: list[str] = []
        self.changed_settings: list[str] = []
        self._given: list[tuple[str, Tensor, Tensor]] = []
        self._settings: dict[str, Any] = {}
        self._generators: list[Any] = []

    def build(self) -> P:
        """Return a new instance."""
        return self.plugin(self.config)

    @cached_property
    def size(self) -> int:
        """Return the smallest size of ``SIZES`` that the plugin supports.

        Raises:
            SkipTest: If it supports none.
        """
        reasons = [self.obstacle(size) for size in SIZES]
        for size, reason in zip(SIZES, reasons, strict=True):
            if not reason:
                return size
        raise SkipTest(reasons[0] or "")

    def obstacle(self, size: int, counts: Sequence[int] = (6, 6, 6)) -> str | None:
        """Return why the plugin cannot serve a data set, if it cannot.

        Args:
            size: Height and width of the images, in pixels.
            counts: Number of images of each identity.
        """
        return self.build().obstacle(Shape(size, tuple(counts)))

    # Runs of the plugin

    @abstractmethod
    def run(self, *, size: int = 0, data: Dataset | None = None) -> R:
        """Run a new instance.

        Args:
            size: Size of the synthetic photographs in pixels; 0 for the smallest that the plugin supports.
            data: Photographs to use instead.
        """

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Run the block under the conditions of a task: offline, on one thread, with newly seeded global generators."""
        self._given.clear()
        self._generators.clear()
        with process_restored(), redirect_stdout(sys.stderr), offline(self.files) as attempts:
            if torch.get_num_threads() != 1:
                torch.set_num_threads(1)
            salt = next(_salts)
            random.seed(salt)
            torch.manual_seed(salt)
            np.random.seed(salt)  # noqa: NPY002
            self._settings = settings()
            try:
                yield
            finally:
                self.attempts += attempts
                self.changed_settings = self._changed_settings()
                self.changed_inputs = self._changed_inputs()

    def give(self, **tensors: Tensor) -> None:
        """Keep copies of inputs of the plugin, to detect later whether it changed them."""
        self._given += [(name, tensor, tensor.clone()) for name, tensor in tensors.items()]

    def watch_generators(self) -> None:
        """Remember the state of the global generators, from which the plugin should not draw from now on."""
        self._generators = [read() for read, _ in GENERATORS]

    def drawn(self) -> bool:
        """Return whether the plugin has drawn from a global generator since ``watch_generators``."""
        return bool(self._generators) and not same([read() for read, _ in GENERATORS], self._generators)

    def _changed_inputs(self) -> list[str]:
        return sorted({name for name, tensor, before in self._given if not torch.equal(tensor, before)})

    def _changed_settings(self) -> list[str]:
        now = settings()
        return [name for name, before in self._settings.items() if now[name] != before]

    @cached_property
    def _first(self) -> FirstRun[R]:
        size = self.size
        result: R | None = None
        error: BaseException | None = None
        try:
            result = self.run(size=size)
        except SkipTest:
            raise
        except (Exception, SystemExit) as raised:
            error = raised
        return FirstRun(result, error, self.changed_inputs, self.changed_settings)

    @property
    def whole(self) -> R:
        """Return the result of the first run.

        Raises:
            SkipTest: If it failed, which the check ``runs`` reports.
        """
        first = self._first
        if first.error is not None or first.result is None:
            raise SkipTest("it does not run")
        return first.result

    def skip_unless_it_runs(self) -> None:
        """Skip the check if the first run failed; see ``whole``."""
        _ = self.whole

    @cached_property
    def is_repeatable(self) -> bool:
        """Return whether two runs with the same seed give the same result."""
        return same(self.result(self.whole), self.result(self.run()))

    @abstractmethod
    def result(self, done: R) -> object:
        """Return the part of a run that two runs with the same seed must have in common."""

    # Errors of checks

    def error(self, error: BaseException, remedy: str = "") -> ContractError:
        """Return the error of a check in which the plugin raised an exception."""
        message = " ".join(str(error).split()).removeprefix(f"{self.kind} {self.plugin.name!r}: ")
        if isinstance(error, SystemExit):
            message = "ends the process"
        elif not isinstance(error, UebenchError):
            message = f"{type(error).__name__}: {message}".rstrip(": ")
        return ContractError(f"{message}{remedy}", line_of(error, self.files) or self.line(*self.hooks))

    def line(self, *names: str) -> str:
        """Return the line where the plugin's class defines the last of ``names`` that it defines, else its own line."""
        own = [name for name in names if name in vars(self.plugin)]
        return line_of_class(self.plugin, rf"\s*(def )?{own[-1]}\b" if own else r"\s*class\b")

    def trace(self, changed: Callable[[], bool] = lambda: False) -> Trace:
        """Run the plugin again and trace its lines.

        Args:
            changed: Returns, after a line, whether that line or an earlier one is at fault.
        """
        with traced(self.files, changed) as trace, suppress(Exception, SystemExit):
            self.run()
        return trace

    def returns(self, reason: str, hook: str = "") -> ContractError:
        """Return the error of a check that finds fault with what a hook returned.

        Args:
            reason: The fault and the remedy.
            hook: The hook; by default the last of ``hooks``.
        """
        hook = hook or self.hooks[-1]
        return ContractError(reason, self.trace().returned.get(hook) or self.line(hook))


def _file(module: str) -> str:
    return str(getattr(sys.modules.get(module), "__file__", None) or "")
