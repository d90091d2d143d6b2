"""What the control groups of this process leave it of the machine: Linux limits containers and batch jobs by them.

A process is in one group of cgroup v2, or in one for each controller of v1, or both. Every parent limits its children
too. Whatever cannot be read limits nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

PROC = Path("/proc/self")
"""Where Linux says which groups this process is in, and where their files are."""


def cores() -> float | None:
    """Return how many cores this process may keep busy at once, such as 1.5, or None if no group limits that."""
    return min(filter(None, map(_cores, _folders("cpu"))), default=None)


def memory() -> int | None:
    """Return how many bytes of memory this process may take with the others of its group, or None without a limit."""
    return min(filter(None, map(_memory, _folders("memory"))), default=None)


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
    """Yield the folders of the own group and of its parents, as far up as they can be seen from here."""
    groups: dict[str, Path] = {}
    for line in _lines(PROC / "cgroup"):
        _, controllers, path = line.split(":", 2)
        groups.update(dict.fromkeys(controllers.split(","), Path(path)))  # v2 names no controllers
    for line in _lines(PROC / "mountinfo"):
        mount, _, system = line.partition(" - ")
        root, point = map(Path, mount.split()[3:5])
        kind, _, options = system.split()[:3]
        if kind == "cgroup2":
            group = groups.get("")
        elif kind == "cgroup" and controller in options.split(","):
            group = groups.get(controller)
        else:
            continue
        if group is None:
            continue
        # A container may see its own group, under another name, as the root
        inside = group.relative_to(root) if group.is_relative_to(root) and ".." not in group.parts else Path()
        yield from (point / part for part in (inside, *inside.parents))


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []


def _words(file: Path) -> list[str]:
    return " ".join(_lines(file)).split()
