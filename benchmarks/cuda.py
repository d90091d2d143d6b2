"""Does CUDA measure what the CPU does? The same small grid on both.

``python -m benchmarks``, which runs anywhere, leaves it out. ``python -m benchmarks.cuda`` computes the same cells on
the CPU, in a process for every two cores, and on the device, and says

- whether the accuracies of each method agree, by a paired test over seeds and photographs (5% over all methods, Holm);
- how many images a second the attacker trains on, and the most memory that tensors took on the device;
- whether ``--jobs N`` side by side on one device makes the same number of cells, and how long that takes.

It ends with exit code 1 if something differs. ``--device cpu`` tests the script itself.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import uebench
from benchmarks.processes import fresh
from uebench.analysis.runs import runs_of
from uebench.analysis.statistics import Difference, difference, holm
from uebench.evaluation.hardware import available_cores
from uebench.store.record import Record

METHODS = ("clean", "lsp", "ue(rounds=3, precision=float32)", "segue(weights=none, epochs=3, precision=float32)")
ATTACKER = "resnet18(epochs=6, precision=float32)"
DATA = "orl_varied"
SEEDS = 3


@dataclass(frozen=True)
class Measured:
    """What came of a grid on one device.

    Attributes:
        records: Of its cells.
        seconds: For all of it, the start of processes included.
        peak_mib: The most memory that tensors took on the device, in MiB; 0 on a CPU.
    """

    records: tuple[Record, ...]
    seconds: float
    peak_mib: float = 0.0


@dataclass(frozen=True)
class Grid:
    """The cells to compute: every method against one attacker."""

    methods: tuple[str, ...] = METHODS
    attacker: str = ATTACKER
    data: str = DATA
    seeds: int = SEEDS

    def on(self, device: str, jobs: int = 0) -> Measured:
        """Compute the cells into a fresh store: one after the other in this process, or by ``jobs`` processes."""
        import torch

        started = time.perf_counter()
        with tempfile.TemporaryDirectory() as store:
            result = uebench.run(
                self.methods, self.attacker, data=self.data, seed=range(self.seeds), preset="smoke", results=store,
                device=device, jobs=jobs, executor="processes" if jobs else "serial",
            )  # fmt: skip
        for cell in result.failed:
            sys.stderr.write(f"failed on {device}: {cell.spec.title}: {cell.reason}\n")
        on_gpu = device.startswith("cuda") and not jobs  # the memory of other processes is not seen from here
        peak = torch.cuda.max_memory_allocated(device) / 2**20 if on_gpu else 0.0
        return Measured(tuple(result.records), time.perf_counter() - started, peak)


def agreement(one: Sequence[Record], other: Sequence[Record]) -> dict[str, Difference]:
    """Return for each method how the accuracies of two devices differ, seeds and photographs paired.

    Raises:
        ValueError: If one of the two lacks the cells of a method.
    """
    names = dict.fromkeys(record.written["method"] for record in (*one, *other))
    sides = [{name: [r for r in records if r.written["method"] == name] for name in names} for records in (one, other)]
    if missing := [name for name in names if not all(side[name] for side in sides)]:
        raise ValueError(f"no cell of {', '.join(missing)}")
    first, second = sides
    return {name: difference(runs_of(first[name]), runs_of(second[name])) for name in names}


def report(cpu: Measured, device: Measured, together: Measured, jobs: int) -> tuple[list[str], bool]:
    """Return lines that say what was measured, and whether the device does what the CPU does."""
    lines, is_well = [], len(together.records) == len(device.records) == len(cpu.records)
    differences = agreement(device.records, cpu.records)
    p_values = holm([apart.p for apart in differences.values()])
    for (name, apart), p in zip(differences.items(), p_values, strict=True):
        agrees, low, high = p >= 0.05, 100 * apart.low, 100 * apart.high
        is_well = is_well and agrees
        lines.append(
            f"{name}: device minus CPU {100 * apart.value:+.1f} points [{low:.1f}, {high:.1f}], "
            f"{apart.seeds[0]} seeds: {'agree' if agrees else 'DIFFER'}"
        )
    for what, measured in (("CPU", cpu), ("device", device), (f"device, {jobs} jobs", together)):
        rate = median(record.timings.train_images_per_second for record in measured.records)
        where = measured.records[0].provenance.device
        peak = f", at most {measured.peak_mib:.0f} MiB on the device" if measured.peak_mib else ""
        lines.append(
            f"{what} ({where}): {len(measured.records)} cells in {measured.seconds:.0f} s, "
            f"{rate:.0f} training images/s in each{peak}"
        )
    return lines, is_well


def main(words: Sequence[str] | None = None, grid: Grid | None = None) -> int:
    """Compare the two, print the comparison, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cuda", description="The same grid on CPU and on CUDA.")
    parser.add_argument("--device", default="cuda", help="what to compare with the CPU [%(default)s]")
    parser.add_argument("--jobs", type=int, default=4, help="processes side by side on it [%(default)s]")
    parser.add_argument("--out", type=Path, help="also write the lines to this file")
    given, grid = parser.parse_args(words), grid or Grid()
    cpu, device = fresh(grid.on, "cpu", max(1, available_cores() // 2)), fresh(grid.on, given.device)
    together = fresh(grid.on, given.device, given.jobs)
    try:
        lines, is_well = report(cpu, device, together, given.jobs)
    except ValueError as error:
        lines, is_well = [str(error)], False
    text = "".join(f"{line}\n" for line in lines)
    sys.stdout.write(text)
    if given.out:
        given.out.write_text(text)
    return 0 if is_well else 1


if __name__ == "__main__":
    sys.exit(main())
