from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.conftest import QUICK, ROOT, TINY, Command
from tests.plugin_files import plugin_file
from uebench.report.files import mark
from uebench.store.record import ProtectionRecord, Record

pytestmark = pytest.mark.usefixtures("small_networks")

LSP = ("--method", "lsp", "--attacker", "resnet18")


def records(tmp_path: Path) -> list[dict[str, Any]]:
    return [json.loads(p.read_text()) for p in (tmp_path / "results" / "cells").glob("??/*.json")]


def measured(record: dict[str, Any]) -> list[Any]:
    """Return what is the same when a cell is computed again."""
    return [record[part] for part in ("counts", "curve", "audit")]


def test_one_attack_end_to_end(tiny_run: Command, tmp_path: Path) -> None:
    answer = tiny_run(*LSP, "--with-clean")
    assert answer.code == 0, answer.err
    header, *rows = answer.out.splitlines()
    assert header.split()[:4] == ["data", "method", "attacker", "seed"]
    assert [row.split()[1] for row in rows] == ["clean", "lsp"]
    assert "33.3" in rows[1]  # chance of three identities
    assert len(records(tmp_path)) == 2


def test_the_second_time_it_is_already_done(tiny_run: Command, tmp_path: Path) -> None:
    first = tiny_run(*LSP)
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "results" / "cells").rglob("*.json")}
    second = tiny_run(*LSP)
    assert second.code == 0
    assert second.out == first.out
    assert "1 of 1 already done" in second.err
    assert before == {p: p.stat().st_mtime_ns for p in before}


def test_force_computes_the_same_counts_again(tiny_run: Command, tmp_path: Path) -> None:
    tiny_run(*LSP)
    (first,) = records(tmp_path)
    assert tiny_run(*LSP, "--force").code == 0
    (second,) = records(tmp_path)
    assert first["provenance"]["finished"] <= second["provenance"]["finished"]
    assert measured(first) == measured(second)


def test_the_record_follows_its_schema_and_hides_the_machine(tiny_run: Command, tmp_path: Path) -> None:
    import platform

    tiny_run(*LSP)
    (record,) = records(tmp_path)
    del record["digest"]
    checked = Record.model_validate_json(json.dumps(record), strict=True)
    assert sum(c.correct for c in checked.per_identity) == checked.counts.correct
    assert sum(c.n for c in checked.per_identity) == checked.counts.n == 12
    assert checked.counts.correct == checked.curve[-1].test_correct
    assert checked.peak.correct == max(e.test_correct for e in checked.curve)
    assert checked.training.steps == 2 * checked.training.epochs
    text = json.dumps(record)
    assert str(tmp_path) not in text
    assert str(ROOT) not in text
    assert platform.node() not in text or len(platform.node()) < 4
    assert not re.search(r'"/[a-z]', text)


def test_the_record_is_documented_field_by_field() -> None:
    text = (ROOT / "docs" / "record.md").read_text()

    def names(schema: dict[str, Any]) -> set[str]:
        own = set(schema.get("properties", {}))
        return own.union(*(names(inner) for inner in schema.get("$defs", {}).values()))

    documented = names(Record.model_json_schema()) | names(ProtectionRecord.model_json_schema())
    missing = {name for name in documented if f"`{name}`" not in text}
    assert not missing


def test_a_grid_and_its_toml_file_are_the_same(uebench: Command, tmp_path: Path) -> None:
    file = tmp_path / "grid.toml"
    methods = ("--method", "lsp", "--method", "random(noise=classwise)")
    spelled = (*methods, "--attacker", "resnet18", "--seed", 0, "--seed", 1)
    saved = uebench("run", *spelled, "--data", TINY, "--preset", "smoke", "--dry-run", "--json", "--save", file)
    again = uebench("run", file, "--dry-run", "--json")
    assert saved.code == again.code == 0
    assert [row["key"] for row in saved.json] == [row["key"] for row in again.json]
    assert len(saved.json) == 4
    overridden = uebench("run", file, "--seed", 5, "--dry-run", "--json")
    assert {row["seed"] for row in overridden.json} == {5}


def test_a_saved_grid_names_its_plugin_files(uebench: Command, tmp_path: Path) -> None:
    file, plugin = tmp_path / "grid.toml", ROOT / "docs" / "example_plugin.py"
    spelled = ("--method", "stripes", "--attacker", "resnet18", "--data", TINY, "--preset", "smoke", "--dry-run")
    saved = uebench("run", *spelled, "--plugin", plugin, "--json", "--save", file)
    again = uebench("run", file, "--dry-run", "--json")
    assert saved.code == again.code == 0, again.err
    assert saved.json == again.json
    other = tmp_path / "other.py"
    other.write_text(plugin.read_text())
    assert uebench("run", file, "--plugin", other, "--dry-run", "--json").json == saved.json


def test_a_range_of_seeds_is_as_many_cells(tiny_run: Command) -> None:
    plan = tiny_run(*LSP, "--seed", "0-2", "--seed", "5", "--method-seed", "0,4", "--dry-run", "--json").json
    assert {(row["seed"], row["method_seed"]) for row in plan} == {(a, b) for a in (0, 1, 2, 5) for b in (0, 4)}


def test_dry_run_computes_nothing(tiny_run: Command, tmp_path: Path) -> None:
    answer = tiny_run("--method", "segue(code_bits=1)", "--method", "lsp", "--attacker", "resnet18", "--dry-run")
    assert answer.code == 0
    assert "impossible" in answer.out
    assert "a code of 1 bits names 2" in answer.out
    assert "to do" in answer.out
    assert not (tmp_path / "results" / "cells").exists()


def test_two_sets_of_one_name_are_told_apart(uebench: Command) -> None:
    sets = ("--data", "synthetic(identities=3, train=6)", "--data", "synthetic(identities=3, train=5)")
    given = ("run", "--preset", "smoke", *sets, "--method", "clean", "--attacker", QUICK)
    for more in (("--dry-run",), ()):
        named = re.findall(r"synthetic3 \([0-9a-f]{8}\)", uebench(*given, *more).out)
        assert len(set(named)) == 2, named


def test_photographs_of_kinds_that_are_not_read_are_pointed_out(uebench: Command, tmp_path: Path) -> None:
    for number, person in enumerate(("ann", "bo")):
        (tmp_path / "faces" / person).mkdir(parents=True)
        for one in range(4):
            Image.new("RGB", (9, 9), (90 * number, one, 0)).save(tmp_path / "faces" / person / f"{one}.png")
    grid = ("run", "--preset", "smoke", "--data", tmp_path / "faces", "--method", "clean", "--attacker", QUICK)
    assert "left out" not in uebench(*grid, "--dry-run").err
    for name in ("ann/5.HEIC", "6.jfif", ".7.heic"):
        (tmp_path / "faces" / name).write_bytes(b"")
    said = f"{tmp_path / 'faces'}: left out: 2 files of other kinds (.heic, .jfif); convert them to PNG or JPEG"
    assert said in uebench(*grid, "--dry-run").err
    assert said in uebench(*grid).err


def test_dry_run_estimates_from_what_was_measured(tiny_run: Command) -> None:
    tiny_run(*LSP)
    plan = tiny_run(*LSP, "--seed", 0, "--seed", 1, "--dry-run", "--json").json
    assert [row["status"] for row in plan] == ["done", "to do"]
    assert plan[1]["estimated_seconds"] > 0
    assert "uebench: time: about " in tiny_run(*LSP, "--seed", "0-1", "--dry-run").err
    assert "uebench: time:" not in tiny_run(*LSP, "--dry-run").err


def test_what_acts_in_a_step_is_not_estimated_from_training_without_it(tiny_run: Command) -> None:
    tiny_run(*LSP)
    others = ("--attacker", "resnet18+blur", "--attacker", "resnet18+adversarial(steps=1)")
    blurred, adversarial = tiny_run("--method", "lsp", *others, "--dry-run", "--json").json
    assert blurred["estimated_seconds"] > 0
    assert adversarial["estimated_seconds"] is None
    tiny_run("--method", "lsp", *others[2:])
    known = tiny_run("--method", "lsp", *others[2:], "--seed", 1, "--dry-run", "--json").json
    assert known[0]["estimated_seconds"] > 0


def test_json_is_one_document_on_stdout(tiny_run: Command) -> None:
    (cell,) = tiny_run(*LSP, "--json").json
    assert cell["status"] == "computed"
    Record.model_validate(cell["record"])


def test_a_protected_set_is_made_once_for_all_attackers(tiny_run: Command, tmp_path: Path) -> None:
    tiny_run(*LSP, "--attacker", "timm(model=test_resnet)", "--seed", "0-1")
    assert len(records(tmp_path)) == 4
    assert len(list((tmp_path / "results" / "blobs").rglob("*.safetensors"))) == 1


def test_a_damaged_record_and_a_damaged_blob_are_recomputed(tiny_run: Command, tmp_path: Path) -> None:
    tiny_run(*LSP)
    (before,) = records(tmp_path)
    cell = next((tmp_path / "results" / "cells").rglob("*.json"))
    blob = next((tmp_path / "results" / "blobs").rglob("*.safetensors"))
    protected = blob.read_bytes()
    cell.write_text(cell.read_text().replace('"correct"', '"korrect"'))
    blob.write_bytes(protected[:-10] + b"0123456789")
    answer = tiny_run(*LSP)
    assert answer.code == 0
    assert "damaged record" in answer.err
    assert "computing it again" in answer.err
    (after,) = records(tmp_path)
    assert measured(before) == measured(after)

    def delta(content: bytes) -> bytes:
        return content[8 + int.from_bytes(content[:8], "little") :]

    assert delta(blob.read_bytes()) == delta(protected)


def returning(expression: str, folder: Path) -> Path:
    """Write a method that returns something, and return its file."""
    return plugin_file(folder / "rogue.py", f"def perturb(self, batch, ctx):\n    return {expression}")


@pytest.mark.parametrize(
    ("expression", "complaint"),
    [
        ("batch.images * float('nan')", "method 'rogue': perturb returned NaN or infinity"),
        ("batch.images[:, :2]", "not images of shape"),
        ("(batch.images + 1 / 255).clamp(0, 1)", "exceeds its budget: linf 1/255, allowed 0/255"),
        ("None", "perturb returned NoneType"),
        ("batch.images / batch.nothing", "AttributeError in rogue.py:12"),
    ],
)
def test_a_plugin_that_breaks_the_rules_fails_alone(
    tiny_run: Command, uebench: Command, tmp_path: Path, expression: str, complaint: str
) -> None:
    answer = tiny_run("--plugin", returning(expression, tmp_path), "--method", "rogue", *LSP)
    assert answer.code == 1
    (failed,) = [line for line in answer.err.splitlines() if line.startswith("uebench: failed: ")]
    assert complaint in failed
    assert [record["method"]["name"] for record in records(tmp_path)] == ["lsp"]
    status = uebench("status")
    assert "2 failed" in status.out  # the protected set, and the attack that needed it
    assert complaint in status.err


def test_the_example_plugin_runs_like_a_built_in(tiny_run: Command, uebench: Command) -> None:
    file = ROOT / "docs" / "example_plugin.py"
    assert len([line for line in file.read_text().splitlines() if line.strip()]) <= 25
    assert tiny_run("--plugin", file, "--method", "stripes(width=2)", "--attacker", "resnet18").code == 0
    listed = uebench("list", "methods", "--plugin", file).out
    assert "Stripes at an angle" in listed
    assert "width" in uebench("show", "stripes", "--plugin", file).out


def test_a_changed_plugin_with_the_same_version_is_pointed_out(
    tiny_run: Command, uebench: Command, tmp_path: Path
) -> None:
    file = returning("batch.images", tmp_path)
    tiny_run("--plugin", file, "--method", "rogue", "--attacker", "resnet18")
    returning("batch.images + 0", tmp_path)
    answer = tiny_run("--plugin", file, "--method", "rogue", "--attacker", "resnet18")
    assert "the source of rogue has changed since; raise its version or use --force" in answer.err
    assert "rogue" in uebench("status", "--stale", "--plugin", file).out


def test_a_figure_is_drawn(tiny_run: Command, tmp_path: Path) -> None:
    answer = tiny_run(*LSP, "--figure", tmp_path / "m.png", "--json")
    with Image.open(tmp_path / "m.png") as drawn:
        assert drawn.info["Source"] == f"uebench {mark(Record.model_validate(answer.json[0]['record']))}"


def test_a_figure_without_a_finished_cell_changes_no_exit_code(tiny_run: Command, tmp_path: Path) -> None:
    answer = tiny_run(*LSP, "--figure", tmp_path / "m.png", "--time-limit", "0.001s")
    assert answer.code == 5
    assert "m.png: not drawn, because no cell is finished" in answer.err
    assert "resume with" in answer.err.splitlines()[-1]


def test_a_figure_that_cannot_be_written_is_refused_before_any_work(tiny_run: Command, tmp_path: Path) -> None:
    answer = tiny_run(*LSP, "--figure", tmp_path / "m.gif")
    assert "end the name with .png, .svg or .pdf" in answer.refusal(2)
    answer = tiny_run(*LSP, "--figure", tmp_path / "gone" / "m.png")
    assert "create it first" in answer.refusal(4)
    assert not (tmp_path / "results" / "cells").exists()


def test_any_model_of_timm_by_name(tiny_run: Command) -> None:
    answer = tiny_run("--method", "clean", "--attacker", "timm(model=test_resnet, epochs=1)")
    assert answer.code == 0, answer.err
    answer = tiny_run("--method", "clean", "--attacker", "timm(model=resnet81)")
    assert "model=resnet81 is not a timm model; did you mean" in answer.refusal(2)


@pytest.mark.parametrize("dry", [True, False])
def test_a_cpu_without_bfloat16_is_pointed_out_where_something_to_compute_would_use_it(
    dry: bool, tiny_run: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    advice = (
        'uebench: this CPU has no bfloat16 arithmetic: "resnet18(precision=float32)" is faster here, but another cell'
    )
    slow = ("--method", "lsp", "--attacker", "resnet18(precision=bfloat16, epochs=1)", *(["--dry-run"] * dry))
    monkeypatch.setattr("uebench.cli.shared.plan_output.has_bfloat16", lambda _: True)
    assert "no bfloat16" not in tiny_run(*slow, "--dry-run").err
    monkeypatch.setattr("uebench.cli.shared.plan_output.has_bfloat16", lambda _: False)
    assert "no bfloat16" not in tiny_run(*LSP, "--dry-run").err
    lines = tiny_run(*slow).err.splitlines()
    assert lines.count(advice) == 1
    if not dry:  # it comes before the work, and not again when the cell is done
        assert lines[0] == advice
        assert "no bfloat16" not in tiny_run(*slow).err
