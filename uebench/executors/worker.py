"""``python -m uebench.executors.worker``: a process that computes the tasks that it reads, until there are no more.

It reads pickles of its parent's on stdin, first ``Settings`` and what to give up, then tasks, and answers on stdout;
nobody else can use either. What a plugin prints goes to stderr, and what it reads is empty.
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
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent answers Ctrl-C
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

    settings, confinement = _beginning(parent)
    try:
        if confinement:
            confinement.enter()
    except UebenchError as error:
        with suppress(EOFError, OSError):  # nobody reads the answer before the first task is sent, or ever
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
    if stop.asked:  # end as whoever sent the signal expects
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTERM)


def _beginning(parent: BinaryIO) -> tuple[Settings, Confinement | None]:
    beginning: tuple[Settings, Confinement | None] = pickle.load(parent)
    return beginning


def _read(parent: BinaryIO, tasks: queue.SimpleQueue[bytes | None], at_work: threading.Event) -> None:
    """Pass tasks on. When there are no more: end at once if the parent died in the middle of one.

    Tasks come as pickles of pickles, so that this thread, whose end nobody would notice, need not make sense of them.
    """
    while True:
        try:
            task: bytes = pickle.load(parent)
        except (EOFError, OSError, pickle.UnpicklingError):  # the last if the parent died while it was writing
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
    # Imports NumPy, which starts threads, and with those Linux lets no user but root give up the network
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
