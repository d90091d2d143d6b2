"""The cores and devices of this machine."""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from uebench import cgroups
from uebench.cgroups import usable_memory
from uebench.errors import UsageError, text_of
from uebench.evaluation.gpu import jobs_in

if TYPE_CHECKING:
    import torch

DEVICES = ("auto", "cpu", "cuda")
NICENESS = 10
"""How much a process that is bound to cores lowers its priority."""
GIB_PER_PROCESS = 2
"""Memory for one process: a training with the preset ``desk`` needs less."""
DEV, WSL = Path("/dev"), Path("/usr/lib/wsl")
"""The device folder of Linux, and the driver folder of Windows in WSL 2, where all GPUs share one device."""


def available_cores() -> int:
    """Return the number of cores that this process may use: those it is bound to, or a container's limit if lower."""
    bound, granted = _bound_cores(), cgroups.cores()
    return bound if granted is None else max(1, min(bound, int(granted)))


def _bound_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def machine() -> str:
    """Return the description of this machine in records, without its name."""
    return f"{platform.system()} {platform.machine()}, {available_cores()} cores"


def bind(cores: int) -> None:
    """Bind this process, and its later threads and child processes, to some cores and lower its priority.

    The last usable cores are taken. This holds until the process ends.

    Args:
        cores: The number of cores.

    Raises:
        UsageError: If fewer cores are usable, or the system does not support this.
    """
    if not hasattr(os, "sched_setaffinity"):
        raise UsageError(f"cores {cores}: this system binds no process to cores; use fewer jobs instead")
    usable = sorted(os.sched_getaffinity(0))
    if cores > len(usable):
        raise UsageError(f"cores {cores}: only {len(usable)} can be used here; ask for fewer")
    os.sched_setaffinity(0, usable[-cores:])
    os.nice(NICENESS)


def suitable_jobs(cells: int, device: str, free: int | None = None) -> int:
    """Return the default number of processes: one per core on a CPU, ``gpu.jobs_in`` on a GPU.

    It is limited by the number of cells, and by half of the main memory if its size is known.

    Args:
        cells: All cells of the request, including finished ones, so that a resumed run uses as many as the first.
        device: See ``choose_device``.
        free: Bytes of free GPU memory; see ``gpu.jobs_in``.
    """
    if cells < 2:
        return 1
    memory, cores = usable_memory(), available_cores()
    fit = cells if memory is None else memory // 2 // (GIB_PER_PROCESS << 30)
    return max(1, min(cells, cores if on_cpu(device) else jobs_in(free, cores), fit))


def suitable_threads(jobs: int) -> int:
    """Return the number of threads for each of ``jobs`` processes; 0 for torch's default.

    torch looks only at the cores that the process is bound to. In a container with a lower limit, it would use too
    many threads.
    """
    is_set = jobs == 1 and "OMP_NUM_THREADS" in os.environ
    if jobs > 1 or (available_cores() < _bound_cores() and not is_set):
        return max(1, available_cores() // jobs)
    return 0


def on_cpu(device: str) -> bool:
    """Return whether a device name for ``choose_device`` means the CPU, without importing torch."""
    return device == "cpu" or (device == "auto" and not _has_cuda())


def check_device(name: str, *, elsewhere: bool = False) -> None:
    """Check the name of a device without importing torch; ``choose_device`` checks that the device works.

    Args:
        name: The name.
        elsewhere: Whether other machines compute, so that this one needs no such device.

    Raises:
        UsageError: If the name is none of ``auto``, ``cpu``, ``cuda`` and ``cuda:N``, or there is no CUDA device.
    """
    kind, _, number = text_of(name, "device").partition(":")
    if kind not in DEVICES or (number and not (kind == "cuda" and number.isdecimal())) or name.endswith(":"):
        raise UsageError(f"device {name!r}: unknown; use auto, cpu, cuda or cuda:1")
    if kind == "cuda" and not elsewhere and not _has_cuda():
        raise UsageError(f"device {name!r}: not available here; use auto or cpu")


def choose_device(name: str) -> torch.device:
    """Return the device with this name.

    Args:
        name: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.

    Raises:
        UsageError: If the name is unknown or the device is not available.
    """
    import torch

    check_device(name)
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError):
        raise UsageError(f"device {name!r}: not available here; use auto or cpu") from None
    return device


BFLOAT16 = frozenset({"avx512_bf16", "amx_bf16", "bf16"})
"""Linux's names of bfloat16 instructions, on x86 and on ARM."""


def has_bfloat16(device: str) -> bool:
    """Return whether computing in bfloat16 is fast on a device; True if this is unknown, to avoid wrong advice.

    Only Linux describes the processor. torch is not asked, because its import would take too long.

    Args:
        device: See ``choose_device``.
    """
    words = _cpu_words()
    is_known = on_cpu(device) and ("flags" in words or "Features" in words)
    return not is_known or not BFLOAT16.isdisjoint(words)


def _cpu_words() -> frozenset[str]:
    """Return the words in Linux's description of the processor; empty on other systems."""
    try:
        return frozenset(Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").split())
    except OSError:
        return frozenset()


def _has_cuda() -> bool:
    """Return whether there may be a CUDA device; unless torch is imported, this is inferred from the driver."""
    if "torch" in sys.modules:
        import torch

        return torch.cuda.is_available()
    if _hides_cuda(os.environ.get("CUDA_VISIBLE_DEVICES")) or _torch_is_for_cpus():
        return False
    if (DEV / "dxg").exists():
        return any(next(WSL.glob(pattern), None) for pattern in ("lib/libcuda.so*", "drivers/*/libcuda.so*"))
    return any(DEV.glob("nvidia[0-9]*")) or sys.platform == "win32"


def _hides_cuda(visible: str | None) -> bool:
    """Return whether ``CUDA_VISIBLE_DEVICES`` hides all devices: CUDA ignores what follows an invalid first name."""
    first = "0" if visible is None else visible.partition(",")[0].strip()
    return not (first[:1].isdecimal() or first.startswith(("GPU-", "MIG-")))


def _torch_is_for_cpus() -> bool:
    """Return whether the version of the installed torch says that it was built without CUDA."""
    try:
        return version("torch").endswith("+cpu")
    except PackageNotFoundError:
        return False
