"""Which random streams an attacker draws from, so that it never begins with the weights of the surrogate model.

A task's random streams depend on its seed and on their names. A method that builds a ResNet-18 as its surrogate model,
and an attacker that builds one under the same seed, therefore begin with the same weights. The protection then holds
much better than against any other start: see ``docs/numbers.md``. An attacker whose seed equals the method's draws from
streams of its own, unless neither can begin like the other.

The lists below are closed, and a new plugin is never added. They only keep the keys of cells that were measured before
this rule. A method that is not listed counts as one that may have any surrogate model.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from uebench.store.record import Record

OTHER_METHODS = frozenset({
    "clean", "random", "protected", "lsp", "ar", "ops", "cuda", "pil", "uc", "segue", "segue_restart", "gue",
    "deepconfuse",
})  # fmt: skip
"""Methods without a surrogate model, or with one whose weights come from a stream of the method's own."""

WITH_RESNET = frozenset({"ue", "rue", "tue", "sem", "tap", "hypocritical", "aue", "aap", "bait"})
"""Methods whose surrogate model, if any, is a ResNet-18 that begins like the attacker's of the same seed."""

OTHER_ATTACKERS = frozenset({"mobilenet_v1", "inception_v3", "efficientnet_b1", "finetune", "linear_probe", "knn"})
"""Attackers whose network has other layers than a ResNet, or begins with weights from a file."""


def needs_own_streams(method: Mapping[str, Any], method_seed: int, attacker: str, seed: int) -> bool:
    """Return whether an attacker must draw from streams of its own.

    Args:
        method: Name and options of the method, as ``Part.published`` gives them.
        method_seed: The method's seed.
        attacker: Name of the attacker.
        seed: Its seed.
    """
    name = method["name"]
    if seed != method_seed or name in OTHER_METHODS:
        return False
    if name in WITH_RESNET:
        return attacker not in OTHER_ATTACKERS and _has_untrained_surrogate(name, method["config"])
    return True


def shares_start(record: Record) -> bool:
    """Return whether the attacker of an early record may have begun with the weights of the surrogate model."""
    needs = needs_own_streams(record.method.identity, record.method_seed, record.attacker[0].name, record.seed)
    return needs and not record.own_streams


def _has_untrained_surrogate(name: str, config: Mapping[str, Any]) -> bool:
    match name:
        case "tue":  # an encoder of weight 0 is not built
            weight = config.get("ssl_weight")
            return bool(config.get("variant") == "paper" if weight is None else weight)
        case "bait":
            return config.get("surrogate") is None
    return True
