"""Collect the checks of a plugin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from unittest import SkipTest

from uebench.errors import UsageError
from uebench.plugins.base import Attacker, Countermeasure, Method, Plugin, Source
from uebench.plugins.registry import preset_options
from uebench.plugins.validation import validate
from uebench.testing.attackers import AttackerSuite
from uebench.testing.checks import Check
from uebench.testing.common import Suite, all_checks
from uebench.testing.countermeasures import CountermeasureSuite
from uebench.testing.methods import MethodSuite
from uebench.testing.sources import SourceSuite

PRESET = "smoke"
SUITES: Mapping[type[Plugin[Any]], type[Suite[Any, Any]]] = {
    Method: MethodSuite,
    Attacker: AttackerSuite,
    Countermeasure: CountermeasureSuite,
    Source: SourceSuite,
}


def checks(plugin: Plugin[Any] | type[Plugin[Any]]) -> list[Check]:
    """Return the checks of a plugin, to call one by one or to pass to ``pytest.mark.parametrize``.

    Args:
        plugin: A class, which is checked with the options of the preset ``smoke`` and its own defaults, or an
            instance, which is checked with its own options.

    Raises:
        UsageError: If it is not a plugin, or if an option without a default is missing.
    """
    cls = plugin if isinstance(plugin, type) else type(plugin)
    suite = next((suite for contract, suite in SUITES.items() if issubclass(cls, contract)), None)
    if suite is None:
        raise UsageError(f"plugin {cls.__name__}: not a Method, Attacker, Countermeasure or Source")
    if isinstance(plugin, type):
        options = preset_options(cls, PRESET, PRESET)
        config = validate(cls.Config, options, f"{suite.kind} {cls.name!r}")
    else:
        config = plugin.config
    return all_checks(suite(cls, config))


def check_plugin(plugin: Plugin[Any] | type[Plugin[Any]]) -> None:
    """Run all checks of a plugin.

    Args:
        plugin: As ``checks`` takes it.

    Raises:
        ContractError: At the first check that fails.
        UsageError: As ``checks`` raises it.
    """
    for check in checks(plugin):
        try:
            check()
        except SkipTest:
            continue
