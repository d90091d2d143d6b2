"""Which line of a plugin's own files did it."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

Local = Callable[[FrameType, str, Any], Any]


class Trace:
    """Follows a plugin through its own files.

    Attributes:
        culprit: The first line after which something had changed; empty if nothing had.
        returned: For each function, the line at which it last returned.
    """

    def __init__(self) -> None:
        """Begin with nothing seen."""
        self.culprit = ""
        self.returned: dict[str, str] = {}


@contextmanager
def traced(files: Collection[str], changed: Callable[[], bool]) -> Iterator[Trace]:
    """Trace the lines of ``files`` that the block executes.

    Args:
        files: A plugin's own.
        changed: Asked after every line whether the line has done it.
    """
    trace = Trace()

    def follow(frame: FrameType, _event: str, _argument: object) -> Local | None:
        if frame.f_code.co_filename not in files:
            return None
        last = frame.f_lineno

        def step(frame: FrameType, event: str, _argument: object) -> Local:
            nonlocal last
            if not trace.culprit and event in ("line", "return") and changed():
                trace.culprit = _written(frame, last)
            if event == "return":
                trace.returned[frame.f_code.co_name] = _written(frame, frame.f_lineno)
            last = frame.f_lineno
            return step

        return step

    before = sys.gettrace()
    sys.settrace(follow)
    try:
        yield trace
    finally:
        sys.settrace(before)


def own_line(files: Collection[str]) -> str:
    """Return the innermost line of ``files`` that is being executed, or nothing."""
    frame: FrameType | None = sys._getframe(1)
    while frame and frame.f_code.co_filename not in files:
        frame = frame.f_back
    return _written(frame, frame.f_lineno) if frame else ""


def line_of_class(cls: type, pattern: str = r"\s*class\b") -> str:
    """Return the first line of a class that matches, or that of the class itself; nothing if there is no source."""
    try:
        lines, first = inspect.getsourcelines(cls)
        file = inspect.getsourcefile(cls)
    except (OSError, TypeError):
        return ""
    offset = next((number for number, line in enumerate(lines) if re.match(pattern, line)), 0)
    return f"{Path(file or '?').name}:{first + offset}"


def _written(frame: FrameType, line: int) -> str:
    return f"{Path(frame.f_code.co_filename).name}:{line}"
