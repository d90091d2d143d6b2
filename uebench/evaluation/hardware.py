"""The cores and devices of this machine."""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from uebench import cgroups
from uebench.data.memory import usable_memory
from uebench.errors import UsageError
from uebench.evaluation.gpu import jobs_in

if TYPE_CHECKING:
    import torch

DEVICES = ("auto", "cpu", "cuda")
NICENESS = 10
"""How far a process that is bound to cores stands back for others on them."""
GIB_PER_PROCESS = 2
"""What a training at ``desk`` takes, with room to spare."""
DEV, WSL = Path("/dev"), Path("/usr/lib/wsl")
"""Where Linux has its devices; and where Windows puts its drivers in WSL 2, whose one device is that of any GPU."""


def available_cores() -> int:
    """Return the cores that this process may use: those that it is bound to, or as many as a container grants."""
    bound, granted = _bound_cores(), cgroups.cores()
    return bound if granted is None else max(1, min(bound, int(granted)))


def _bound_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def machine() -> str:
    """Return what records say of this machine: never its name."""
    return f"{platform.system()} {platform.machine()}, {available_cores()} cores"


def bind(cores: int) -> None:
    """Keep this process, and all threads and processes that it starts later, to so many cores and at low priority.

    It takes the last ones of those that it may use. Nothing undoes this before the process ends.

    Raises:
        UsageError: If there are fewer, or the system cannot do this.
    """
    if not hasattr(os, "sched_setaffinity"):
        raise UsageError(f"cores {cores}: this system binds no process to cores; use fewer jobs instead")
    usable = sorted(os.sched_getaffinity(0))
    if cores > len(usable):
        raise UsageError(f"cores {cores}: only {len(usable)} can be used here; ask for fewer")
    os.sched_setaffinity(0, usable[-cores:])
    os.nice(NICENESS)


def suitable_jobs(cells: int, device: str, free: int | None = None) -> int:
    """Return how many processes to use where the user does not say: one per core on a CPU, ``gpu.jobs_in`` on a GPU.

    Fewer where there are fewer cells, or where half of the memory, if the system says how much there is, is less than
    they take.

    Args:
        cells: All cells of the request, finished ones included, so that a resumed run uses as many as the first.
        device: As ``choose_device`` takes it.
        free: Of a GPU, as ``gpu.jobs_in`` takes it.
    """
    if cells < 2:
        return 1
    memory, cores = usable_memory(), available_cores()
    fit = cells if memory is None else memory // 2 // (GIB_PER_PROCESS << 30)
    return max(1, min(cells, cores if on_cpu(device) else jobs_in(free, cores), fit))


def suitable_threads(jobs: int) -> int:
    """Return how many threads each of so many processes should have; 0 leaves it to torch.

    torch asks which cores it is bound to, and so takes all cores of the machine in a container that grants only some.
    """
    is_told = jobs == 1 and "OMP_NUM_THREADS" in os.environ
    if jobs > 1 or (available_cores() < _bound_cores() and not is_told):
        return max(1, available_cores() // jobs)
    return 0


def on_cpu(device: str) -> bool:
    """Return whether a device, named as ``choose_device`` takes it, is the CPU; without torch."""
    return device == "cpu" or (device == "auto" and not _has_cuda())


def check_device(name: str) -> None:
    """Refuse a device of a kind that there is not, without torch; ``choose_device`` tries it.

    Raises:
        UsageError: If the name is none of ``auto``, ``cpu``, ``cuda`` and ``cuda:N``.
    """
    kind, _, number = name.partition(":")
    if kind not in DEVICES or (number and not (kind == "cuda" and number.isdecimal())) or name.endswith(":"):
        raise UsageError(f"device {name!r}: unknown; use auto, cpu, cuda or cuda:1")
    if kind == "cuda" and not _has_cuda():
        raise UsageError(f"device {name!r}: not available here; use auto or cpu")


def choose_device(name: str) -> torch.device:
    """Return the device that ``name`` stands for.

    Raises:
        UsageError: If it is not here.
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
"""How Linux calls instructions that compute in bfloat16, on x86 and on ARM."""
ASK_TORCH = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
"""What torch answers about such instructions, in the versions that have these functions."""


def has_bfloat16(device: str) -> bool:
    """Return whether computing in bfloat16 is fast on a device, as far as this can be known.

    Without torch on Linux, where importing it would take longer than the question is worth. What is not known counts
    as fast, because an advice must not be wrong.

    Args:
        device: As ``choose_device`` takes it.
    """
    if not on_cpu(device):
        return True
    words = _cpu_words()
    if "flags" in words or "Features" in words:
        return not BFLOAT16.isdisjoint(words)
    return _torch_knows_bfloat16()


def _cpu_words() -> frozenset[str]:
    """Return the words by which Linux describes the processor; none elsewhere."""
    try:
        return frozenset(Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").split())
    except OSError:
        return frozenset()


def _torch_knows_bfloat16() -> bool:
    """Return what torch says of the processor; yes where it has no answer, as on ARM and in other versions."""
    import torch

    if platform.machine().lower() not in ("x86_64", "amd64"):
        return True
    try:
        answers = [getattr(torch.cpu, name)() for name in ASK_TORCH]
    except (AttributeError, RuntimeError):
        return True
    return any(answers)


def _has_cuda() -> bool:
    """Return whether there may be a CUDA device: by its driver, where torch is not imported yet."""
    if "torch" in sys.modules:
        import torch

        return torch.cuda.is_available()
    if _hides_cuda(os.environ.get("CUDA_VISIBLE_DEVICES")) or _torch_is_for_cpus():
        return False
    if (DEV / "dxg").exists():
        return any(next(WSL.glob(pattern), None) for pattern in ("lib/libcuda.so*", "drivers/*/libcuda.so*"))
    return any(DEV.glob("nvidia[0-9]*")) or sys.platform == "win32"


def _hides_cuda(visible: str | None) -> bool:
    """Return whether ``CUDA_VISIBLE_DEVICES`` names none: what follows the first name that is none is not read."""
    first = "0" if visible is None else visible.partition(",")[0].strip()
    return not (first[:1].isdecimal() or first.startswith(("GPU-", "MIG-")))


def _torch_is_for_cpus() -> bool:
    """Return whether the torch that is installed says of itself that it was built without CUDA."""
    try:
        return version("torch").endswith("+cpu")
    except PackageNotFoundError:
        return False
