"""Records of failures: a one-line message for the user, and the traceback for the plugin's author."""

from __future__ import annotations

import traceback
from collections.abc import Collection

from uebench.errors import StoreError, UebenchError, line_of
from uebench.planning.tasks import Task
from uebench.progress import OutputClosed
from uebench.store.record import Failure

THROUGH = (StoreError, KeyboardInterrupt, OutputClosed)
"""What ends a run, instead of being the failure of a task: no results folder, and the user's wish."""
LONGEST = 300
"""The most characters of an exception's text in a message, or three times as many of an error of uebench, whose end is
the remedy. The traceback has all of it."""


def failure_of(error: BaseException, task: Task) -> Failure:
    """Return the record of an exception that ended a task."""
    return Failure(
        key=task.key,
        title=task.spec.title,
        kind=type(error).__name__,
        message=message_of(error, {str(part.entry.source) for part in task.spec.parts()}),
        traceback="".join(traceback.format_exception(error)),
    )


def message_of(error: BaseException, sources: Collection[str]) -> str:
    """Return a one-line message for an exception.

    For an unexpected error, it names the innermost line of a plugin's own file in the traceback, because this is where
    its author can fix the problem. Without such a line, it names the line that raised the error.

    Args:
        error: The exception.
        sources: The files of the task's plugins.
    """
    text, most = " ".join(str(error).split()), LONGEST * (3 if isinstance(error, UebenchError) else 1)
    message = text if len(text) <= most else f"{text[:most]}..."
    if isinstance(error, UebenchError):
        return message
    what = "ended the process" if isinstance(error, SystemExit) else type(error).__name__
    return f"{what} in {line_of(error, sources) or line_of(error) or '?'}: {message}".rstrip(": ")


def died(task: Task, exit_code: int | None = None) -> Failure:
    """Return the record of a task whose process died.

    Args:
        task: The task.
        exit_code: The exit code of the process, negative for a signal; None on a cluster, where it is unknown.
    """
    if exit_code is None:
        message = "its process on the cluster died (out of memory or time?); run again to resume"
    elif exit_code < 0:
        message = (
            f"its process was killed by signal {-exit_code} (out of memory?); run again to resume, with fewer jobs"
        )
    else:
        message = f"its process ended with exit code {exit_code} in the middle of the work; a plugin must not end it"
    return Failure(key=task.key, title=task.spec.title, kind="ProcessDied", message=message)


def too_long(task: Task, minutes: float) -> Failure:
    """Return the record of a task that exceeded its time limit."""
    message = f"took longer than {minutes:g} min and was killed; allow more, and run again to resume"
    return Failure(key=task.key, title=task.spec.title, kind="TooLong", message=message)


def passed_on(failure: Failure, task: Task) -> Failure:
    """Return the record of an attack whose protected set could not be made."""
    return failure.model_copy(update={"key": task.key, "title": task.spec.title})
