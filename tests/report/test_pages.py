"""Every number on a page comes out of the committed record that it is about."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from scipy.stats import binom

from tests.conftest import ROOT
from tools.pages.committed import results
from tools.pages.pictures import PICTURES, draw, drawn_from
from tools.pages.quotes import PAGES, refreshed, unbound
from uebench.analysis.statistics import wilson
from uebench.report.files import mark
from uebench.report.text import accuracy, seconds
from uebench.store.record import Record
from uebench.store.store import Store


@pytest.mark.parametrize("page", PAGES)
def test_every_percentage_is_bound_to_records(page: str) -> None:
    assert not unbound((ROOT / page).read_text())


@pytest.mark.parametrize("page", PAGES)
def test_every_number_is_what_the_records_give(page: str) -> None:
    text = (ROOT / page).read_text()
    assert refreshed(text) == text, "make pages writes the numbers anew"


def test_two_numbers_that_changed_places_are_noticed() -> None:
    segue, lsp = "<!-- cell 1142b7b1 -->{}%", "<!-- cell 6fafde84 -->{}%"
    right = f"Segue {segue.format('18.0')}, LSP {lsp.format('40.5')}"
    assert refreshed(right) == right
    assert refreshed(f"Segue {segue.format('40.5')}, LSP {lsp.format('18.0')}") == right


def test_an_interval_is_that_of_the_table() -> None:
    records = [record for key, record in Store(results()).cells if record and record.key.startswith("1142b7b1")]
    low, high = wilson(records[0].counts.correct, records[0].counts.n)
    keys = "<!-- interval 1142b7b1 -->"
    assert refreshed(f"{keys}? to ?") == f"{keys}{100 * low:.1f} to {100 * high:.1f}"


def test_a_number_without_its_record_is_noticed() -> None:
    assert unbound("Segue leaves 18.0%, <!-- cell 6fafde84 -->40.5% and 3, 4.5 and 6% more") == [
        "18.0%",
        "3, 4.5 and 6%",
    ]
    assert not unbound("with its 95% interval, `labels=80%`, <!-- cell 6fafde84 -->40.5%")


def test_a_number_is_the_mean_of_one_method_against_one_attacker() -> None:
    with pytest.raises(AssertionError, match="cells of several methods"):
        refreshed("<!-- cell 1142b7b1 6fafde84 -->29.2%")


def test_the_page_of_results_says_how_many_cells_there_are_and_how_long_they_took() -> None:
    records = [record for _, record in Store(results()).cells if record]
    fits = {record.protect_key: record.timings.fit_seconds for record in records}
    hours = (sum(fits.values()) + sum(record.timings.train_seconds for record in records)) / 3600
    said = f"To compute the {len(records)} cells one after the other would take {hours:.0f} hours."
    assert said in (ROOT / "results" / "README.md").read_text()


@pytest.fixture(scope="module")
def committed() -> set[str]:
    """The marks of all committed records."""
    store = Store(results())
    cells = {mark(record) for _, record in store.cells if record}
    return cells | {mark(record) for _, record in store.protections if record}


@pytest.mark.parametrize("picture", sorted((ROOT / "docs").glob("*.png")), ids=lambda file: file.name)
def test_every_picture_is_drawn_from_committed_records(picture: Path, committed: set[str]) -> None:
    assert drawn_from(picture)
    assert not set(drawn_from(picture)) - committed


@pytest.mark.parametrize("picture", PICTURES)
def test_a_picture_shows_the_records_that_are_committed_today(picture: str, tmp_path: Path) -> None:
    draw(picture, tmp_path / "picture.png")
    assert drawn_from(ROOT / picture) == drawn_from(tmp_path / "picture.png"), "make pages draws it anew"


def test_a_mark_outlives_a_new_seal_and_not_another_count() -> None:
    (record, *_) = (record for _, record in Store(ROOT / "results").cells if record)
    provenance = record.provenance.model_copy(update={"sources": {"clean": "0"}, "finished": "later"})
    timings = record.timings.model_copy(update={"train_seconds": 1.0})
    again = record.model_copy(update={"provenance": provenance, "timings": timings})
    assert mark(again) == mark(record)
    other = record.counts.model_copy(update={"correct": record.counts.correct - 1})
    assert mark(record.model_copy(update={"counts": other})) != mark(record)


def test_the_output_of_make_run_in_the_readme_is_that_of_its_record() -> None:
    _, _, rest = (ROOT / "docs" / "make_run.json").read_bytes().partition(b"\n")
    record = Record.model_validate_json(b"{" + rest)
    row = next(line for line in (ROOT / "README.md").read_text().splitlines() if line.startswith(" orl_varied10"))
    peak = f"{100 * record.peak.share:.1f} (epoch {record.peak.epoch} of {record.training.epochs})"
    made = seconds(record.timings.fit_seconds + record.timings.protect_seconds)
    shown = [accuracy(record), peak, made, seconds(record.timings.train_seconds), record.key[:12]]
    assert [text for text in shown if text not in row] == []
    assert [record.data.name, record.written["method"], record.written["attacker"]] == row.split()[:3]


def test_what_the_best_of_40_epochs_is_at_chance() -> None:
    """About 15% of 190 photographs, or a seventh, as two pages say."""
    at_most = binom.cdf(range(190), 190, 0.1) ** 40
    assert float((1 - at_most).sum()) / 190 == pytest.approx(0.15, abs=0.005)


def test_a_visitors_own_cells_change_no_page(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """``make test`` passes after ``make run``, which leaves its cell in ``results``."""
    checkout = tmp_path / "checkout"
    (checkout / "results" / "cells").mkdir(parents=True)
    for name in ("committed", "own"):
        (checkout / "results" / "cells" / f"{name}.json").write_text("{}")
    for command in (["init", "--quiet"], ["add", "results/cells/committed.json"]):
        subprocess.run(["git", *command], cwd=checkout, check=True)
    monkeypatch.setattr("tools.pages.committed.ROOT", checkout)
    kept = results.__wrapped__()
    assert [file.name for file in kept.rglob("*.json")] == ["committed.json"]
    shutil.rmtree(checkout / ".git")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    assert results.__wrapped__() == checkout / "results"
