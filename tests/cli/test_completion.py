"""What a shell offers when the user presses Tab."""

from __future__ import annotations

import pytest

from tests.conftest import ROOT, Command

ASK = {"_UEBENCH_COMPLETE": "complete_bash"}


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("run --method seg", ["segue", "segue_restart", "segue_unguided"]),
        ("run --attacker resnet", ["resnet18", "resnet50"]),
        ("run --attacker resnet18+mi", ["resnet18+mixed", "resnet18+mixup"]),
        ("run --attacker 'resnet18+mixup(al", ["resnet18+mixup(alpha="]),
        ("run --method 'segue(eps=8/255,rho", ["segue(eps=8/255,rho_d=", "segue(eps=8/255,rho_steps="]),
        ("run --data or", ["orl", "orl_varied"]),
        ("show lin", ["linear_probe"]),
        (f"run --plugin {ROOT}/docs/example_plugin.py --method str", ["stripes"]),
        ("run --plugin absent.py --method str", []),
        ("new so", ["source"]),
        ("audit --method seg", ["segue", "segue_restart", "segue_unguided"]),
        ("figure 3 --method seg", ["segue", "segue_restart", "segue_unguided"]),
        ("study table to", ["today"]),
        (f"study run {ROOT}/examples/two_", [f"{ROOT}/examples/two_protections.toml"]),
        ("study figure mine.toml --kind ma", ["matrix"]),
        ("run --preset desk6", ["desk64"]),
        (f"show --results {ROOT}/results d700c37", ["d700c37f245b"]),
        (f"export --results {ROOT}/results d700c37", ["d700c37f245b"]),
    ],
)
def test_names_and_options_are_completed(
    words: str, offered: list[str], uebench: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {**ASK, "COMP_WORDS": f"uebench {words}", "COMP_CWORD": str(len(words.split()))}.items():
        monkeypatch.setenv(name, value)
    assert uebench().out.split() == offered
