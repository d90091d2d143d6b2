"""The comparison of devices, with the CPU in the place of a GPU."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks import cuda
from benchmarks.suite import names
from tests.conftest import TINY
from tests.records import answered


def test_the_script_compares_a_grid_on_two_devices(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cuda, "fresh", lambda work, *args: work(*args))
    grid = cuda.Grid(methods=("clean",), attacker="resnet18(epochs=1)", data=TINY, seeds=1)
    assert cuda.main(["--device", "cpu", "--jobs", "0"], grid) == 0
    first, *rest = capsys.readouterr().out.splitlines()
    assert first.startswith("clean: device minus CPU +0.0 points [") and first.endswith("1 x 1 seeds: agree")
    assert [line.partition(":")[0] for line in rest] == ["CPU (cpu)", "device (cpu)", "device, 0 jobs (cpu)"]
    assert "cuda" not in names("benchmarks")


def test_a_difference_beyond_seeds_and_photographs_is_told() -> None:
    def runs(right: int, shift: int = 0) -> cuda.Measured:
        said = ([(n + shift) % 20 < right + seed for n in range(200)] for seed in range(3))
        return cuda.Measured(tuple(answered("lsp", one, seed=seed) for seed, one in enumerate(said)), 1.0)

    assert cuda.report(runs(10), runs(10, shift=9), runs(10), 2)[1]
    lines, is_well = cuda.report(runs(3), runs(15), runs(15), 2)
    assert not is_well and lines[0].endswith("DIFFER")
    fewer = cuda.Measured(runs(10).records[:2], 1.0)
    assert not cuda.report(runs(10), runs(10), fewer, 2)[1]
    with pytest.raises(ValueError, match="no cell of lsp"):
        cuda.agreement(runs(10).records, [])


def test_the_page_has_the_numbers_that_the_script_printed() -> None:
    root = Path(__file__).parents[2]
    printed, page = (root / "results" / "cuda.txt").read_text(), (root / "benchmarks" / "README.md").read_text()
    found = re.findall(r"^(.+): device minus CPU ([+-][\d.]+) points \[(-[\d.]+), ([\d.]+)\]", printed, re.MULTILINE)
    assert len(found) == len(cuda.METHODS)
    for method, value, low, high in found:
        assert f"| `{method}` | {value} [{low}, +{high}] |" in page
    seconds = re.findall(r"^device.*12 cells in (\d+) s", printed, re.MULTILINE)
    assert f"took {seconds[0]} s one after the other" in page and f"{seconds[1]} s with four processes" in page
    (peak,) = re.findall(r"at most (\d+) MiB", printed)
    assert f"{peak} MiB" in page
