"""What a container or a batch job is limited to, read from made files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from uebench import cgroups
from uebench.cgroups import usable_memory
from uebench.evaluation import hardware
from uebench.executors.choice import choose

GIB = 1 << 30


class System:
    """The files of a Linux: ``/proc/self`` and the mounted groups."""

    def __init__(self, root: Path) -> None:
        self.root, self.mounts = root, ["22 1 0:21 / /proc rw,nosuid - proc proc rw"]

    def group(self, *lines: str) -> None:
        (self.root / "cgroup").write_text("".join(f"{line}\n" for line in lines))

    def mount(self, name: str, kind: str, options: str, inside: str = "/") -> None:
        point = self.root / name
        self.mounts.append(f"31 22 0:28 {inside} {point} rw,relatime shared:9 - {kind} {kind} {options}")
        (self.root / "mountinfo").write_text("".join(f"{line}\n" for line in self.mounts))

    def file(self, name: str, content: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{content}\n")


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> System:
    """A machine of 64 cores and 256 GiB, whose groups are files in a folder; there are none yet."""
    monkeypatch.setattr(cgroups, "PROC", tmp_path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)), raising=False)
    monkeypatch.setattr(os, "sysconf", {"SC_PHYS_PAGES": 256 << 18, "SC_PAGE_SIZE": 4096}.__getitem__, raising=False)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    return System(tmp_path)


def limits() -> tuple[int, int]:
    """Return cores, and memory in GiB."""
    memory = usable_memory()
    assert memory is not None
    return hardware.available_cores(), memory // GIB


def test_without_groups_there_is_the_whole_machine(system: System) -> None:
    assert (cgroups.cores(), cgroups.memory()) == (None, None)
    assert limits() == (64, 256)


def test_a_container_sees_its_limits_at_the_root_of_version_2(system: System) -> None:
    system.group("0::/")
    system.mounts.append("30 22 0:27 / /x rw,relatime shared:8 - tmpfs  rw,size=1k")  # mounted without a source
    system.mount("fs", "cgroup2", "rw")
    system.file("fs/cpu.max", "200000 100000")
    system.file("fs/memory.max", str(8 * GIB))
    assert limits() == (2, 8)
    assert hardware.suitable_jobs(50, "cpu") == 2
    assert choose("processes").options.threads(50, 0, "cpu") == 1


def test_the_lowest_limit_of_the_own_group_and_its_parents_holds(system: System) -> None:
    system.group("0::/job.slice/step/task")
    system.mount("fs", "cgroup2", "rw,nsdelegate")
    for folder, cpu, memory in (
        ("job.slice/step/task", "max 100000", "max"),
        ("job.slice/step", "800000 100000", str(64 * GIB)),
        ("job.slice", "1600000 100000", str(32 * GIB)),
        ("elsewhere", "100000 100000", str(GIB)),
    ):
        system.file(f"fs/{folder}/cpu.max", cpu)
        system.file(f"fs/{folder}/memory.max", memory)
    assert limits() == (8, 32)


@pytest.mark.parametrize("seen_as", ["/docker/4f2a", "/"])
def test_version_1_has_a_group_for_each_controller_which_the_container_may_see_as_the_root(
    system: System, seen_as: str
) -> None:
    system.group("4:memory:/docker/4f2a", "3:cpu,cpuacct:/docker/4f2a", "1:name=systemd:/docker/4f2a", "0::/")
    system.mount("cpu", "cgroup", "rw,cpu,cpuacct", seen_as)
    system.mount("memory", "cgroup", "rw,memory", seen_as)
    folder = "/docker/4f2a" if seen_as == "/" else ""
    system.file(f"cpu{folder}/cpu.cfs_quota_us", "350000")
    system.file(f"cpu{folder}/cpu.cfs_period_us", "100000")
    system.file(f"memory{folder}/memory.limit_in_bytes", str(4 * GIB))
    system.file("memory/memory.limit_in_bytes" if folder else "memory/of/another", "9223372036854771712")
    assert limits() == (3, 4)


@pytest.mark.parametrize(("quota", "cores"), [("max 100000", 64), ("50000 100000", 1), ("9900000 100000", 64)])
def test_a_share_of_a_core_is_one_core_and_no_limit_is_all_of_them(system: System, quota: str, cores: int) -> None:
    system.group("0::/")
    system.mount("fs", "cgroup2", "rw")
    system.file("fs/cpu.max", quota)
    assert limits() == (cores, 256)


def test_what_is_not_there_or_makes_no_sense_limits_nothing(system: System) -> None:
    system.group("7:cpu:/gone", "5:memory:/../above", "0::/gone/too")
    system.mount("cpu", "cgroup", "rw,cpu")
    system.mount("memory", "cgroup", "rw,memory", "/pod")
    system.mount("fs", "cgroup2", "rw")
    system.file("cpu/cpu.cfs_quota_us", "-1")
    system.file("cpu/cpu.cfs_period_us", "100000")
    system.file("memory/memory.limit_in_bytes", "")
    system.file("fs/cpu.max", "many")
    system.file("above/memory.limit_in_bytes", str(GIB))
    assert limits() == (64, 256)


def test_one_process_in_a_container_has_as_many_threads_as_cores_unless_told(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    processes = choose("processes").options
    assert processes.threads(1, 1, "cpu") == 0
    system.group("0::/")
    system.mount("fs", "cgroup2", "rw")
    system.file("fs/cpu.max", "200000 100000")
    assert processes.threads(1, 1, "cpu") == 2
    assert choose("serial").options.threads(1, 1, "cpu") == 0  # the caller's own process
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert processes.threads(1, 1, "cpu") == 0
