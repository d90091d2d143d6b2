from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import TINY, Command
from uebench.plugins.registry import Registry

AUDIT = ("audit", "--preset", "smoke", "--data", TINY)


@pytest.mark.usefixtures("small_networks")
def test_every_method_is_audited(uebench: Command, tmp_path: Path) -> None:
    answer = uebench(*AUDIT, "--method", "all", "--json")
    assert answer.code == 0, answer.err
    rows = {row["written"]["method"]: row for row in answer.json}
    assert list(rows) == Registry().ready("method")
    assert rows["clean"]["audit"]["changed"] == 0
    assert rows["clean"]["audit"]["separable"] is None
    assert 1 <= rows["ue"]["audit"]["max_levels"] <= 8
    assert rows["lsp"]["audit"]["norm"] == "l2"
    assert rows["lsp"]["audit"]["separable"] == {"correct": 9, "n": 9}
    assert not list((tmp_path / "results").glob("cells/*/*"))


def test_without_a_method_only_quick_ones_are_audited_and_the_others_named(uebench: Command) -> None:
    answer = uebench(*AUDIT, "--json")
    assert answer.code == 0, answer.err
    methods = {row["written"]["method"] for row in answer.json}
    (slow,) = (line for line in answer.err.splitlines() if "name them with --method" in line)
    left_out = set(slow.partition("left out: ")[2].partition(":")[0].split(", "))
    assert {"ue", "rue"} < left_out
    assert {"clean", "lsp"} < methods
    assert methods | left_out == set(Registry().ready("method"))


def test_a_damaged_record_does_not_keep_a_set_from_being_audited_again(uebench: Command, tmp_path: Path) -> None:
    assert uebench(*AUDIT, "--method", "lsp").code == 0
    for kind in ("protected", "blobs"):
        (file,) = (one for one in (tmp_path / "results" / kind).rglob("*") if one.is_file())
        file.write_text("{}") if kind == "protected" else file.unlink()
    answer = uebench(*AUDIT, "--json")
    assert answer.code == 0, answer.err
    assert "lsp" in {row["written"]["method"] for row in answer.json}


def test_the_table_shows_separability_beside_chance(uebench: Command) -> None:
    answer = uebench(*AUDIT, "--method", "lsp", "--method", "random")
    header, lsp, random = answer.out.splitlines()
    assert "linearly separable %" in header
    assert "100.0 [70.1, 100.0]" in lsp
    assert "33.3" in random
    assert "true labels" in random


def test_the_protected_set_is_made_once_and_serves_an_attack(
    uebench: Command, tiny_run: Command, tmp_path: Path
) -> None:
    uebench(*AUDIT, "--method", "lsp")
    blobs = {path: path.stat().st_mtime_ns for path in (tmp_path / "results" / "blobs").rglob("*.safetensors")}
    uebench(*AUDIT, "--method", "lsp")
    tiny_run("--method", "lsp", "--attacker", "resnet18")
    assert blobs == {path: path.stat().st_mtime_ns for path in (tmp_path / "results" / "blobs").rglob("*.safetensors")}
    assert len(blobs) == 1


@pytest.mark.parametrize(("share", "low", "high"), [("0.5", 9, 12), ("0.9", 16, 17)])
def test_side_information_that_is_partly_wrong_is_recorded(tiny_run: Command, share: str, low: int, high: int) -> None:
    answer = tiny_run("--method", f"lsp(labels={share})", "--attacker", "resnet18", "--json")
    assert answer.code == 0, answer.err
    (cell,) = answer.json
    side = cell["record"]["side_information"]
    assert side["labels"] == float(share)
    assert side["purity"]["n"] == 18
    assert low <= side["purity"]["correct"] <= high
    assert cell["record"]["written"]["method"] == f"lsp(labels={share})"


def test_a_radius_for_sets_of_others_is_refused_for_methods(uebench: Command) -> None:
    answer = uebench(*AUDIT, "--method", "random", "--eps", "8/255")
    assert answer.code == 2
    assert "--eps: applies to --protected sets only" in answer.complaint


def test_what_cannot_be_protected_is_said_and_the_rest_is_audited(uebench: Command) -> None:
    answer = uebench(*AUDIT, "--method", "segue(code_bits=1)", "--method", "random")
    assert answer.code == 0
    assert len(answer.out.splitlines()) == 2
    assert "impossible: synthetic3: segue(code_bits=1): 3 identities; a code of 1 bits names 2" in answer.err
