"""A table of the paper from nothing to the rendered page, transfer included."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import Command

SETS = ("--data", "synthetic(identities=3, train=4, test=4)", "--data", "vggface10=synthetic(identities=2, train=3)")


@pytest.mark.usefixtures("small_networks")
def test_table_6_is_reproduced_end_to_end(uebench: Command, tmp_path: Path) -> None:
    out = tmp_path / "table6.md"
    answer = uebench("reproduce", "6", "--preset", "smoke", *SETS, "--format", "md", "--out", out)
    assert answer.code == 0, answer.err
    assert out.read_text() == answer.out
    assert answer.out.startswith("## Table 6.")
    shown = uebench(
        "table", "6", "--preset", "smoke", "--data", "synthetic3", "--data", "vggface10=synthetic2", "--json"
    )
    rows = {(row["row"], row["role"]): row for row in shown.json["rows"]}
    for method in ("ue", "lsp", "rue", "tue", "segue", "segue_restart"):
        for role, name, chance in (("webface10", "synthetic3", 100 / 3), ("vggface10", "synthetic2", 50)):
            row = rows[method, role]
            assert (row["data"], row["chance"], row["seeds"]) == (name, chance, "1 x 1")
            assert row["low"] <= row["measured"] <= row["high"]
            assert row["clean"] is not None
    keys = [key for row in rows.values() for key in row["keys"]]
    records = [json.loads(path.read_text()) for path in (tmp_path / "results" / "cells").glob("??/*.json")]
    assert len(set(keys)) == 12
    assert {record["key"] for record in records} - set(keys) == {
        record["key"] for record in records if record["method"]["name"] == "clean"
    }
    carried = [r for r in records if r["data"]["name"] == "synthetic2" and r["method"]["config"].get("weights")]
    assert sorted(r["method"]["name"] for r in carried) == ["rue", "segue", "segue_restart", "tue", "ue"]
    again = uebench("reproduce", "6", "--preset", "smoke", *SETS, "--format", "md")
    assert "14 of 14 already done" in again.err
    assert again.out == answer.out
