"""Every figure on a page comes out of a committed record."""

from __future__ import annotations

import re
import subprocess
from collections import defaultdict
from pathlib import Path
from statistics import fmean

import pytest
from PIL import Image

from tests.conftest import ROOT
from tests.pages import PAGES, QUOTED, refreshed
from uebench.hashing import canonical
from uebench.report.files import mark
from uebench.store.store import Store

NOT_MEASURED = {"95", "90", "80", "60"}
"""Percentages that are no accuracies: of intervals and of true labels."""


def measured() -> set[str]:
    """Return every accuracy and purity of a record, and every mean over seeds, in percent as pages write them."""
    shares: set[float] = set()
    seeds: dict[str, list[float]] = defaultdict(list)
    for _, record in Store(ROOT / "results").cells():
        assert record
        found = record["counts"]["correct"] / record["counts"]["n"]
        side = record.get("side_information")
        shares |= {found, 1 / record["data"]["num_classes"]}
        shares |= {side["purity"]["correct"] / side["purity"]["n"]} if side else set()
        seeds[canonical([record["data_key"], record["method"], side, record["attacker"]])].append(found)
    shares |= {fmean(some) for some in seeds.values()}
    return {f"{100 * share:.1f}" for share in shares} | {early()}


def early() -> str:
    """Return what a ResNet-18 knows of unprotected ORL after 54 steps."""
    alike = {"name": "orl40", "method": "clean", "attacker": [("resnet18", 1e-3, False)]}
    for _, record in Store(ROOT / "results").cells():
        assert record
        attacker = [(part["name"], part["config"]["lr"], part["config"]["flip"]) for part in record["attacker"][:1]]
        own = {"name": record["data"]["name"], "method": record["method"]["name"], "attacker": attacker}
        if own == alike and record["training"]["steps"] / record["training"]["epochs"] == 18:
            return f"{100 * record['curve'][2]['test_correct'] / record['counts']['n']:.0f}"
    raise AssertionError("no such record")


@pytest.mark.parametrize("page", PAGES)
def test_every_percentage_is_that_of_a_record(page: str) -> None:
    prose = QUOTED.sub("", (ROOT / page).read_text())
    written = set(re.findall(r"(?<![\w.])(\d+(?:\.\d+)?) %", prose))
    assert not written - measured() - NOT_MEASURED


def test_the_readme_says_how_many_cells_there_are_and_how_long_they_took() -> None:
    listed = subprocess.run(["git", "ls-files", "results/cells"], cwd=ROOT, capture_output=True, text=True, check=True)
    committed = {ROOT / line for line in listed.stdout.splitlines()}  # a visitor's own duels lie beside them
    records = [record for path, record in Store(ROOT / "results").cells() if record and path in committed]
    fits = {record["protect_key"]: record["timings"]["fit_seconds"] for record in records}
    hours = (sum(fits.values()) + sum(record["timings"]["train_seconds"] for record in records)) / 3600
    said = f"the {len(records)} cells in `results/` would take {hours:.0f} hours one after the other"
    assert said in (ROOT / "README.md").read_text()


@pytest.mark.parametrize("page", PAGES)
def test_every_table_is_what_the_records_give(page: str) -> None:
    text = (ROOT / page).read_text()
    assert refreshed(text) == text, "python -m tests.pages writes the tables anew"


@pytest.mark.parametrize("picture", sorted((ROOT / "docs").glob("*.png")), ids=lambda file: file.name)
def test_every_picture_is_drawn_from_committed_records(picture: Path) -> None:
    store = Store(ROOT / "results")
    committed = {mark(record) for _, record in [*store.cells(), *store.protections()] if record}
    with Image.open(picture) as opened:
        _, *drawn_from = opened.info["Source"].split()
    assert drawn_from
    assert not set(drawn_from) - committed
