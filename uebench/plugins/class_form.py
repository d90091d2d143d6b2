"""Check that an imported plugin class has the form that its contract asks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from uebench.plugins import base
from uebench.plugins.scan import CONTRACTS, Kind

if TYPE_CHECKING:
    from uebench.plugins.base import Plugin

RESERVED: Mapping[Kind, frozenset[str]] = {"method": frozenset({"preset", "labels", "embedding"})}
"""Options that every plugin of a kind has, so that its own cannot have these names; of other kinds, ``preset``."""


def fault(plugin: object, kind: Kind) -> str:
    """Return what is wrong with a class, and the remedy; empty if nothing is.

    Args:
        plugin: What the plugin's module holds under the name of its class.
        kind: The kind of plugin that its source declares.
    """
    contract = next(name for name, its_kind in CONTRACTS.items() if its_kind == kind)
    if not (isinstance(plugin, type) and issubclass(plugin, getattr(base, contract))):
        return f"does not inherit from {contract} once it is imported; assign nothing else to this name"
    if missing := sorted(getattr(plugin, "__abstractmethods__", ())):
        return f"lacks {' and '.join(missing)}; define what the contract of {contract} asks for"
    config = getattr(plugin, "Config", None)
    if not (isinstance(config, type) and issubclass(config, base.Config)):
        return "has no Config; write `Config = MyConfig`, a class that inherits from uebench.plugins.base.Config"
    try:
        config.model_rebuild()
    except Exception as error:  # of pydantic or of the plugin's annotations
        reason = str(error).splitlines()[0]
        return f"has a Config with unknown types: {reason}; import them outside `if TYPE_CHECKING`"
    if taken := sorted(RESERVED.get(kind, {"preset"}) & config.model_fields.keys()):
        return f"has an option {taken[0]!r}, which uebench itself reads in name({taken[0]}=...); rename it"
    return _of_tables(plugin) or _of_places(plugin)


def _of_tables(plugin: type[Plugin[base.Config]]) -> str:
    for name, of_what in (("presets", "options"), ("why", "sentences"), ("earlier", "sentences")):
        if not isinstance(getattr(plugin, name), Mapping):
            return f"has `{name}` that is not a dict; write {{name: {of_what}}}"
    for preset, options in plugin.presets.items():
        if not isinstance(options, Mapping):
            return f"has a preset {preset!r} that is not a dict; write {{option: value}}"
        if unknown := sorted(set(map(str, options)) - set(plugin.Config.model_fields)):
            return f"has a preset {preset!r} with an option {unknown[0]!r} that its Config lacks; rename or remove it"
    return ""


def _of_places(plugin: type[Plugin[base.Config]]) -> str:
    if issubclass(plugin, base.Attacker):
        known = [place for place in base.PLACES if place not in base.BEFORE_TRAINING]
        if not isinstance(plugin.places, tuple | list):
            return f"has `places` that is not a tuple; write those of {known} where it calls countermeasures"
        if unknown := [place for place in plugin.places if place not in base.PLACES]:
            return f"has a place {unknown[0]!r}; choose from {', '.join(known)}"
    return ""
