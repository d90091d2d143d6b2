"""Estimate how long cells take, from the records of similar cells.

Time is taken to grow in proportion to the images, the pixels of each, and the epochs. An estimate comes from the most
similar record: one made on this machine if possible, then one with the same countermeasures, options and threads. For a
protected set, a record of the same variant of the method comes before one made on this machine: TUE with a network
takes more than ten times as long as TUE without one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from uebench.planning.cell import CellSpec, ProtectionSpec
from uebench.planning.tasks import Task
from uebench.plugins import questions
from uebench.plugins.base import Training
from uebench.store.record import ProtectionRecord, Record
from uebench.store.record_parts import DataRecord, PluginRecord, Provenance
from uebench.store.store import Store

PASSES = ("epochs", "rounds")
"""Options that set the number of passes over the set."""


@dataclass(frozen=True)
class Conditions:
    """The machine and the threads that a time depends on; a record has them in its ``Provenance``.

    Attributes:
        machine: As ``Provenance.machine``.
        on_cpu: Whether the CPU computes, not a GPU.
        threads: CPU threads per process.
    """

    machine: str
    on_cpu: bool
    threads: int

    def accepts(self, made: Provenance) -> bool:
        """Return whether a record's times can be used here: times on a GPU say nothing about a CPU."""
        return (made.device == "cpu") == self.on_cpu

    def is_same_machine(self, made: Provenance) -> bool:
        """Return whether a record was made on this machine, as far as records tell machines apart."""
        return made.machine == self.machine


class Total(NamedTuple):
    """The time of several tasks.

    Attributes:
        seconds: The sum over all tasks that could be estimated.
        unknown: How many cells could not be estimated, or only without their protected set. A protected set that no
            task needs counts like a cell.
    """

    seconds: float
    unknown: int


class Estimates:
    """Estimates of the time that cells take here, from the records of a store."""

    def __init__(self, store: Store, conditions: Conditions) -> None:
        """Read the records."""
        self._here = conditions
        self._cells: dict[str, list[Record]] = {}
        self._sets: dict[str, list[tuple[ProtectionRecord | Record, Provenance]]] = {}
        self._known: dict[tuple[str, ...], float | None] = {}
        for _, cell in store.cells:
            if cell and conditions.accepts(cell.provenance):
                self._cells.setdefault(cell.attacker[0].name, []).append(cell)
                self._sets.setdefault(cell.method.name, []).append((cell, cell.provenance))
        for _, made in store.protections:
            if made and made.provenance and conditions.accepts(made.provenance):
                self._sets.setdefault(made.method.name, []).append((made, made.provenance))

    def training(self, cell: CellSpec) -> float | None:
        """Return the most seconds that the attacker trains, or None if no record is similar enough.

        A countermeasure on the step can take longer than the training itself. A cell that has one is therefore
        estimated only from records with the same countermeasures.
        """
        about = "training", cell.data.key, cell.protection.preset, cell.attacker_text
        return self._once(about, lambda: self._training(cell))

    def protection(self, spec: ProtectionSpec) -> float | None:
        """Return the seconds that the method takes to learn and to protect the set, or None if no record is similar."""
        about = "protection", spec.data.key, spec.preset, spec.method.written
        return self._once(about, lambda: self._protection(spec))

    def _once(self, about: tuple[str, ...], estimate: Callable[[], float | None]) -> float | None:
        """Estimate once for all cells, or all sets, that are alike but for seeds and weights files."""
        if about not in self._known:
            self._known[about] = estimate()
        return self._known[about]

    def _training(self, cell: CellSpec) -> float | None:
        names = [part.name for part in cell.countermeasures]
        kinds = [names] if any(part.plugin.place == "step" for part in cell.countermeasures) else [names, []]
        options = _options(part.published() for part in cell.chain)
        epochs = questions.epochs(cell.attacker.plugin)
        alike = [
            record
            for record in self._cells.get(cell.attacker.name, ())
            if _network(record.attacker[0].config) == _network(cell.attacker.config.published())
            and [part.name for part in record.attacker[1:]] in kinds
        ]
        if not alike or not epochs:
            return None

        def closeness(record: Record) -> tuple[object, ...]:
            chain, made = record.attacker, record.provenance
            return (
                self._here.is_same_machine(made), [part.name for part in chain[1:]] == names, _shared(options, chain),
                made.threads == self._here.threads, record.data.size == cell.data.size, made.finished,
            )  # fmt: skip

        best = max(alike, key=closeness)
        rate = best.timings.train_images_per_second * best.data.size**2
        return _pixels(cell.data.record) * epochs / rate if rate else None

    def _protection(self, spec: ProtectionSpec) -> float | None:
        is_trained, options = bool(spec.assets), _options([spec.method.published()])
        variant = _variant(spec.method.config.published())
        alike = [
            (record, made)
            for record, made in self._sets.get(spec.method.name, ())
            if bool(record.assets) == is_trained and (record.side_information is None) == spec.side.true
        ]
        if not alike:
            return None

        def closeness(candidate: tuple[ProtectionRecord | Record, Provenance]) -> tuple[object, ...]:
            record, made = candidate
            return (
                _variant(record.method.config) == variant, self._here.is_same_machine(made),
                _shared(options, [record.method]), made.threads == self._here.threads,
                record.data.size == spec.data.size, made.finished,
            )  # fmt: skip

        best, _ = max(alike, key=closeness)
        scale = _pixels(spec.data.record) / _pixels(best.data)
        if not is_trained:
            scale *= _passes(spec.method.config.published()) / _passes(best.method.config)
        return scale * (best.timings.fit_seconds + best.timings.protect_seconds)

    def of(self, spec: CellSpec | ProtectionSpec) -> float | None:
        """Return ``training`` of a cell, or ``protection`` of a set to protect."""
        return self.training(spec) if isinstance(spec, CellSpec) else self.protection(spec)

    def total(self, tasks: Sequence[Task]) -> Total:
        """Return the time that tasks take one after the other."""
        times = {task.key: self.of(task.spec) for task in tasks}
        unknown = {key for key, seconds in times.items() if seconds is None}
        needed = {task.needs for task in tasks}
        ends = [task for task in tasks if task.key not in needed]
        known = sum(seconds for seconds in times.values() if seconds is not None)
        return Total(known, sum(not unknown.isdisjoint((task.key, task.needs)) for task in ends))


def _network(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that describe the network; those of ``Training`` describe how it is trained."""
    return {name: value for name, value in config.items() if name not in Training.model_fields}


def _variant(config: Mapping[str, Any]) -> dict[str, str]:
    """Return the options that are words; numbers scale a method, words choose what it does."""
    return {name: value for name, value in config.items() if isinstance(value, str)}


def _options(parts: Iterable[Mapping[str, Any]]) -> set[str]:
    """Return the options of plugins, each as a text, without those that only scale the time."""
    return {
        f"{part['name']}.{name}={value}"
        for part in parts
        for name, value in part["config"].items()
        if name not in PASSES
    }


def _shared(options: set[str], parts: Iterable[PluginRecord]) -> int:
    return len(options & _options(part.identity for part in parts))


def _passes(config: Mapping[str, Any]) -> int:
    return next((int(config[name]) for name in PASSES if name in config), 1)


def _pixels(data: DataRecord) -> int:
    return data.train_images * data.size**2
