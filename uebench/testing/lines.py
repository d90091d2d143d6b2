"""Find the line at fault in the files of a plugin."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

TraceFunction = Callable[[FrameType, str, Any], Any]


class Trace:
    """The lines of interest in a run of a plugin.

    Attributes:
        culprit: The first line after which ``changed`` returned True; empty if there is none.
        returned: For each function, the line where it last returned.
    """

    def __init__(self) -> None:
        """Begin a trace without lines."""
        self.culprit = ""
        self.returned: dict[str, str] = {}


@contextmanager
def traced(files: Collection[str], changed: Callable[[], bool]) -> Iterator[Trace]:
    """Trace the lines of ``files`` that the block executes.

    Args:
        files: The files of a plugin.
        changed: Called after every line; returns whether that line or an earlier one is at fault.
    """
    trace = Trace()

    def follow(frame: FrameType, _event: str, _argument: object) -> TraceFunction | None:
        if frame.f_code.co_filename not in files:
            return None
        last = frame.f_lineno

        def step(frame: FrameType, event: str, _argument: object) -> TraceFunction:
            nonlocal last
            if not trace.culprit and event in ("line", "return") and changed():
                trace.culprit = _location(frame, last)
            if event == "return":
                trace.returned[frame.f_code.co_name] = _location(frame, frame.f_lineno)
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
    """Return the innermost line of ``files`` on the call stack; empty if there is none."""
    frame: FrameType | None = sys._getframe(1)
    while frame and frame.f_code.co_filename not in files:
        frame = frame.f_back
    return _location(frame, frame.f_lineno) if frame else ""


def line_of_class(cls: type, pattern: str) -> str:
    """Return the first line of a class that matches ``pattern``, else its first line; empty if it has no source."""
    try:
        lines, first = inspect.getsourcelines(cls)
        file = inspect.getsourcefile(cls)
    except (OSError, TypeError):
        return ""
    offset = next((number for number, line in enumerate(lines) if re.match(pattern, line)), 0)
    return f"{Path(file or '?').name}:{first + offset}"


def _location(frame: FrameType, line: int) -> str:
    return f"{Path(frame.f_code.co_filename).name}:{line}"
