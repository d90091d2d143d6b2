"""Turn tables into what must be computed for them: methods to train once, protected sets, cells."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from uebench.data.dataset import describe
from uebench.paper.claims import CLAIMS
from uebench.paper.fill import FilledPlace
from uebench.paper.match import DataName, Plugins, RecordIndex, address
from uebench.paper.order import Worth, rank
from uebench.paper.place import MAIN, Table, TablePlace, by_role
from uebench.planning.cell import CellSpec, ProtectionSpec
from uebench.planning.grid import Grid, Plan, PlannedCell, Planner
from uebench.planning.parts import REFERENCE
from uebench.planning.seeds import AnySeeds, seeds_of
from uebench.plugins import presets


class TableRequest:
    """Tables to reproduce on given data sets under one preset."""

    def __init__(
        self,
        tables: Sequence[Table],
        data: Iterable[str],
        preset: str,
        planner: Planner,
        method_seed: AnySeeds = 0,
    ) -> None:
        """Find the data sets.

        Args:
            tables: The tables.
            data: Data sets as ``SET`` or ``ROLE=SET``; by default that of the preset fills the main role.
            preset: ``smoke``, ``desk``, ``desk64`` or ``paper``.
            planner: The planner for protected sets and cells.
            method_seed: Seeds of the methods. A method that is trained once for several sets always has seed 0, and
                what is measured without an attacker has the first of them.

        Raises:
            UsageError: If a name, a role or a seed is wrong.
            DataError: If a data set cannot be read.
        """
        self.tables, self.planner = tables, planner
        self.method_seed = seeds_of(method_seed, "method_seed")
        chosen = presets.get(preset)
        self.specs = {MAIN: chosen.data} | by_role(data)
        sets = {role: describe(spec, chosen.size, planner.registry, planner.cache) for role, spec in self.specs.items()}
        self.roles = {role: DataName(info.name, info.key) for role, info in sets.items()}
        self.plugins = Plugins(planner.registry, preset, planner.store)
        self._sets = {self.roles[role]: info.record for role, info in sets.items()}

    def records(self) -> RecordIndex:
        """Read the records that the store holds now."""
        records = RecordIndex(self.plugins)
        records.sets |= self._sets
        return records

    def trainings(self) -> dict[Path, TablePlace]:
        """Return the weights files that are missing, each with a place that needs it."""
        files = {self.plugins.weights_file(place, self.roles): place for place in self._places(self.tables)}
        return {file: place for file, place in files.items() if file and not file.is_file()}

    def protections(self, tables: Sequence[Table] = (), records: RecordIndex | None = None) -> list[ProtectionSpec]:
        """List the protected sets, each once, that are needed without an attacker and have no record yet.

        Args:
            tables: The tables that need them; all if empty.
            records: What ``records`` returned, to read the store once for several calls.
        """
        records = records or self.records()
        specs = (
            spec
            for place in self._trained(tables or self.tables)
            if not place.attacker and not records.is_measured(place, self.roles)
            for spec in self.planner.protections(
                (self.plugins.method(place, self.roles),),
                (self.specs[place.role],),
                self.plugins.preset,
                self.method_seed[:1],
            )
        )
        return list({spec.key: spec for spec in specs}.values())

    def plan(self, tables: Sequence[Table] = ()) -> Plan:
        """Return the cells of the tables (all if empty), each once, with the clean references."""
        cells: dict[str, PlannedCell] = {}
        for table in tables or self.tables:
            seeds = table.seeds if self.plugins.preset == presets.DEFAULT else 1
            for (role, chains, method_seed), methods in self._grids(table).items():
                grid = Grid(
                    method=tuple(methods), attacker=chains, data=(self.specs[role],), seed=tuple(range(seeds)),
                    method_seed=method_seed, preset=self.plugins.preset, with_clean=True,
                )  # fmt: skip
                cells |= {cell.spec.key: cell for cell in self.planner.plan(grid).cells}
        return Plan(tuple(cells.values()))

    def worth(self) -> Callable[[CellSpec], Worth]:
        """Return a function from cells to their use; a clean reference serves all that is compared with it."""
        known: dict[tuple[str, str], Worth] = {}
        for table in self.tables:
            for place in self._trained((table,)):
                decides = [claim for claim in CLAIMS if claim.table == table.name]
                serves = 1 + sum(claim.concerns(FilledPlace(place=place)) for claim in decides)
                for method in {self.plugins.method(place, self.roles), REFERENCE} if place.attacker else ():
                    where = self.roles[place.role].key, self.plugins.wanted(method, place.attacker).digest
                    before = known.get(where, Worth(rank(table), 0))
                    known[where] = Worth(min(before.rank, rank(table)), before.serves + serves)
        return lambda cell: known[address(cell)]

    def _grids(self, table: Table) -> dict[tuple[str, tuple[str, ...], tuple[int, ...]], list[str]]:
        """Return methods by role, attackers and method seeds, so that a set is loaded once for many cells."""
        attackers: dict[tuple[str, str, tuple[int, ...]], dict[str, None]] = {}
        for place in self._trained((table,)):
            if place.attacker:
                seeds = (0,) if self.plugins.weights_file(place, self.roles) else self.method_seed
                method = self.plugins.method(place, self.roles)
                attackers.setdefault((place.role, method, seeds), {})[place.attacker] = None
        grids: dict[tuple[str, tuple[str, ...], tuple[int, ...]], list[str]] = {}
        for (role, method, seeds), chains in attackers.items():
            grids.setdefault((role, tuple(chains), seeds), []).append(method)
        return grids

    def _trained(self, tables: Iterable[Table]) -> list[TablePlace]:
        """Return the places whose methods need no training first; the others have no key yet."""
        missing = self.trainings()
        return [p for p in self._places(tables) if self.plugins.weights_file(p, self.roles) not in missing]

    def _places(self, tables: Iterable[Table]) -> list[TablePlace]:
        """Return the places that have a data set and something to run."""
        return [
            place
            for table in tables
            for place in table.places
            if place.method and not place.skip and {place.role, place.trained_on or place.role} <= self.specs.keys()
        ]
