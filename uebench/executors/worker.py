"""``python -m uebench.executors.worker``: a process that computes the tasks that its parent sends.

It reads pickles from stdin, first ``Settings`` and ``Confinement``, then tasks, and writes its answers to stdout.
Plugins have no access to these two: their stdin is empty, and their output goes to stderr.
"""

from __future__ import annotations

import os
import pickle
import queue
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import BinaryIO

from uebench.errors import UebenchError
from uebench.evaluation.settings import Settings
from uebench.evaluation.stopping import Stop
from uebench.executors.confinement import Confinement
from uebench.progress import OutputClosed, Progress


def main() -> None:
    """Serve the parent process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl-C
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    parent, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)

    def tell(*answer: object) -> None:
        pickle.dump(answer, answers)
        answers.flush()

    settings: Settings
    confinement: Confinement | None
    settings, confinement = pickle.load(parent)
    try:
        if confinement:
            confinement.enter()
    except UebenchError as error:
        with suppress(EOFError, OSError):  # the parent reads answers only after it has sent a task
            pickle.load(parent)
            tell("error", error)
        return
    stop = Stop(settings.limit)
    signal.signal(signal.SIGTERM, lambda *_: stop.ask())
    tasks: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
    at_work = threading.Event()
    threading.Thread(target=_read, args=(parent, tasks, at_work), daemon=True).start()
    try:
        _serve(settings, tasks, at_work, tell, stop)
    except (OutputClosed, BrokenPipeError):  # the parent died
        os._exit(1)
    if stop.asked:  # end with the exit code of the signal
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTERM)


def _read(parent: BinaryIO, tasks: queue.SimpleQueue[bytes | None], at_work: threading.Event) -> None:
    """Put the parent's tasks into the queue. If the parent dies during a task, end the process at once.

    Tasks are pickled twice, so that this thread does not import their plugins: if it failed, nobody would notice.
    """
    while True:
        try:
            task: bytes = pickle.load(parent)
        except (EOFError, OSError, pickle.UnpicklingError):  # the last if the parent died while writing
            if at_work.is_set():
                os._exit(1)
            tasks.put(None)
            return
        at_work.set()
        tasks.put(task)


def _serve(
    settings: Settings,
    tasks: queue.SimpleQueue[bytes | None],
    at_work: threading.Event,
    tell: Callable[..., None],
    stop: Stop,
) -> None:
    """Compute tasks and answer, until there are no more or the process is told to stop."""
    # Imported late: NumPy starts threads, and then Linux lets only root give up the network
    from uebench.executors.performer import Performer

    def progress(_: str) -> Progress:
        return lambda done, total, what: tell("progress", done, total, what)

    performer = Performer(settings, progress, stop)
    while (content := tasks.get()) and not stop.asked:
        answer = performer.answer(content)
        if stop.asked:
            return
        at_work.clear()
        tell(*answer)


if __name__ == "__main__":
    main()
