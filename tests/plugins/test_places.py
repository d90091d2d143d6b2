from __future__ import annotations

from pathlib import Path

import pytest

from tests.plugin_files import plugin_file
from uebench.errors import UsageError
from uebench.planning.parts import attacker_parts
from uebench.plugins.base import Config
from uebench.plugins.registry import Registry

FIT = "def fit(self, train, countermeasures, ctx): ...  # a loop of its own, which calls on_batch alone"
TWO = """
place = "set"
def on_set(self, train, rng): ...
def on_batch(self, images, targets, rng): ...
"""


def plan(folder: Path, chain: str, places: str = "") -> list[str]:
    mine = plugin_file(folder / "mine.py", f"{places}\n{FIT}", "Attacker")
    registry = Registry([mine, plugin_file(folder / "two.py", TWO, "Countermeasure")])
    return [part.entry.name for part in attacker_parts(registry, f"mine+{chain}", "smoke")]


@pytest.mark.parametrize("measure", ["adversarial(rho=4/255)", "mixup", "early_stop"])
def test_an_attacker_that_names_no_place_takes_no_countermeasure_in_its_training(tmp_path: Path, measure: str) -> None:
    with pytest.raises(
        UsageError, match=r"where mine takes no countermeasure; leave it out, or \(in mine\.py\) call on_"
    ):
        plan(tmp_path, measure)


def test_an_attacker_takes_countermeasures_where_it_says_so(tmp_path: Path) -> None:
    assert plan(tmp_path, "mixup", "places = ('batch',)") == ["mine", "mixup"]
    with pytest.raises(UsageError, match="adversarial acts on the step"):
        plan(tmp_path, "mixup+adversarial", "places = ('batch',)")


def test_every_attacker_takes_countermeasures_on_the_scope_and_on_the_set(tmp_path: Path) -> None:
    assert plan(tmp_path, "mixed+jpeg(quality=5)") == ["mine", "mixed", "jpeg"]


def test_a_countermeasure_that_acts_in_two_places_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="it must override on_set and no other hook; it overrides on_set and on_batch"):
        plan(tmp_path, "two")


def test_an_attacker_tells_how_many_passes_it_makes_at_most(registry: Registry) -> None:
    passes = {}
    for text in ("resnet18(epochs=7)", "simclr(epochs=7, probe_epochs=2)", "knn"):
        part = attacker_parts(registry, text, "smoke")[0]
        passes[part.entry.name] = part.plugin.epochs
    assert passes == {"resnet18": 7, "simclr": 9, "knn": None}


def test_options_without_an_eps_leave_a_method_no_budget(registry: Registry) -> None:
    clean, random = (registry.entry("method", name).plugin for name in ("clean", "random"))
    assert clean(Config()).budget(64).eps == 0  # type: ignore[attr-defined]
    assert random(random.Config(eps=4 / 255)).budget(64).eps == 4 / 255  # type: ignore[attr-defined]
