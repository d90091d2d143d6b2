"""Ask plugins what a plan needs to know; an error of theirs becomes one line that names the plugin."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from uebench.errors import PluginError, UebenchError, line_of
from uebench.plugins.base import Attacker, Budget, Listing, Method, Plugin, Shape, Source
from uebench.plugins.scan import CONTRACTS

if TYPE_CHECKING:
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
    """Return the files that a plugin's outputs depend on, for images of ``size`` pixels."""
    return _answer(plugin, "assets", lambda: _as_tuple(plugin.assets(size)), _are_paths, "a tuple of pathlib.Path")


def budget(method: Method[Any], size: int) -> Budget:
    """Return a method's budget for images of ``size`` pixels."""
    return _answer(method, "budget", lambda: method.budget(size), _is(Budget), "a Budget")


def streams(method: Method[Any], size: int) -> bool:
    """Return whether a method protects images of ``size`` pixels one by one."""
    return _answer(method, "streams", lambda: bool(method.streams(size)), _is(bool), "True or False")


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

    Errors of the file system pass, because the command line explains them.
    """
    try:
        yield
    except (UebenchError, OSError):
        raise
    except (Exception, SystemExit) as error:
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
    given = "others" if isinstance(answer, tuple) else type(answer).__name__
    raise PluginError(f"{described(type(plugin))}: {hook} returned {given}; it must return {expected}")


def _is(*types: type) -> Callable[[object], bool]:
    return lambda answer: isinstance(answer, types)


def _as_tuple(answer: Any) -> Any:  # noqa: ANN401
    return tuple(answer) if isinstance(answer, Iterable) and not isinstance(answer, str) else answer


def _are_paths(answer: object) -> bool:
    return isinstance(answer, tuple) and all(isinstance(file, Path) for file in answer)


def _are_splits(answer: object) -> bool:
    from uebench.plugins.values import Split

    return isinstance(answer, tuple) and len(answer) == 2 and all(isinstance(part, Split) for part in answer)


def _file(cls: type) -> str:
    return str(getattr(sys.modules.get(cls.__module__), "__file__", None) or "")
