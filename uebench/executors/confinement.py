"""What a process gives up before it runs a plugin of somebody else: memory, and the network where the system lets it.

``python -m uebench.executors.confinement`` ends with exit code 0 if this system lets a process give up the network.
"""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from uebench.errors import UebenchError

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
"""Flags of Linux's ``unshare``: name spaces of users, and of the network."""


@dataclass(frozen=True)
class Confinement:
    """What a process may take.

    Attributes:
        memory: GiB of address space; None for no limit.
        gives_up_network: Whether the network must be given up; that it stays is then an error.
    """

    memory: float | None = None
    gives_up_network: bool = False

    def enter(self) -> None:
        """Confine this process and those that it starts. Nothing undoes this; no thread may be running yet.

        Raises:
            UebenchError: If the network stays, and must not.
        """
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if self.memory:
            limit = int(self.memory * 2**30)
            resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        if not give_up_network() and self.gives_up_network:
            raise UebenchError(
                "executor 'isolated': a process kept the network, though this system lets processes give it up; run "
                "again, or use processes if you trust the plugins"
            )


def give_up_network() -> bool:
    """Move this process into a network of its own, in which there is nothing; return whether the system lets it.

    In a user name space of its own, even root cannot go back. Where there are none, root gives up the network alone.
    """
    if not sys.platform.startswith("linux"):
        return False
    import ctypes

    unshare = ctypes.CDLL(None, use_errno=True).unshare
    user, group = os.getuid(), os.getgid()
    if unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0:
        maps = {"setgroups": "deny", "uid_map": f"{user} {user} 1", "gid_map": f"{group} {group} 1"}
        for name, content in maps.items():  # whoever the user was, it still is
            with suppress(OSError):
                Path("/proc/self", name).write_text(content)
        return True
    return bool(unshare(CLONE_NEWNET) == 0)


@cache
def can_give_up_network() -> bool:
    """Return whether ``give_up_network`` would succeed, tried in another process."""
    words = [sys.executable, "-P", "-m", "uebench.executors.confinement"]
    paths = os.pathsep.join(path or os.getcwd() for path in sys.path)  # noqa: PTH109
    return subprocess.run(words, env=os.environ | {"PYTHONPATH": paths}, check=False).returncode == 0


if __name__ == "__main__":
    sys.exit(not give_up_network())
