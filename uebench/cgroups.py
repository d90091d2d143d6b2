"""What this process may use: the machine, and the control groups by which Linux limits containers and batch jobs.

A process is in one group of cgroup v2, in one group per controller of cgroup v1, or in both. The limits of a group's
parents apply too. Files that cannot be read count as no limit.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

PROC = Path("/proc/self")
"""The folder in which Linux lists the groups of this process and where they are mounted."""


def cores() -> float | None:
    """Return the number of cores that this process may use at once, such as 1.5, or None without a limit."""
    return min(filter(None, map(_cores, _folders("cpu"))), default=None)


def memory() -> int | None:
    """Return the bytes of memory that this process may use together with its group, or None without a limit."""
    return min(filter(None, map(_memory, _folders("memory"))), default=None)


def usable_memory() -> int | None:
    """Return the bytes of memory that this process may use, or None if the system does not tell.

    This is the memory of the machine, or the limit of a container or batch job if that is lower.
    """
    limit = memory()
    try:
        installed = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return limit
    return installed if limit is None else min(installed, limit)


def _cores(folder: Path) -> float | None:
    words = _words(folder / "cpu.max") or [*_words(folder / "cpu.cfs_quota_us"), *_words(folder / "cpu.cfs_period_us")]
    try:
        quota, period = map(int, words)
    except ValueError:  # "max", or no such file
        return None
    return quota / period if quota > 0 and period > 0 else None


def _memory(folder: Path) -> int | None:
    words = _words(folder / "memory.max") or _words(folder / "memory.limit_in_bytes")
    return int(words[0]) if len(words) == 1 and words[0].isdecimal() else None


def _folders(controller: str) -> Iterator[Path]:
    """Yield the folders of the process's group and of those of its parents that are visible from here."""
    groups: dict[str, Path] = {}
    for line in _lines(PROC / "cgroup"):
        _, controllers, path = line.split(":", 2)
        groups.update(dict.fromkeys(controllers.split(","), Path(path)))  # v2 names no controllers
    for line in _lines(PROC / "mountinfo"):
        mount, _, system = line.partition(" - ")
        root, point = map(Path, mount.split()[3:5])
        kind, _, options = system.split(" ")[:3]  # the source may be empty
        if kind == "cgroup2":
            group = groups.get("")
        elif kind == "cgroup" and controller in options.split(","):
            group = groups.get(controller)
        else:
            continue
        if group is None:
            continue
        # A container may see its own group, under another name, as the root
        relative = group.relative_to(root) if group.is_relative_to(root) and ".." not in group.parts else Path()
        yield from (point / part for part in (relative, *relative.parents))


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []


def _words(file: Path) -> list[str]:
    return " ".join(_lines(file)).split()
