"""Ask plugins what a plan needs to know; an error of theirs becomes one line that names the plugin."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from numbers import Integral, Real
from pathlib import Path
from typing import Any, TypeVar

from uebench.errors import PluginError, UebenchError, line_of
from uebench.norms import NORMS
from uebench.plugins.base import Attacker, Budget, Listing, Method, Plugin, Shape, Source
from uebench.plugins.options import paths_in
from uebench.plugins.scan import CONTRACTS
from uebench.plugins.values import Split

P = TypeVar("P", bound=Plugin[Any])
A = TypeVar("A")


def instance(plugin: type[P], config: Any) -> P:  # noqa: ANN401
    """Return a plugin with these options.

    Raises:
        PluginError: If its ``__init__`` fails, as all functions of this module raise it for theirs.
    """
    with blamed(plugin, "__init__"):
        made = plugin(config)
    if getattr(made, "config", None) is not config:
        raise PluginError(
            f"{described(plugin)}: __init__ does not keep its options; call super().__init__(config) there"
        )
    return made


def obstacle(plugin: Plugin[Any], shape: Shape) -> str:
    """Return why a plugin cannot work on a set of this shape; empty if it can."""
    reason = _answer(plugin, "obstacle", lambda: plugin.obstacle(shape), _is(str, type(None)), "a string or None")
    return reason or ""


def assets(plugin: Plugin[Any], size: int) -> tuple[Path, ...]:
    """Return the files that a plugin's outputs depend on, for images of ``size`` pixels.

    Files that its options name are among them, even if its own ``assets`` leaves them out.

    Raises:
        PluginError: If an option names a folder of which ``assets`` returns no file.
    """
    expected = "a tuple of pathlib.Path"
    files = _answer(plugin, "assets", lambda: _as_tuple(plugin.assets(size)), _are_paths, expected)
    named = [(name, path) for name, value in plugin.config for path in paths_in(value)]
    for name, path in named:
        if path.is_dir() and not any(path in (file, *file.parents) for file in files):
            raise PluginError(
                f"{described(type(plugin))}: option {name!r} names a folder, but assets returns none of its files; "
                "return there what the plugin reads, so that it enters the key"
            )
    return (*files, *dict.fromkeys(path for _, path in named if path.is_file() and path not in files))


def budget(method: Method[Any], size: int) -> Budget:
    """Return a method's budget for images of ``size`` pixels."""
    found = _answer(method, "budget", lambda: method.budget(size), _is(Budget), "a Budget")
    if fault := _of_budget(found):
        raise PluginError(f"{described(type(method))}: budget returned {found}; {fault}")
    return found


def _of_budget(budget: Budget) -> str:
    """Return what is wrong with a budget, and the remedy; empty if nothing is."""
    if budget.norm not in NORMS:
        return f"its norm must be one of {', '.join(map(repr, NORMS))}"
    if not isinstance(budget.eps, Real) or not math.isfinite(budget.eps) or budget.eps < 0:
        return "its eps must be a finite number that is not negative"
    if budget.norm == "linf" and budget.eps > 1:
        return "its eps is on the [0, 1] pixel scale; write 8/255 for 8 grey levels"
    return ""


def streams(method: Method[Any], size: int) -> bool:
    """Return whether a method protects images of ``size`` pixels one by one."""
    return _answer(method, "streams", lambda: method.streams(size), _is(bool), "True or False")


def epochs(attacker: Attacker[Any]) -> int | None:
    """Return the most passes over the set that an attacker makes; None if unknown."""
    return _answer(attacker, "epochs", lambda: attacker.epochs, _is(Integral, type(None)), "a whole number or None")


def label(source: Source[Any]) -> str:
    """Return the name of a data set in tables."""
    return _answer(source, "label", source.label, _is(str), "a string")


def listing(source: Source[Any]) -> Listing | None:
    """Return the files of a source's images; None if they are generated."""
    return _answer(source, "listing", source.listing, _is(Listing, type(None)), "a Listing or None")


def read(source: Source[Any], size: int) -> tuple[Split, Split]:
    """Return a source's training and test images, with ``size`` pixels."""
    expected = "a training and a test Split"
    answer: tuple[Split, Split] = _answer(source, "read", lambda: _as_tuple(source.read(size)), _are_splits, expected)
    return answer


@contextmanager
def blamed(plugin: type[Plugin[Any]], hook: str) -> Iterator[None]:
    """Turn an unexpected error in the block into one that names the plugin, its hook and the line.

    Errors of the file system that name a file pass, because the command line explains them.
    """
    try:
        yield
    except UebenchError:
        raise
    except (Exception, SystemExit) as error:
        if isinstance(error, OSError) and error.filename is not None:
            raise
        what = "ends the process" if isinstance(error, SystemExit) else f"fails: {type(error).__name__}"
        line = line_of(error, {_file(cls) for cls in plugin.__mro__}) or line_of(error)
        message = " ".join(str(error).split())
        raise PluginError(f"{described(plugin)}: {hook} {what} in {line}: {message}".rstrip(": ")) from error


def described(plugin: type[Plugin[Any]]) -> str:
    """Return kind and name of a plugin for messages, such as ``method 'lsp'``."""
    kind = next((CONTRACTS[cls.__name__] for cls in plugin.__mro__ if cls.__name__ in CONTRACTS), "plugin")
    return f"{kind} {plugin.name!r}"


def _answer(
    plugin: Plugin[Any], hook: str, ask: Callable[[], A], is_right: Callable[[object], bool], expected: str
) -> A:
    with blamed(type(plugin), hook):
        answer = ask()
    if is_right(answer):
        return answer
    given = type(answer).__name__
    if isinstance(answer, tuple):
        given = f"a tuple ({', '.join(type(part).__name__ for part in answer)})"
    raise PluginError(f"{described(type(plugin))}: {hook} returned {given}; it must return {expected}")


def _is(*types: type) -> Callable[[object], bool]:
    return lambda answer: isinstance(answer, types)


def _as_tuple(answer: Any) -> Any:  # noqa: ANN401
    return tuple(answer) if isinstance(answer, Iterable) and not isinstance(answer, str) else answer


def _are_paths(answer: object) -> bool:
    return isinstance(answer, tuple) and all(isinstance(file, Path) for file in answer)


def _are_splits(answer: object) -> bool:
    return isinstance(answer, tuple) and len(answer) == 2 and all(isinstance(part, Split) for part in answer)


def _file(cls: type) -> str:
    return str(getattr(sys.modules.get(cls.__module__), "__file__", None) or "")
