"""Limits for a process that runs plugins by other people: its memory and, if the system allows it, no network.

``python -m uebench.executors.confinement`` ends with exit code 0 if this system lets a process give up the network.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from uebench.errors import UebenchError
from uebench.executors.import_path import import_path

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
"""Flags of Linux's ``unshare`` for user and network namespaces."""


MARK = "UEBENCH_ISOLATED"
"""The environment variable of a confined process, by which its child processes are found."""


@dataclass(frozen=True)
class Confinement:
    """The limits of a process.

    Attributes:
        memory: GiB of address space; None for no limit.
        gives_up_network: Whether it is an error if the process keeps the network.
    """

    memory: float | None = None
    gives_up_network: bool = False

    def enter(self) -> None:
        """Apply the limits to this process and its later child processes, for good. It must have only one thread.

        Raises:
            UebenchError: If the system refuses the memory limit, or if the network cannot be given up and
                ``gives_up_network`` is set.
        """
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if self.memory:
            try:
                limit = int(self.memory * 2**30)
                resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
            except (ValueError, OverflowError, OSError):
                raise UebenchError(
                    f"executor 'isolated': memory={self.memory:g} is more than this system allows; give less"
                ) from None
        if not give_up_network() and self.gives_up_network:
            raise UebenchError(
                "executor 'isolated': a process kept the network, though this system lets processes give it up; run "
                "again, or use processes if you trust the plugins"
            )


def give_up_network() -> bool:
    """Move this process into an empty network namespace; return whether the system allowed it.

    It also gets a new user namespace, so that even root cannot go back. Where user namespaces are disabled, root can
    still give up the network.
    """
    if not sys.platform.startswith("linux"):
        return False
    import ctypes

    unshare = ctypes.CDLL(None, use_errno=True).unshare
    user, group = os.getuid(), os.getgid()
    if unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0:
        maps = {"setgroups": "deny", "uid_map": f"{user} {user} 1", "gid_map": f"{group} {group} 1"}
        for name, content in maps.items():  # the process keeps its user
            with suppress(OSError):
                Path("/proc/self", name).write_text(content)
        return True
    return bool(unshare(CLONE_NEWNET) == 0)


def kill_marked(mark: str) -> None:
    """Kill the processes whose environment has this ``MARK``, also those that left their process group.

    Where the system does not list processes as Linux does, nothing happens.
    """
    wanted = f"{MARK}={mark}".encode()
    for _ in range(100):  # a process may start another one while they are killed
        marked = [int(process.name) for process in Path("/proc").glob("[0-9]*") if wanted in _environment(process)]
        for process in marked:
            with suppress(OSError):
                os.kill(process, signal.SIGKILL)
        if not marked:
            return
        time.sleep(0.01)


def _environment(process: Path) -> list[bytes]:
    try:
        return (process / "environ").read_bytes().split(b"\0")  # empty if it is dead and not collected yet
    except OSError:
        return []


@cache
def can_give_up_network() -> bool:
    """Return whether ``give_up_network`` succeeds in another process."""
    command = [sys.executable, "-P", "-m", "uebench.executors.confinement"]
    return subprocess.run(command, env=os.environ | {"PYTHONPATH": import_path()}, check=False).returncode == 0


if __name__ == "__main__":
    sys.exit(not give_up_network())
