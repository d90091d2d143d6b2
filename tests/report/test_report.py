from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import Command
from tests.records import made_up
from uebench.analysis.records import runs_of
from uebench.analysis.statistics import interval
from uebench.data.dataset import load
from uebench.errors import UsageError
from uebench.plugins.registry import Registry
from uebench.report import page, strips
from uebench.store.record import ProtectedMeta, Record
from uebench.store.store import Protected, Store


class Reader(HTMLParser):
    """Collects what a browser would load or run."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.scripts: list[dict[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "action", "data")]
        assert not any(name.startswith("on") for name, _ in attrs)
        if tag == "script":
            self.scripts.append(dict(attrs))


def test_a_name_with_markup_in_it_is_text(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script><img src=x onerror=alert(1)>"
    data = made_up().data.model_copy(update={"name": evil})
    record = made_up("lsp", written={"method": evil, "attacker": f'"{evil}'}, data=data)
    text = page.render([record], Store(tmp_path))
    reader = Reader()
    reader.feed(text)
    assert len(reader.scripts) == 2
    assert "<script>alert" not in text and "<img src=x" not in text
    found = re.search(r'<script type="application/json" id="document">(.*?)</script>', text, re.S)
    assert found and json.loads(found[1])["pairings"][0]["method"] == evil


def test_the_page_names_no_address_outside_itself(tmp_path: Path) -> None:
    text = page.render([made_up("clean"), made_up()], Store(tmp_path))
    reader = Reader()
    reader.feed(text)
    assert all(address.startswith("data:") for address in reader.addresses)
    assert "default-src 'none'" in text
    assert not re.search(r"@import|url\(|fetch\(|XMLHttpRequest", text)


def test_without_scripts_the_numbers_stand_in_tables(tmp_path: Path) -> None:
    text = page.render([made_up("clean", correct=160), made_up("lsp", correct=40)], Store(tmp_path))
    tables = re.sub(r"<script.*?</script>", "", text, flags=re.S)
    for number in (">80.0<", ">20.0<", ">60.0<", "15.0 – 26.1"):  # noqa: RUF001
        assert number in tables, number


def test_the_leaderboard_shows_ranks_intervals_seeds_and_the_worst_off_identity(tmp_path: Path) -> None:
    def people(correct: int) -> list[dict[str, int]]:
        return [{"correct": one, "n": 20} for one in (1, 1, 19, *[2] * 6, correct - 33)]

    several = [made_up("lsp", correct=40 + seed, seed=seed, per_identity=people(40 + seed)) for seed in range(3)]
    records = [made_up("clean", correct=160), *several, made_up("ue", correct=38, per_identity=people(38))]
    text = page.render(records, Store(tmp_path))
    board = re.search(r'<table class="board".*?</table>', text, re.S)
    assert board
    lsp, ue = board[0].split("<tr data-method")[1:]
    low, high = (100 * end for end in interval(runs_of(several)))
    for shown in (">1–2<", f">20.5 [{low:.1f}, {high:.1f}]<", ">95.0 (no. 2)<", ">1 x 3<"):  # noqa: RUF001
        assert shown in lsp, shown
    for shown in (">1–2<", ">19.0 [14.2, 25.0]<", ">one seed<"):  # noqa: RUF001
        assert shown in ue, shown
    found = re.search(r'<script type="application/json" id="document">(.*?)</script>', text, re.S)
    assert found
    pairings = {one["method"]: one for one in json.loads(found[1])["pairings"]}
    assert [pairings[name]["order"] for name in ("lsp", "ue", "clean")] == [0, 1, None]


def test_an_empty_store_says_what_to_run(tmp_path: Path) -> None:
    text = page.render([], Store(tmp_path))
    assert "No record to show" in text
    assert "uebench run --method segue" in text


def orl_record(store: Store, delta: int, key: str = "5e7", data_key: str = "") -> Record:
    """Return the record of a cell on a protected set, of which ``store`` gets one under the key 5e7."""
    dataset = load("orl(identities=3)", 32, Registry())
    meta = ProtectedMeta.model_validate(
        {"protect_key": "5e7", "audit": made_up().audit, "fit_seconds": 1.0, "protect_seconds": 1.0}
    )
    store.write_protected("5e7", Protected(np.full((len(dataset.train.labels), 3, 32, 32), delta, dtype=np.int8), meta))
    return made_up(data=dataset.info.record, data_key=data_key or dataset.key, protect_key=key)


def test_a_strip_is_cut_from_the_stored_set_and_magnifies_the_residual(tmp_path: Path) -> None:
    store = Store(tmp_path)
    made = strips.stored(store, orl_record(store, -2), faces=3)
    assert not isinstance(made, str)
    assert made.clean.shape == (3, 32, 32, 3)
    assert (made.clean.astype(int) - made.protected.astype(int) == 2).mean() > 0.9
    assert (made.residual == 128 - 60).all()
    assert "data:image/png;base64," in page.render([orl_record(store, -2)], store)


def test_photographs_of_other_sets_are_never_shown(tmp_path: Path) -> None:
    store = Store(tmp_path)
    record = orl_record(store, 1)
    other = record.model_copy(update={"data": record.data.model_copy(update={"source": "folder"})})
    assert strips.stored(store, other) == "The photographs of this set may not be shown."
    assert "data:image" not in page.render([other], store)
    with pytest.raises(UsageError, match="may not be shown"):
        strips.strip(load("synthetic(identities=3)", 32, Registry()), np.zeros((9, 3, 32, 32), np.int8), 2)


def test_a_strip_that_is_not_there_says_why(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert "uebench audit makes it" in str(strips.stored(store, orl_record(store, 1, key="60e")))
    assert "not those of the record" in str(strips.stored(store, orl_record(store, 1, data_key="0")))


def test_report_and_figures_from_the_command_line(uebench: Command, tmp_path: Path) -> None:
    store = Store(tmp_path / "results")
    for record in (made_up("clean", correct=160), made_up(correct=40), made_up("ue")):
        store.write_cell(record)
    answer = uebench("report", "--html", tmp_path / "out.html", "--data", "people")
    assert answer.code == 0, answer.err
    assert "3 records" in answer.complaint
    assert "people" in (tmp_path / "out.html").read_text()
    for suffix, start in (("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")):
        assert uebench("figure", 4, "--out", tmp_path / f"f.{suffix}").code == 0
        assert (tmp_path / f"f.{suffix}").read_bytes().startswith(start)


@pytest.mark.parametrize(
    ("args", "code", "says"),
    [
        (["report", "--html", "out.txt"], 2, "end the name with .html or .htm"),
        (["report", "--html", "gone/out.html"], 4, "create it first"),
        (["report", "--html", "out.html", "--data", "nobody"], 2, "no record of that set"),
        (["report", "--html", "out.html", "--preset", "dsk"], 2, "did you mean 'desk'"),
        (["figure", "5", "--out", "f.png"], 2, "known: 3, 4"),
        (["figure", "4", "--out", "f.gif"], 2, "end the name with .png, .svg or .pdf"),
        (["figure", "4", "--out", "f.png", "--data", "nobody"], 2, "no record of that set"),
        (["figure", "3", "--out", "f.png", "--data", "synthetic(identities=3)"], 2, "may not be shown"),
    ],
)
def test_a_wrong_request_is_one_line(
    uebench: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, args: list[str], code: int, says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    answer = uebench(*args)
    assert answer.code == code
    assert says in answer.complaint


def test_figure_3_makes_the_protected_sets_that_are_missing(uebench: Command, tmp_path: Path) -> None:
    request = ("figure", 3, "--preset", "smoke", "--data", "orl(identities=5)", "--method", "lsp", "--out")
    assert uebench(*request, tmp_path / "f.png").code == 0
    assert (tmp_path / "f.png").read_bytes().startswith(b"\x89PNG")
    assert len(list((tmp_path / "results" / "blobs").rglob("*.safetensors"))) == 1
