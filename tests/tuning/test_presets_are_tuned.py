"""The presets of ``desk`` are what won on held-out photographs, after as many trials for one as for the other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tools.pages.trials import Trial, count, of_architectures, of_methods, planned
from uebench.plugins.registry import Registry
from uebench.plugins.scan import Kind
from uebench.plugins.spec import Spec

REGISTRY = Registry()
WHERE_FROM = {"weights"}
"""Options that say where an outcome comes from, not how it is computed."""
FOUND: Mapping[Kind, dict[str, list[Trial]]] = {"attacker": of_architectures(), "method": of_methods()}


def complete(kind: Kind) -> dict[str, list[Trial]]:
    """Return the trials of each plugin of a kind of which all have been made, the best first."""
    return {name: trials for name, trials in FOUND[kind].items() if len(trials) == count(kind)[name]}


BEST = [(kind, name, trials[0]) for kind in FOUND for name, trials in complete(kind).items()]
PLANNED = [(kind, spec) for kind in FOUND for spec in planned(kind) if spec.name in complete(kind)]


@pytest.mark.parametrize("kind", ["attacker", "method"])
def test_each_has_the_same_number_of_trials(kind: Kind) -> None:
    assert len(set(count(kind).values())) == 1


def test_no_trial_saw_a_test_photograph() -> None:
    trials = [trial for found in FOUND.values() for group in found.values() for trial in group]
    for trial in trials:
        data = trial.record.data
        assert data.name == "faces50[:10] validation without repeats"
        assert (data.options["validation"], data.options["repeats"]) == (0.5, "drop")


@pytest.mark.parametrize(("kind", "name", "best"), BEST)
def test_the_preset_is_the_best_trial(kind: Kind, name: str, best: Trial) -> None:
    assert options(kind, Spec(name)) == _computed(best.options)


@pytest.mark.parametrize(("kind", "spec"), PLANNED, ids=str)
def test_the_grids_still_describe_the_trials(kind: Kind, spec: Spec) -> None:
    tried = [_computed(trial.options) for trial in FOUND[kind][spec.name]]
    assert tried.count(options(kind, spec)) == 1


def options(kind: Kind, spec: Spec) -> dict[str, Any]:
    return _computed(REGISTRY.build(kind, spec, "desk").config.published())


def _computed(options: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in options.items() if key not in WHERE_FROM}
