from __future__ import annotations

from pathlib import Path

import pytest

import uebench as package
from tests.conftest import ROOT, TINY, Command
from tests.executors.test_failures import doing
from tests.studies import measured, written
from uebench.report.files import mark
from uebench.store.store import Store

pytestmark = pytest.mark.usefixtures("small_networks")

SMALL = f"""
title = "Small"
preset = "smoke"
data = ["{TINY}"]
attacker = ["resnet18"]
method = [{{ name = "Patches", method = "lsp" }}, {{ name = "Rogue", method = "rogue" }}]
"""


def test_a_study_is_computed_shown_and_not_computed_again(uebench: Command, tmp_path: Path) -> None:
    file, plugin = written(tmp_path, SMALL), doing("raise ValueError('no')", tmp_path / "rogue.py")
    planned = uebench("study", "run", file, "--plugin", plugin, "--dry-run", "--json")
    assert [one["status"] for one in planned.json] == ["to do"] * 3
    assert not (tmp_path / "results" / "cells").exists()
    first = uebench("study", "run", file, "--plugin", plugin)
    assert first.code == 1
    assert "failed: synthetic3: rogue vs resnet18, seed 0: ValueError in rogue.py:6: no" in first.err
    (patches,) = [line for line in first.out.splitlines() if line.startswith("Patches ")]
    assert " [" in patches and patches.endswith("1 x 1")
    assert (
        "gap: Rogue against resnet18 on synthetic(" in first.out and "failed: ValueError in rogue.py:6: no" in first.out
    )
    again = uebench("study", "run", file, "--plugin", plugin, "--json")
    assert "2 of 3 already done" in again.err
    assert [row["method"] for row in again.json["rows"]] == ["clean reference", "Patches", "Rogue"]
    assert uebench("study", "table", file, "--plugin", plugin).out == first.out


def test_a_saved_grid_is_a_study_and_names_its_plugins(uebench: Command, tmp_path: Path) -> None:
    plugin, grid = doing("pass", tmp_path / "rogue.py"), tmp_path / "grid.toml"
    words = ("--method", "rogue", "--attacker", "resnet18", "--data", TINY, "--preset", "smoke", "--with-clean")
    asked = uebench("run", *words, "--plugin", plugin, "--save", grid, "--dry-run", "--json")
    assert f'plugin = [\n    "{plugin}",\n]' in grid.read_text()
    planned = uebench("study", "run", grid, "--dry-run", "--json")
    assert planned.code == 0, planned.err
    assert {cell["key"] for cell in planned.json} == {cell["key"] for cell in asked.json}


def test_a_saved_grid_of_all_plugins_is_a_study_of_them(uebench: Command, tmp_path: Path) -> None:
    grid = tmp_path / "grid.toml"
    words = ("--attacker", "all+jpeg", "--attacker", "knn", "--method", "all", "--data", TINY, "--preset", "smoke")
    asked = uebench("run", *words, "--with-clean", "--save", grid, "--dry-run", "--json")
    assert asked.code == 0, asked.err
    planned = uebench("study", "run", grid, "--dry-run", "--json")
    assert planned.code == 0, planned.err
    assert {cell["key"] for cell in planned.json} == {cell["key"] for cell in asked.json}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = written(tmp_path)
    measured(file, Store(tmp_path / "results"))
    return file


def test_tables_figures_and_a_page_are_written(uebench: Command, file: Path, tmp_path: Path) -> None:
    answer = uebench("study", "table", file, "--out", tmp_path / "t.tex")
    assert (answer.code, answer.err) == (0, f"uebench: {tmp_path / 't.tex'}: written\n")
    assert r"\begin{tabular}" in (tmp_path / "t.tex").read_text()
    assert "\\toprule" in uebench("study", "table", file, "--format", "tex").out
    for kind in ("bars", "matrix"):
        answer = uebench("study", "figure", file, "--kind", kind, "--out", tmp_path / f"{kind}.svg")
        assert answer.code == 0, answer.err
        assert ".svg: drawn from " in answer.err
        drawn = (tmp_path / f"{kind}.svg").read_text()
        (record, *_) = (record for _, record in Store(tmp_path / "results").cells if record)
        assert mark(record) in drawn
    answer = uebench("study", "report", file, "--html", tmp_path / "out.html")
    assert "90 records" in answer.err
    page = (tmp_path / "out.html").read_text()
    assert "<h1>Two protections &amp; 100% _care_</h1>" in page
    assert "Noise_1 #2" in page and "Made up" in page and "classwise" not in page.partition("<article")[0]
    assert "random(noise=classwise)&#39; --attacker resnet18" in page


@pytest.mark.parametrize(
    ("args", "code", "complaint"),
    [
        (("table", "--format", "pdf"), 2, "format 'pdf': unknown"),
        (("table", "--format", "parquet"), 2, "not a text format; name a file"),
        (("table", "--out", "t.doc"), 2, "end the name with"),
        (("table", "--out", "gone/t.md"), 4, "create it first"),
        (("figure", "--out", "f.gif"), 2, "end the name with .png, .svg or .pdf"),
        (("figure", "--out", "f.png", "--kind", "bar"), 2, "figure 'bar': unknown; did you mean 'bars'"),
        (("report", "--html", "out.txt"), 2, "end the name with .html or .htm"),
        (("table", "--data", "orl", "--data", "orl"), 2, "data 'orl': 'orl' is given twice; give it once"),
        (("table", "--json", "--out", "t.md"), 2, "--json: shows the table and writes no file"),
        (("figure", "--out", "f.png"), 2, "bars: no finished cell to draw; uebench study run computes them"),
        (("figure", "--out", "f.png", "--kind"), 2, "requires an argument; uebench study figure -h explains"),
        (("report", "--html"), 2, "requires an argument; uebench study report -h explains"),
    ],
)
def test_wrong_requests_are_refused(
    uebench: Command, tmp_path: Path, args: tuple[str, ...], code: int, complaint: str
) -> None:
    answer = uebench("study", args[0], written(tmp_path), *args[1:])
    assert answer.code == code
    assert complaint in answer.complaint


def test_a_page_of_a_study_says_how_many_cells_are_missing(uebench: Command, tmp_path: Path) -> None:
    answer = uebench("study", "report", written(tmp_path), "--html", tmp_path / "out.html")
    assert answer.code == 0
    assert "0 records of" in answer.err and "90 cells missing: uebench study run computes" in answer.err


def test_the_example_can_be_planned(uebench: Command) -> None:
    answer = uebench("study", "run", ROOT / "examples" / "two_protections.toml", "--dry-run", "--json")
    assert answer.code == 0, answer.err
    assert len(answer.json) == 16
    assert {one["status"] for one in answer.json} == {"to do"}


def test_a_study_of_the_package_is_listed_planned_and_shown_by_its_name(uebench: Command) -> None:
    listed = {one["name"]: one["about"] for one in uebench("list", "studies", "--json").json["studies"]}
    assert {"apbench", "today"} <= listed.keys()
    answer = uebench("study", "run", "today", "--results", ROOT / "results", "--dry-run", "--json")
    assert answer.code == 0, answer.err
    assert len(answer.json) == 64
    shown = uebench("study", "table", "today", "--results", ROOT / "results").out
    (line,) = [one for one in shown.partition("relative")[0].splitlines() if " UE " in one]
    assert " 27.6 [15.7, 43.8]" in line
    assert "PSNR, dB" in shown


def test_the_data_set_that_a_study_leaves_open_is_given(uebench: Command, tmp_path: Path) -> None:
    answer = uebench("study", "table", "apbench")
    assert answer.code == 2
    assert answer.complaint.startswith("uebench: study apbench: which data set is 'CIFAR-10'? add --data SET")
    answer = uebench("study", "report", "apbench", "--data", "CIFAR=synthetic", "--html", "p.html")
    assert "study apbench leaves 1 data set open; write NAME=SET; did you mean 'CIFAR-10'?" in answer.complaint
    shown = uebench("study", "table", "apbench", "--data", "synthetic(identities=10)", "--format", "csv").out
    assert "github.com/apbench/apbench.github.io" in shown
    file = written(tmp_path, SMALL.replace(f'["{TINY}"]', '[{ name = "Faces" }]').replace("rogue", "random"))
    planned = uebench("study", "run", file, "--data", TINY, "--dry-run", "--json")
    assert [one["status"] for one in planned.json] == ["to do"] * 3
    study = package.study(file, data=TINY, results=tmp_path / "results")
    assert study.summary()["data"].unique().tolist() == ["Faces"]


def test_python_gives_the_names_of_the_study_and_looks_again_after_a_run(tmp_path: Path) -> None:
    file = written(tmp_path, SMALL.replace(', { name = "Rogue", method = "rogue" }', ""))
    study = package.study(file, results=tmp_path / "results")
    assert study.summary()["runs"].tolist() == [0, 0]
    assert len(study.plan().cells) == 2
    assert study.run(executor="serial").records.frame()["method_label"].tolist() == ["clean", "lsp"]
    assert study.frame()["method_label"].tolist() == ["clean reference", "Patches"]
    assert study.summary()["runs"].tolist() == [1, 1]
    assert "Patches" in study.table("md")
    with pytest.raises(package.errors.UsageError, match="figure 'pie': unknown"):
        study.figure("pie")


def test_a_study_finds_its_plugins_beside_it(uebench: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = written(tmp_path, SMALL)
    doing("pass", tmp_path / "rogue.py")
    file.write_text('plugin = ["rogue.py"]\n' + file.read_text())
    monkeypatch.chdir(Path("/"))
    planned = uebench("study", "run", file, "--dry-run", "--json", "--results", tmp_path / "results")
    assert planned.code == 0, planned.err
