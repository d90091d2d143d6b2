"""The presets of ``desk`` are what won on held-out photographs, after as many trials for one as for the other."""

from __future__ import annotations

import pytest

from tests.trials import Trial, of_architectures, of_methods
from uebench.plugins.registry import Registry
from uebench.plugins.spec import Spec

REGISTRY = Registry()
MECHANICS = {"weights"}
"""Options that say where the outcome comes from, not how it is computed."""


@pytest.mark.parametrize("found", [of_architectures(), of_methods()], ids=["architectures", "methods"])
def test_each_had_the_same_number_of_trials(found: dict[str, list[Trial]]) -> None:
    assert len({len(trials) for trials in found.values()}) == 1, {name: len(trials) for name, trials in found.items()}


def test_no_trial_saw_a_test_photograph() -> None:
    trials = [*of_architectures().values(), *of_methods().values()]
    seen = {(one.record.data.name, one.record.data.options["validation"]) for group in trials for one in group}
    assert {name for name, _ in seen} == {"faces50[:10] validation without repeats"}
    assert all(share > 0 for _, share in seen)


@pytest.mark.parametrize(
    ("kind", "name", "best"),
    [("attacker", name, trials[0]) for name, trials in of_architectures().items()]
    + [("method", name, trials[0]) for name, trials in of_methods().items()],
)
def test_the_preset_is_the_best_trial(kind: str, name: str, best: Trial) -> None:
    frozen = REGISTRY.build(kind, Spec(name), "desk").config.published()
    tried = {option: value for option, value in best.options.items() if option not in MECHANICS}
    assert {option: value for option, value in frozen.items() if option not in MECHANICS} == tried
