"""``python -m uebench.executors.worker``: a process that computes the tasks that it reads, until there are no more.

It reads pickles of its parent's on stdin, first ``Settings``, then tasks, and answers on stdout; nobody else can write
to either. What a plugin prints goes to stderr.
"""

from __future__ import annotations

import os
import pickle
import queue
import signal
import sys
import threading
from collections.abc import Callable
from typing import BinaryIO

from uebench.errors import UebenchError
from uebench.evaluation.settings import Settings
from uebench.planning.tasks import Task
from uebench.progress import OutputClosed, Progress


def main() -> None:
    """Serve the parent process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent answers Ctrl-C
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    settings: Settings = pickle.load(sys.stdin.buffer)
    tasks: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
    at_work = threading.Event()
    threading.Thread(target=_read, args=(sys.stdin.buffer, tasks, at_work), daemon=True).start()

    def tell(*answer: object) -> None:
        pickle.dump(answer, answers)
        answers.flush()

    try:
        _serve(settings, tasks, at_work, tell)
    except OutputClosed:  # the parent died
        os._exit(1)


def _read(parent: BinaryIO, tasks: queue.SimpleQueue[Task | None], at_work: threading.Event) -> None:
    """Pass tasks on. When there are no more: end at once if the parent died in the middle of one."""
    while True:
        try:
            tasks.put(pickle.load(parent))
        except EOFError:
            if at_work.is_set():
                os._exit(1)
            tasks.put(None)
            return


def _serve(
    settings: Settings,
    tasks: queue.SimpleQueue[Task | None],
    at_work: threading.Event,
    tell: Callable[..., None],
) -> None:
    from uebench.evaluation.runner import Runner

    def progress(_: str) -> Progress:
        return lambda done, total, what: tell("progress", done, total, what)

    runner = None
    while task := tasks.get():
        at_work.set()
        try:
            runner = runner or Runner(settings, progress)
            answer: tuple[object, ...] = ("status", runner.perform(task))
        except UebenchError as error:  # of the store or the device: no other task would fare better
            answer = ("error", error)
        at_work.clear()
        tell(*answer)


if __name__ == "__main__":
    main()
