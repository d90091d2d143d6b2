"""Records in Python: chosen as on the command line, ranked, and in the paper's tables."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import ROOT, Command
from tests.records import made_up, several
from uebench import records, table
from uebench.errors import UsageError
from uebench.store.store import Store


@pytest.fixture
def results(tmp_path: Path) -> Path:
    store = Store(tmp_path / "results")
    for record in [*several("clean", correct=160), *several("ue", correct=20), *several("lsp", correct=120)]:
        store.cells.write(record)
    return store.root


def test_the_leaderboard_is_that_of_the_command(results: Path, uebench: Command) -> None:
    found = records(results).leaderboard().set_index("method")
    assert found.loc[["ue", "lsp"], ["rank_first", "rank_last"]].to_numpy().tolist() == [[1, 1], [2, 2]]
    rows = uebench("leaderboard", "--json", "--results", results).json["rows"]
    assert [row["method"] for row in rows] == list(found.index)
    assert [row["accuracy"] for row in rows] == found.accuracy.tolist()


def test_records_may_be_those_of_a_set_and_a_preset(results: Path) -> None:
    other = made_up("ue", correct=10).data.model_copy(update={"name": "others"})
    Store(results).cells.write(made_up("ue", data=other.model_dump(), data_key="b" * 64, key="a" * 64))
    known = records(results)
    assert len(known) == 10
    assert len(records(results, data="others")) == 1
    assert len(records(results, preset=known[0].preset)) == 10
    with pytest.raises(UsageError, match="no record of that set; known"):
        records(results, data="nobody")
    with pytest.raises(UsageError, match=f"no record of that set at smoke; its records have preset {known[0].preset}"):
        records(results, data="others", preset="smoke")
    with pytest.raises(UsageError, match="resnet19"):
        known.leaderboard("resnet19")


def test_a_table_of_the_paper_is_that_of_the_command(uebench: Command) -> None:
    committed = ROOT / "results"
    found = table(5, preset="paper", results=committed)
    assert str(found) == uebench("table", "5", "--preset", "paper", "--results", committed).out
    rows = found.frame()
    assert rows.measured.dropna().tolist() == [row["measured"] for row in found.rows if row["measured"] is not None]
    assert rows[rows.row == "segue"].measured.notna().any()
    assert "<table>" in found._repr_html_()
    assert "\\toprule" in found.text("tex")
    with pytest.raises(UsageError, match="no table '12'"):
        table(12, results=committed)
