from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.records import as_asked, made_up
from uebench.data.dataset import source_part
from uebench.planning.identity import MethodIdentity
from uebench.planning.parts import attacker_parts, method_part
from uebench.plugins.registry import Registry
from uebench.plugins.spec import parse
from uebench.report.command import commands
from uebench.store.record import Record
from uebench.store.store import Store


def options(line: str) -> dict[str, str]:
    words = shlex.split(line)
    assert words[:2] == ["uebench", "run"]
    return dict(zip(words[2::2], words[3::2], strict=True))


def means(record: Record, registry: Registry) -> None:
    """Prove that the command of a record asks for its method, its attacker and its seeds."""
    (line,) = commands([record], registry)
    asked = options(line)
    method, side = method_part(registry, parse(asked["--method"]), asked["--preset"])
    attacker = attacker_parts(registry, asked["--attacker"], asked["--preset"])
    assert method.published()["config"] == record.method.config, line
    assert ({} if side.true else side.published()) == MethodIdentity.of(record).side_information
    assert [part.published()["config"] for part in attacker] == [part.config for part in record.attacker], line
    assert int(asked["--seed"]) == record.seed


def test_the_command_of_every_published_record_asks_for_what_was_measured() -> None:
    registry = Registry()
    records, _ = Store(ROOT / "results").cells.readable()
    kinds = {(one.written["method"], one.written["attacker"], one.preset): one for one in records}
    for record in kinds.values():
        if 'weights="' not in record.written["method"]:  # a file that is not here
            means(record, registry)


def test_what_a_study_calls_otherwise_is_spelled_out() -> None:
    registry = Registry()
    record = as_asked("ue(eps=4/255, labels=0.8)", "resnet18(lr=0.01)+jpeg(quality=30)")
    named = record.model_copy(update={"written": {"method": "Ours", "attacker": "Theirs"}})
    asked = options(*commands([named], registry))
    assert asked["--method"] == "ue(eps=4/255, labels=0.8)"
    assert asked["--attacker"] == "resnet18(lr=0.01)+jpeg(quality=30)"
    means(named, registry)


def test_seeds_are_ranges_and_method_seeds_that_met_others_get_a_line_of_their_own() -> None:
    records = [made_up(seed=seed, method_seed=one) for one in range(3) for seed in (0, 1, 3)]
    (line,) = commands(records, Registry())
    assert line.endswith("--method-seed 0-2 --seed 0-1,3")
    assert len(commands(records[:-1], Registry())) == 2
    assert "--method-seed" not in commands([made_up("clean")], Registry())[0]


@pytest.mark.parametrize("text", ["orl(identities=3)", "synthetic", "folder(path=faces, identities=2, repeats=drop)"])
def test_the_data_set_is_written_as_run_takes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.chdir(tmp_path)
    Path("faces").mkdir()
    registry = Registry()
    part = source_part(text, registry)
    found = {name: value for name, value in part.config.published().items() if name != "path"}
    data = made_up().data.model_copy(update={"source": part.name, "options": found, "name": part.build().label()})
    asked = options(*commands([made_up(data=data)], registry))
    assert source_part(asked["--data"], registry).config == part.config


@pytest.mark.parametrize("name", ["orl", "orl_varied", "synthetic", "orl40"])
def test_a_folder_that_is_named_like_a_source_is_written_as_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).mkdir()
    data = made_up().data.model_copy(update={"source": "folder", "name": name})
    asked = options(*commands([made_up(data=data)], Registry()))["--data"]
    assert asked == f"./{name}" and source_part(asked, Registry()).entry.name == "folder"


def test_the_files_of_plugins_and_of_foreign_sets_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "plugins" / "mine.py"
    file.parent.mkdir()
    file.write_text((ROOT / "tests" / "testing" / "good" / "method.py").read_text())
    record = made_up("mine")
    assert "--plugin FILE" in commands([record], Registry())[0]
    assert "--plugin plugins/mine.py" in commands([record], Registry([file]))[0]
    assert "--plugin" not in commands([made_up()], Registry([file]))[0]

    method = record.method.model_copy(
        update={"name": "protected", "config": {"name": "theirs", "content": "auto", "values": "auto", "resize": False}}
    )
    foreign = made_up(assets=[{"file": "theirs.npy", "sha256": "0" * 64}]).model_copy(update={"method": method})
    assert "--protected theirs=theirs.npy" in commands([foreign], Registry())[0]
    assert "--method" not in commands([foreign], Registry())[0]
    method.config["values"] = "0..1"
    text = 'protected(file="theirs.npy", name=theirs, values="0..1")'
    assert f"--method '{text}'" in commands([foreign], Registry())[0]
