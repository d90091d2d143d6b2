"""The presets of ``desk`` are what won on held-out photographs, after as many trials for one as for the other."""

from __future__ import annotations

import pytest

from tests.trials import Trial, of_architectures, of_methods, planned
from uebench.plugins.registry import Registry
from uebench.plugins.spec import Spec

REGISTRY = Registry()
WHERE_FROM = {"weights"}
"""Options that say where an outcome comes from, not how it is computed."""


def complete() -> list[tuple[str, str, Trial]]:
    """Return the best trial of each plugin; nothing until all trials have been made, as presets are frozen together."""
    found = {"attacker": of_architectures(), "method": of_methods()}
    if any(len(found[kind].get(name, ())) < count for kind in found for name, count in planned(kind).items()):
        return []
    return [(kind, name, trials[0]) for kind, groups in found.items() for name, trials in groups.items()]


@pytest.mark.parametrize("kind", ["attacker", "method"])
def test_each_has_the_same_number_of_trials(kind: str) -> None:
    assert len(set(planned(kind).values())) == 1


def test_no_trial_saw_a_test_photograph() -> None:
    trials = [trial for found in (of_architectures(), of_methods()) for group in found.values() for trial in group]
    for trial in trials:
        data = trial.record.data
        assert data.name == "faces50[:10] validation without repeats"
        assert (data.options["validation"], data.options["repeats"]) == (0.5, "drop")


@pytest.mark.skipif(not complete(), reason="not all trials have been made yet")
@pytest.mark.parametrize(("kind", "name", "best"), complete())
def test_the_preset_is_the_best_trial(kind: str, name: str, best: Trial) -> None:
    frozen = REGISTRY.build(kind, Spec(name), "desk").config.published()
    tried = {option: value for option, value in best.options.items() if option not in WHERE_FROM}
    assert {option: value for option, value in frozen.items() if option not in WHERE_FROM} == tried
