from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from uebench_methods.rue import Rue
from uebench_methods.segue import Segue
from uebench_methods.tue import Tue
from uebench_methods.ue import Ue

from tests.conftest import ROOT, TINY, Command
from tests.records import as_asked
from uebench.api.reproduce import reproduce
from uebench.errors import CellError, StoreError
from uebench.planning.grid import Grid, Planner
from uebench.plugins.registry import Registry
from uebench.store.store import Store

OTHER = "synthetic(identities=4, train=6, test=5)"


@pytest.fixture
def measured(tmp_path: Path) -> Store:
    """A store with made-up counts: three seeds of two methods on one set, one cell on another."""
    store = Store(tmp_path / "results")
    write(store, TINY, ("segue", "clean"), {0: 3, 1: 4, 2: 5})
    write(store, OTHER, ("lsp",), {0: 18})
    return store


def write(store: Store, data: str, methods: tuple[str, ...], correct: dict[int, int]) -> None:
    grid = Grid(method=methods, attacker=("resnet18",), data=(data,), seed=tuple(correct), preset="smoke")
    for cell in (one.spec for one in Planner(Registry(), store).plan(grid).cells):
        right = correct[cell.seed] + (5 if cell.protection.method.name == "clean" else 0)
        record = as_asked(
            cell.protection.method.written, cell.attacker_text, preset="smoke", seed=cell.seed, data=cell.data.record,
            data_key=cell.data.key, protect_key=cell.protect_key,
            counts={"correct": right, "n": cell.data.record.test_images},
        )  # fmt: skip
        store.cells.write(record.model_copy(update={"key": cell.key}))


def rows(text: str) -> dict[tuple[str, str], dict[str, str]]:
    return {(row["row"], row["column"]): row for row in csv.DictReader(io.StringIO(text))}


def test_a_table_is_drawn_too(uebench: Command, measured: Store, tmp_path: Path) -> None:
    figure = tmp_path / "table5.svg"
    answer = uebench("table", 5, "--preset", "smoke", "--figure", figure)
    assert (answer.code, f"{figure}: drawn from " in answer.err) == (0, True)
    known = [record for _, record in measured.cells if record]
    drawn = {record.written["method"] for record in known if record.key[:12] in figure.read_text()}
    assert drawn == {"segue"}  # of the set with most results; a clean reference is no row of table 5
    refused = uebench("table", 5, "--preset", "smoke", "--figure", tmp_path / "table5.gif")
    assert (refused.code, refused.out) == (2, "")


def test_a_table_shows_measured_beside_reported(uebench: Command, measured: Store) -> None:
    answer = uebench("table", 5, "--preset", "smoke")
    assert answer.code == 0, answer.err
    assert "measured on synthetic3, % [95%]" in answer.out
    assert "reported on WebFace10, %" in answer.out
    (line,) = [line for line in answer.out.splitlines() if line.split()[:2] == ["segue", "resnet18"]]
    interval = (
        "33.3 [12.8, 62.9]"  # Wilson's of 4 of 12 alone, [13.8, 60.9], widened by the spread over 25, 33.3 and 41.7%
    )
    assert "difference" not in answer.out  # these are not the paper's faces
    for text in (interval, "10.5", "  1 x 3  ", "  12  ", "(no. ", "75.0", "33.3", "undecided"):
        assert text in line
    assert "--data chooses another set: synthetic4" in answer.err


def test_the_data_set_can_be_chosen_and_is_named(uebench: Command, measured: Store) -> None:
    answer = uebench("table", "table5", "--preset", "smoke", "--data", "synthetic4", "--format", "csv")
    found = rows(answer.out)["lsp", "resnet18"]
    assert (found["data"], found["reported_on"], found["measured"]) == ("synthetic4", "WebFace10", "90.0")
    assert float(found["low"]) == pytest.approx(69.9, abs=0.05)  # Wilson, 18 of 20
    assert answer.err == ""
    answer = uebench("table", "5", "--preset", "smoke", "--data", "vggface10=synthetic5")
    assert answer.code == 2
    assert "no record of that set at preset smoke; did you mean 'synthetic" in answer.complaint


def test_a_set_fills_another_role_only_if_it_is_named(uebench: Command, measured: Store) -> None:
    out = uebench("table", "3", "--preset", "smoke", "--data", "vggface10=synthetic4", "--format", "csv").out
    assert rows(out)["lsp", "VGGFace10"]["data"] == "synthetic4"
    assert rows(out)["segue", "WebFace10"]["data"] == "synthetic3"
    gap = rows(out)["segue", "WebFace50"]
    remedy = "uebench reproduce table3 --data webface50=FOLDER measures it"
    assert (gap["measured"], gap["reason"]) == ("", f"no record for role webface50: {remedy}")


def test_gaps_say_why(uebench: Command, measured: Store) -> None:
    out = uebench("table", "6", "--preset", "smoke").out
    assert "gap: ue at WebFace50, rue at WebFace50, tue at WebFace50: noise made for 10 identities" in out
    assert "not measured yet: uebench reproduce table6" in out


def test_gaps_can_be_left_out(uebench: Command, measured: Store) -> None:
    whole = uebench("table", "6", "--preset", "smoke", "--json").json["rows"]
    answer = uebench("table", "6", "--preset", "smoke", "--json", "--measured").json
    assert answer["rows"] == [row for row in whole if row["measured"] is not None]
    assert f"left out: {len(whole) - len(answer['rows'])} places without a measured number" in answer["notes"]
    shown = uebench("table", "6", "--preset", "smoke", "--measured").out
    assert "gap:" not in shown
    assert "WebFace50" not in shown


def test_an_empty_store_gives_a_table_of_gaps(uebench: Command) -> None:
    answer = uebench("table", "9", "--json")
    assert answer.code == 0, answer.err
    assert {row["measured"] for row in answer.json["rows"]} == {None}
    assert [row["reported"] for row in answer.json["rows"]] == [2100, 4.5, 6700, 7400, 2.2]


@pytest.mark.parametrize(
    ("form", "begins", "holds"),
    [
        ("text", "Table 3. ", "segue 33.3 [12.8, 62.9]"),
        ("md", "## Table 3. ", "| segue | 33.3 [12.8, 62.9] |"),
        ("tex", r"% It needs \usepackage{booktabs}", "segue & 33.3 [12.8, 62.9] &"),
        ("html", "<h2>Table 3. ", "<td>segue </td><td>33.3 [12.8, 62.9] </td>"),
        ("csv", "table,row,", "3,segue,,WebFace10,accuracy,webface10,synthetic3,33.3"),
    ],
)
def test_a_table_can_be_written_in_every_format(
    uebench: Command, measured: Store, form: str, begins: str, holds: str
) -> None:
    out = uebench("table", "3", "--preset", "smoke", "--format", form).out
    assert out.startswith(begins)
    assert holds in " ".join(out.split())


def test_claims_and_table_1_follow_from_all_tables(uebench: Command, measured: Store) -> None:
    claims = uebench("table", "claims", "--preset", "smoke", "--json").json["rows"]
    assert {row["verdict"] for row in claims} == {"not yet decided"}
    assert len(claims[0]["keys"]) == 3
    circles = uebench("table", "1", "--preset", "smoke", "--json").json["rows"]
    (segue,) = (row for row in circles if (row["method"], row["requirement"]) == ("segue", "effectiveness"))
    assert (segue["degree"], segue["measured"], segue["places"]) == ("full", 1, 3)
    assert segue["mean"] == pytest.approx(0)


@pytest.mark.parametrize(
    ("args", "complaint"),
    [
        (("table", "10"), "no table '10'"),
        (("table", "5", "--format", "pdf"), "format 'pdf': unknown"),
        (("table", "5", "--preset", "dest"), "did you mean 'desk'"),
        (("table", "5", "--measured"), "table 5: nothing is measured; leave out --measured"),
        (("table", "claims", "--measured"), "table claims sums up several tables; leave out --measured"),
        (("reproduce",), "name one table, as in uebench reproduce table5, or give --all"),
        (("reproduce", "claims"), "claims is a view of other tables"),
        (("reproduce", "table5", "--data", "vgg=orl"), "no role 'vgg'"),
    ],
)
def test_wrong_requests_are_refused(uebench: Command, args: tuple[str, ...], complaint: str) -> None:
    answer = uebench(*args)
    assert answer.code == 2
    assert complaint in answer.complaint


def test_a_plan_counts_shared_cells_once(uebench: Command, measured: Store) -> None:
    answer = uebench("reproduce", "--all", "--preset", "smoke", "--data", TINY, "--dry-run", "--json")
    assert answer.code == 0, answer.err
    *tables, distinct = answer.json["tables"]
    assert sum(row["cells"] for row in tables) > distinct["cells"] == distinct["done"] + distinct["to_run"]
    assert distinct["done"] == 2  # seed 0 of segue and clean
    shown = uebench("reproduce", "table3", "--preset", "smoke", "--data", TINY, "--dry-run").out
    assert re.search(r"synthetic3 +segue +resnet18 +0 +done", shown)


def test_a_file_that_cannot_be_written_is_refused_before_any_work(uebench: Command, tmp_path: Path) -> None:
    answer = uebench("reproduce", "table3", "--preset", "smoke", "--data", TINY, "--out", tmp_path / "gone" / "t.md")
    assert answer.code == 4
    assert "create it first" in answer.complaint


def test_the_file_of_tables_is_utf_8_and_its_errors_name_the_option(
    uebench: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = SimpleNamespace(tables=[None], run=SimpleNamespace(cells=()), failures=(), failed=False, left={})
    monkeypatch.setattr("uebench.api.reproduce.reproduce_in", lambda *_: made)
    page = SimpleNamespace(text=lambda _: "Zoë\n")
    monkeypatch.setattr("uebench.report.pages.paper_table.page", lambda *_: page)
    request = ("reproduce", "table3", "--preset", "smoke", "--data", TINY, "--out")
    answer = uebench(*request, tmp_path / "tables")
    assert answer.code == 0, answer.err
    assert (tmp_path / "tables").read_bytes() == "Zoë\n".encode()
    assert uebench(*request, tmp_path).complaint == f"uebench: --out {tmp_path}: is a folder; name a file"


def test_a_clean_clone_shows_its_records(uebench: Command, tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "cells").symlink_to(ROOT / "results" / "cells")
    answer = uebench("table", "3", "--json", "--data", "webface10", "--preset", "desk64")
    found = {(row["row"], row["role"]): row for row in answer.json["rows"]}
    for row in ("clean", "ue", "lsp", "rue", "tue", "segue_restart"):
        left_out = row in ("ue", "rue")  # the run whose attacker began with the surrogate's weights
        assert found[row, "webface10"]["runs"] >= 3 - left_out
        assert found[row, "webface10"]["clean"] > 75


@pytest.mark.usefixtures("small_networks")
def test_what_fails_leaves_a_gap_with_its_reason(uebench: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def diverge(*_: object, **__: object) -> None:
        raise CellError("the loss is no number")

    for plugin in (Ue, Rue, Tue, Segue):
        monkeypatch.setattr(plugin, "fit", diverge)
    answer = uebench("reproduce", "9", "--preset", "smoke", "--data", TINY)
    assert answer.code == 1
    gap = "gap: ue at generation_time, rue at generation_time, tue at generation_time and 1 more: failed: the loss is"
    assert gap in answer.out
    answer = uebench("reproduce", "6", "--preset", "smoke", "--data", TINY, "--data", f"vggface10={OTHER}")
    assert answer.code == 1
    assert f"failed: training segue on {TINY}: the loss is no number" in answer.err
    assert "tue at VGGFace10 and 2 more: not measured yet" in answer.out


@pytest.mark.usefixtures("small_networks")
@pytest.mark.parametrize(
    ("error", "words"),
    [
        (torch.OutOfMemoryError("no\nroom"), "OutOfMemoryError in test_table.py:{line}: no room"),
        (SystemExit(3), "ended the process in test_table.py:{line}: 3"),
    ],
)
def test_a_training_that_ends_in_any_way_costs_only_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, words: str
) -> None:
    def end(*_: object, **__: object) -> None:
        torch.set_default_dtype(torch.float64)
        raise error

    for plugin in (Ue, Rue, Tue, Segue):
        monkeypatch.setattr(plugin, "fit", end)
    data = (TINY, f"vggface10={OTHER}")
    made = reproduce("table6", data=data, preset="smoke", results=tmp_path, executor="serial")
    words = words.format(line=end.__code__.co_firstlineno + 2)
    methods = ("ue", "rue", "tue", "segue", "segue_restart")
    assert list(made.failures) == [f"training {method} on {TINY}: {words}" for method in methods]
    assert {one.place.row for one in made.tables[0].places if one.value is not None} == {"lsp"}
    assert torch.get_default_dtype() == torch.float32


@pytest.mark.parametrize("error", [KeyboardInterrupt, StoreError])
def test_what_concerns_all_trainings_ends_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    def end(*_: object, **__: object) -> None:
        raise error

    for plugin in (Ue, Rue, Tue, Segue):
        monkeypatch.setattr(plugin, "fit", end)
    with pytest.raises(error):
        reproduce("table6", data=(TINY, f"vggface10={OTHER}"), preset="smoke", results=tmp_path, executor="serial")
