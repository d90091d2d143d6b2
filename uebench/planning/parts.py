"""Make the plugins of a cell from the text that the user wrote."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any

from uebench.data.foreign.method import Protected, ProtectedConfig
from uebench.data.side_information import SideInformation, split_options
from uebench.errors import UsageError
from uebench.plugins.base import BEFORE_TRAINING, PLACES, Attacker, Countermeasure, Method
from uebench.plugins.part import Part
from uebench.plugins.registry import Registry
from uebench.plugins.scan import Kind
from uebench.plugins.spec import Spec, parse_chain

REFERENCE = "clean"
"""The method that leaves the images as they are; its cells are the reference for all others."""
SEEDLESS = frozenset({REFERENCE, Protected.name})
"""The methods without seeds: the reference, and sets protected by other code."""
ALL = "all"
"""The word for every plugin without required options."""


def has_seed(method: Part[Method[Any]]) -> bool:
    """Return whether a method has seeds."""
    return method.name not in SEEDLESS


def every(registry: Registry, kind: Kind, texts: Iterable[str]) -> list[str]:
    """Replace ``all``, also in ``all+jpeg``, by every plugin without required options.

    Args:
        registry: The plugins.
        kind: ``method`` or ``attacker``.
        texts: What the user wrote.
    """
    expanded: list[str] = []
    for text in texts:
        head, plus, rest = text.partition("+")
        expanded += [name + plus + rest for name in registry.ready(kind)] if head.strip() == ALL else [text]
    return expanded


def method_part(registry: Registry, spec: Spec, preset: str) -> tuple[Part[Method[Any]], SideInformation]:
    """Return a method, and the side information that its options name.

    Raises:
        UsageError: If a name or an option is wrong.
    """
    rest, side = split_options(spec)
    part: Part[Method[Any]] = make_part(registry, "method", rest, preset, side.written())
    if not isinstance(part.config, ProtectedConfig):
        return part, side
    name = part.config.name
    if name != part.name and ("method", name) in registry:
        raise UsageError(f"protected {name!r}: a method has this name; choose another, such as {name}_authors")
    if not side.true:
        raise UsageError(f"protected {name!r}: a finished set takes no labels; leave out the option labels")
    return replace(part, written=name), side


def make_part(
    registry: Registry, kind: Kind, spec: Spec, preset: str, more: Mapping[str, Any] | None = None
) -> Part[Any]:
    """Return a plugin with its options validated.

    Args:
        registry: The plugins.
        kind: ``method``, ``attacker`` or ``countermeasure``.
        spec: What the user wrote.
        preset: The preset that sets the options which the user left out.
        more: Further options that the label shows.

    Raises:
        UsageError: If a name or an option is wrong.
    """
    config = registry.build(kind, spec, preset).config
    plain, published = config.model_dump(mode="json"), config.published()
    paths = {name: value for name, value in published.items() if value != plain.get(name)}  # published without folders
    options = {name: paths.get(name, value) for name, value in spec.options.items()}
    return Part(registry.entry(kind, spec.name), config, str(Spec(spec.name, {**options, **(more or {})})))


def attacker_parts(
    registry: Registry, text: str, preset: str
) -> tuple[Part[Attacker[Any]], *tuple[Part[Countermeasure[Any]], ...]]:
    """Return an attacker and its countermeasures, in order.

    Raises:
        UsageError: If a name, an option or the order is wrong.
    """
    architecture, *others = parse_chain(text)
    measures: list[Part[Countermeasure[Any]]] = [make_part(registry, "countermeasure", spec, preset) for spec in others]
    order = list(PLACES)
    for measure in measures:
        place, hooks = measure.plugin.place, measure.plugin.hooks()
        if place not in PLACES:
            raise UsageError(f"countermeasure {measure.entry.name!r}: place must be one of {', '.join(PLACES)}")
        if hooks != (place,):
            raise UsageError(
                f"countermeasure {measure.entry.name!r}: its place is {place!r}, so it must override on_{place} and no "
                f"other hook; it overrides {' and '.join(f'on_{one}' for one in hooks) or 'none'}"
            )
    for first, second in pairwise(measures):
        before, after = first.plugin.place, second.plugin.place
        if order.index(after) < order.index(before):
            raise UsageError(
                f"{text!r}: {second.name} acts on {PLACES[after]}, which comes before {PLACES[before]}, where "
                f"{first.name} acts; write {second.name} first"
            )
        if before == after == "epoch":
            raise UsageError(f"{text!r}: more than one countermeasure chooses the epoch; leave out all but one")
    if sum(measure.plugin.replaces_gradient() for measure in measures) > 1:
        raise UsageError(f"{text!r}: more than one countermeasure replaces the gradient; leave out all but one")
    attacker: Part[Attacker[Any]] = make_part(registry, "attacker", architecture, preset)
    for measure in measures:
        place, name = measure.plugin.place, measure.entry.name
        if place not in (*BEFORE_TRAINING, *attacker.plugin.places):
            raise UsageError(
                f"{text!r}: {name} acts on {PLACES[place]}, where {attacker.entry.name} takes no countermeasure; leave "
                f"it out, or (in {attacker.entry.source.name}) call on_{place} in fit and add {place!r} to places"
            )
    return (attacker, *measures)
