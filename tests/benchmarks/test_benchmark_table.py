"""``python -m benchmarks``: figures in a JSON file and in the tables of a page, each benchmark's own."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks import suite
from benchmarks.__main__ import main

COMPARED = '''"""Two ways to wait."""
from benchmarks.timing import Comparison
def measure(quick):
    theirs = 4.0 if quick else 1.0
    return [Comparison("waiting", 0.5, theirs, theirs / 0.5, 1.5, 2.5, 3, 1.2, f"quick={quick}")]
'''
OWN = '''"""A table of its own."""
def measure(quick): return [{"x": 7}]
def table(rows): return f"x is {rows[0]['x']}"
def picture(rows, file): file.write_text(str(rows))
'''
BROKEN = '"""Breaks."""\ndef measure(quick): raise ValueError("no\\nway")\n'

Bench = Callable[..., int]


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """Run the benchmarks of a made-up package, in this process unless the test says otherwise."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    package = tmp_path / f"package_of_{tmp_path.name}"
    package.mkdir()
    sources = {"__init__": "", "broken": BROKEN, "compared": COMPARED, "own": OWN, "helper": ""}
    for name, source in sources.items():
        (package / f"{name}.py").write_text(source)
    (tmp_path / "page.md").write_text(f"before\n{suite.BEGIN}\nold\n{suite.END}\nafter\n")

    def call(*words: str, fresh: bool = False) -> int:
        if not fresh:
            monkeypatch.setattr("benchmarks.__main__.fresh", lambda work, *args: work(*args))
        return main([*words, "--out", "bench.json", "--page", "page.md"], package.name)

    return call


def figures() -> Any:  # noqa: ANN401
    return json.loads(Path("bench.json").read_text())


def test_figures_stand_in_the_json_and_between_the_markers(bench: Bench) -> None:
    assert bench("compared", "own", "--quick") == 0
    kept = figures()["compared"]
    assert kept["quick"] is True
    assert kept["rows"][0]["remark"] == "quick=True"
    assert "torch" in kept["provenance"]["versions"]
    page = Path("page.md").read_text()
    assert page.startswith("before\n") and page.endswith("after\n") and "old" not in page
    assert "| waiting | 0.5 " in page and "8.00 [1.50, 2.50]" in page and "Two ways to wait." in page
    assert "x is 7" in page and "![A table of its own.](own.png)" in page
    assert Path("own.png").read_text() == "[{'x': 7}]"


def test_one_name_replaces_only_its_own_lines(bench: Bench) -> None:
    assert bench("own", "compared") == 0
    before = figures()
    assert bench("compared", "--quick") == 0
    assert figures()["own"] == before["own"]
    assert figures()["compared"]["rows"][0]["theirs"] == 4.0
    page = Path("page.md").read_text()
    assert page.count("\n## ") == 2 and "8.00 [" in page and "2.00 [" not in page and "x is 7" in page


def test_a_benchmark_that_fails_is_reported_and_does_not_stop_the_others(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench(fresh=True) == 1
    assert "broken failed: ValueError: no way" in capsys.readouterr().err
    assert list(figures()) == ["compared", "own"]
    assert not [name for name in sys.modules if name.endswith(".broken")]


def test_an_unknown_name_is_refused_with_those_there_are(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        bench("helper")
    assert "unknown benchmark 'helper'; there are broken, compared, own" in capsys.readouterr().err
