"""From a request to cells with keys, without torch: what is done, what is to do, what is impossible and why."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cache, cached_property
from itertools import pairwise, product
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from uebench import presets
from uebench.api import Attacker, Config, Countermeasure, Method
from uebench.data import Dataset, load
from uebench.data.side_information import SideInformation, split_off
from uebench.errors import DataError, UsageError, in_words
from uebench.registry import Entry, Registry
from uebench.spec import Spec, key, parse, parse_chain
from uebench.store import DamagedError, Store

REFERENCE = "clean"
"""The method whose cells every other is compared with: it leaves the images as they are."""

EVALUATION = {"set": "clean test", "accuracy": "top-1", "epoch": "last"}

PLACES = {
    "scope": "what is protected",
    "set": "the set",
    "batch": "the batch",
    "step": "the step",
    "epoch": "the choice of the epoch",
}
"""Where countermeasures act, in the order in which a run gets there."""

Status = Literal["done", "to do", "damaged", "impossible"]


class Grid(Config):
    """What ``uebench run`` is asked for; a TOML file holds the same names.

    Attributes:
        method: Methods, each as ``name(option=value)``.
        attacker: Attackers, each as ``architecture(option=value)+countermeasure(option=value)``.
        data: Data sets; the preset's own if none is named.
        seed: Seeds of the attackers.
        method_seed: Seed of the methods.
        preset: ``smoke``, ``desk`` or ``paper``.
        with_clean: Also train every attacker on the unprotected images.
    """

    method: tuple[str, ...] = Field(min_length=1)
    attacker: tuple[str, ...] = Field(min_length=1)
    data: tuple[str, ...] = ()
    seed: tuple[int, ...] = (0,)
    method_seed: int = 0
    preset: str = presets.DEFAULT
    with_clean: bool = False


@dataclass(frozen=True)
class Part:
    """A plugin of a cell: where it comes from, and itself."""

    entry: Entry
    plugin: Any
    written: str

    def published(self) -> dict[str, Any]:
        """Return name, version and options, as keys and records hold them."""
        return {"name": self.entry.name, "version": self.entry.version, "config": self.plugin.config.published()}


@dataclass(frozen=True, kw_only=True)
class Protection:
    """One set to protect: (data, method, side information, seed of the method)."""

    dataset: Dataset
    method: Part
    side: SideInformation
    method_seed: int
    preset: str
    reason: str = field(default="", compare=False)

    @property
    def assets(self) -> tuple[tuple[str, str], ...]:
        """Return name and sha256 of each file that the protected set depends on."""
        return _digests((*self.method.plugin.assets(self.dataset.size), *self.side.assets()))

    @cached_property
    def protect_key(self) -> str:
        """Return the address of the protected set."""
        labels = {} if self.side.true else {"side_information": self.side.published()}
        return key(
            data=self.dataset.key,
            method=self.method.published(),
            assets=[digest for _, digest in self.assets],
            seed=self.method_seed,
            **labels,
        )

    @property
    def title(self) -> str:
        """Return the protection in words, for messages."""
        return f"{self.dataset.name}: {self.method.written}"

    def plugins(self) -> tuple[Part, ...]:
        """Return every plugin that takes part."""
        return (self.method,)

    def obstacle(self) -> str:
        """Return why this cannot be done, or nothing."""
        if reason := self.side.obstacle():
            return f"{self.method.written}: {reason}"
        for part in self.plugins():
            if reason := part.plugin.obstacle(self.dataset.shape):
                return f"{part.written}: {reason}"
        return ""


@dataclass(frozen=True, kw_only=True)
class Cell(Protection):
    """One measurement to make: a protection, and who attacks it: (data, method, attacker, seed)."""

    attacker: Part
    countermeasures: tuple[Part, ...]
    seed: int
    status: Status = "to do"

    @cached_property
    def key(self) -> str:
        """Return the address of the record."""
        chain = [part.published() for part in (self.attacker, *self.countermeasures)]
        digests = [digest for _, digest in self.attacker_assets]
        assets = {"assets": digests} if digests else {}
        return key(protect=self.protect_key, attacker=chain, evaluation=EVALUATION, seed=self.seed, **assets)

    @property
    def attacker_assets(self) -> tuple[tuple[str, str], ...]:
        """Return name and sha256 of each file that the attack depends on."""
        chain = (self.attacker, *self.countermeasures)
        return _digests(file for part in chain for file in part.plugin.assets(self.dataset.size))

    @property
    def attacker_text(self) -> str:
        """Return the attacker's chain as it was written."""
        return "+".join(part.written for part in (self.attacker, *self.countermeasures))

    @property
    def title(self) -> str:
        """Return the cell in words, for messages."""
        return f"{self.dataset.name}: {self.method.written} vs {self.attacker_text}, seed {self.seed}"

    def plugins(self) -> tuple[Part, ...]:
        """Return every plugin that takes part."""
        return (self.method, self.attacker, *self.countermeasures)


def protections(
    methods: Iterable[str], data: Iterable[str], preset: str, method_seed: int, registry: Registry, store: Store
) -> list[Protection]:
    """List the sets to protect, each once, with the reason where one is impossible.

    Raises:
        UsageError: If a name, an option or a preset is wrong.
        DataError: If a data set cannot be read.
    """
    stage = presets.get(preset)
    parts = [method_part(registry, parse(text), preset) for text in methods]
    sets = [load(text, stage.size, registry, store.work / "data") for text in tuple(data) or (stage.data,)]
    unique: dict[str, Protection] = {}
    for dataset, (method, side) in product(sets, parts):
        one = Protection(dataset=dataset, method=method, side=side, method_seed=method_seed, preset=preset)
        unique.setdefault(one.protect_key, replace(one, reason=one.obstacle()))
    return list(unique.values())


def plan(grid: Grid, registry: Registry, store: Store) -> list[Cell]:
    """List the cells of a grid with their status, each once, the reference cells first.

    Raises:
        UsageError: If a name, an option or a preset is wrong.
        DataError: If a data set cannot be read.
    """
    methods = list(grid.method)
    if grid.with_clean and REFERENCE not in methods:
        methods.insert(0, REFERENCE)
    protected = protections(methods, grid.data, grid.preset, grid.method_seed, registry, store)
    chains = [attacker_parts(registry, text, grid.preset) for text in grid.attacker]
    cells: dict[str, Cell] = {}
    for protection, (attacker, *countermeasures), seed in product(protected, chains, grid.seed):
        inherited = {part.name: getattr(protection, part.name) for part in fields(Protection)}
        cell = Cell(**inherited, attacker=attacker, countermeasures=tuple(countermeasures), seed=seed)
        cells.setdefault(cell.key, _with_status(cell, store))
    return list(cells.values())


def reference(cell: Cell, registry: Registry) -> Cell:
    """Return the cell that trains the same attacker on the unprotected images."""
    method, side = method_part(registry, Spec(REFERENCE), cell.preset)
    return replace(cell, method=method, side=side, method_seed=0)


Rates = Mapping[tuple[str, int, tuple[str, ...]], float]
"""Images a second by attacker, image size and countermeasures."""


def estimate(cell: Cell, rates: Rates) -> float | None:
    """Return the training seconds to expect at most, from the rates of recorded cells, or None if none is alike.

    Args:
        cell: The cell.
        rates: As ``known_rates`` returns them. What acts in a step costs more than training alone, so that only a
            record with the same countermeasures will do.
    """
    chain = tuple(part.entry.name for part in cell.countermeasures)
    costly = any(part.plugin.place == "step" for part in cell.countermeasures)
    kinds = [chain] if costly else [chain, ()]
    known = [rates.get((cell.attacker.entry.name, cell.dataset.size, kind)) for kind in kinds]
    rate = next((rate for rate in known if rate), None)
    epochs = getattr(cell.attacker.plugin.config, "epochs", None)
    return len(cell.dataset.train.labels) * epochs / rate if rate and epochs else None


def known_rates(store: Store) -> Rates:
    """Return the training rates that the store's records hold, the newest of each kind."""
    rates = {}
    records = [record for _, record in store.cells() if record]
    for record in sorted(records, key=lambda record: record["provenance"]["finished"]):
        architecture, *chain = (part["name"] for part in record["attacker"])
        rates[architecture, record["data"]["size"], tuple(chain)] = record["timings"]["train_images_per_second"]
    return rates


def method_part(registry: Registry, spec: Spec, preset: str) -> tuple[Part, SideInformation]:
    """Return a method, and the side information that its options name.

    Raises:
        UsageError: If a name or an option is wrong.
    """
    rest, side = split_off(spec)
    return _part(registry, "method", rest, preset, side.written()), side


def _part(registry: Registry, kind: str, spec: Spec, preset: str, more: Mapping[str, Any] | None = None) -> Part:
    training = presets.get(preset).training if kind == "attacker" else None
    plugin = registry.build(kind, spec, preset, training)
    expected = {"method": Method, "attacker": Attacker, "countermeasure": Countermeasure}[kind]
    assert isinstance(plugin, expected)
    plain, published = plugin.config.model_dump(mode="json"), plugin.config.published()
    hidden = {name: value for name, value in published.items() if value != plain.get(name)}
    options = {name: hidden.get(name, value) for name, value in spec.options.items()}
    return Part(registry.entry(kind, spec.name), plugin, str(Spec(spec.name, options | dict(more or {}))))


def attacker_parts(registry: Registry, text: str, preset: str) -> list[Part]:
    """Return an attacker and its countermeasures, in order.

    Raises:
        UsageError: If a name, an option or the order is wrong.
    """
    first, *others = parse_chain(text)
    measures = [_part(registry, "countermeasure", spec, preset) for spec in others]
    order = list(PLACES)
    for measure in measures:
        if getattr(measure.plugin, "place", None) not in PLACES:
            raise UsageError(f"countermeasure {measure.entry.name!r}: place must be one of {', '.join(PLACES)}")
    for one, two in pairwise(measures):
        before, after = one.plugin.place, two.plugin.place
        if order.index(after) < order.index(before):
            raise UsageError(
                f"{text!r}: {two.entry.name} acts on {PLACES[after]}, which comes before {PLACES[before]}, where "
                f"{one.entry.name} acts; write {two.entry.name} first"
            )
        if before == after == "epoch":
            raise UsageError(f"{text!r}: {two.entry.name} comes after another choice of the epoch; leave one out")
    attacker = _part(registry, "attacker", first, preset)
    able = attacker.plugin.places
    for measure in measures:
        place = measure.plugin.place
        if able is not None and place != "scope" and place not in able:
            raise UsageError(
                f"{text!r}: {measure.entry.name} acts on {PLACES[place]}, and {attacker.entry.name} takes "
                f"countermeasures on {' and '.join(PLACES[one] for one in able)} only; leave {measure.entry.name} out"
            )
    return [attacker, *measures]


def _with_status(cell: Cell, store: Store) -> Cell:
    if reason := cell.obstacle():
        return replace(cell, status="impossible", reason=reason)
    try:
        return replace(cell, status="done") if store.read_cell(cell.key) else cell
    except DamagedError as damage:
        return replace(cell, status="damaged", reason=str(damage))


def _digests(files: Iterable[Path]) -> tuple[tuple[str, str], ...]:
    return tuple((file.name, file_digest(file)) for file in files)


@cache
def file_digest(file: Path) -> str:
    """Return the sha256 of a file, as keys and records hold it.

    Raises:
        DataError: If it cannot be read.
    """
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError as error:
        raise DataError(f"{file}: weights cannot be read ({in_words(error)})") from None
