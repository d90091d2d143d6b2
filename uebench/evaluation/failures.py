"""An exception as a record: one line for people, and the traceback for whoever wrote the plugin."""

from __future__ import annotations

import traceback
from collections.abc import Collection
from pathlib import Path

from uebench.errors import UebenchError
from uebench.planning.tasks import Task
from uebench.store.record import Failure


def failure_of(error: BaseException, task: Task) -> Failure:
    """Return what is recorded of an exception that ended a task."""
    return Failure(
        key=task.key,
        title=task.spec.title,
        kind=type(error).__name__,
        message=message_of(error, {str(part.entry.source) for part in task.spec.parts()}),
        traceback="".join(traceback.format_exception(error)),
    )


def message_of(error: BaseException, sources: Collection[str]) -> str:
    """Return an exception in one line.

    That of an unexpected error names the last line of a plugin's own file that was being executed, because that is the
    line that its author can mend; without one, the line where the error arose.

    Args:
        error: The exception.
        sources: The files of the plugins that took part.
    """
    message = " ".join(str(error).split())
    if isinstance(error, UebenchError):
        return message
    what = "ended the process" if isinstance(error, SystemExit) else type(error).__name__
    return f"{what} in {line_of(error, sources) or line_of(error) or '?'}: {message}".rstrip(": ")


def died(task: Task, exit_code: int | None = None) -> Failure:
    """Return what is recorded of a task whose process ended without an answer; on a cluster nobody knows how."""
    if exit_code is None:
        message = "its process on the cluster died (out of memory or time?); run again to resume"
        return Failure(key=task.key, title=task.spec.title, kind="ProcessDied", message=message)
    message = f"its process ended with exit code {exit_code} in the middle of the work; a plugin must not end it"
    if exit_code < 0:
        message = (
            f"its process was killed by signal {-exit_code} (out of memory?); run again to resume, with fewer jobs"
        )
    return Failure(key=task.key, title=task.spec.title, kind="ProcessDied", message=message)


def too_long(task: Task, minutes: float) -> Failure:
    """Return what is recorded of a task that took longer than it may."""
    message = f"took longer than {minutes:g} minutes and was killed; allow more, and run again to resume"
    return Failure(key=task.key, title=task.spec.title, kind="TooLong", message=message)


def passed_on(failure: Failure, task: Task) -> Failure:
    """Return what is recorded of an attack whose protected set could not be made."""
    return failure.model_copy(update={"key": task.key, "title": task.spec.title})


def line_of(error: BaseException, sources: Collection[str] | None = None) -> str:
    """Return the last line of these files that was being executed when an error arose, or nothing.

    Args:
        error: The error.
        sources: The files; None for any file.
    """
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if sources is None or frame.filename in sources]
    return f"{Path(own[-1].filename).name}:{own[-1].lineno}" if own else ""
