"""The results of a run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Literal, TypeVar, overload

from uebench.api.workspace import Texts, several
from uebench.planning.cell import CellSpec, ProtectionSpec
from uebench.planning.staleness import changed_plugins
from uebench.store.record import Failure, ProtectionRecord, Record

if TYPE_CHECKING:
    import pandas as pd

    from uebench.api.workspace import Workspace


class Records(Sequence[Record]):
    """Records of cells, as pandas frames and LaTeX."""

    def __init__(self, records: Iterable[Record]) -> None:
        """Keep the records in the given order."""
        self._records = tuple(records)

    def __len__(self) -> int:
        """Return the number of records."""
        return len(self._records)

    @overload
    def __getitem__(self, index: int) -> Record: ...
    @overload
    def __getitem__(self, index: slice) -> Records: ...
    def __getitem__(self, index: int | slice) -> Record | Records:
        """Return one record, or the records of a slice."""
        return Records(self._records[index]) if isinstance(index, slice) else self._records[index]

    def __iter__(self) -> Iterator[Record]:
        """Yield the records."""
        return iter(self._records)

    def frame(self) -> pd.DataFrame:
        """Return one row per cell; ``uebench.analysis.frame`` names the columns."""
        from uebench.analysis.frame import frame

        return frame(self._records)

    def matrix(self) -> pd.DataFrame:
        """Return mean clean test accuracy in %: methods down, attackers across."""
        from uebench.analysis.frame import matrix

        return matrix(self._records)

    def compare(self, methods: Texts = (), attackers: Texts = (), peak: bool = False, across: str = "") -> pd.DataFrame:
        """Return one row for every two methods that faced the same attacker on the same photographs.

        ``uebench.analysis.comparison`` names the columns. Photographs and attacker seeds are paired, and p values are
        corrected for the number of rows (Holm). Therefore choose the methods before you see the results.

        Args:
            methods: Only these methods, by name or as written; empty for all.
            attackers: Only these attackers, as ``resnet18+jpeg`` or as written; empty for all.
            peak: Whether to compare each attacker after its best epoch, which no attacker knows, instead of its last.
            across: An option of methods or attackers, such as ``precision``, whose values are compared instead: one row
                for every two pairs of method and attacker that differ in nothing else.
        """
        from uebench.analysis.comparison import frame
        from uebench.analysis.option_values import comparisons

        chosen = several(methods, "methods"), several(attackers, "attackers")
        return frame(comparisons(self._records, *chosen, peak, across))

    def leaderboard(self, attackers: Texts = ()) -> pd.DataFrame:
        """Return one row per method on each data set: its range of ranks, accuracy, worst identity and cost.

        ``uebench.report.pages.ranking`` names the columns.

        Args:
            attackers: Only these attackers, as ``resnet18+jpeg`` or as written; empty for the one that most methods
                faced on each data set.

        Raises:
            UsageError: If there is no record of an attacker.
        """
        from uebench.analysis.leaderboard import benchmarks
        from uebench.report.pages import ranking

        return ranking.page(benchmarks(self._records), several(attackers, "attackers")).frame()

    def to_latex(self, caption: str = "", label: str = "") -> str:
        """Return the matrix as a LaTeX table (booktabs)."""
        from uebench.analysis.frame import latex

        return latex(self._records, caption, label)


S = TypeVar("S", CellSpec, ProtectionSpec)
R = TypeVar("R", Record, ProtectionRecord)


@dataclass(frozen=True, slots=True)
class _Result(Generic[S, R]):
    """The result of a cell or a protected set; ``CellResult`` describes the attributes."""

    spec: S
    status: Literal["done", "computed", "failed", "impossible", "stale", "left"]
    record: R | None = None
    reason: str = ""
    failure: Failure | None = None


class ProtectionResult(_Result[ProtectionSpec, ProtectionRecord]):
    """The result of a protected set."""

    __slots__ = ()


class CellResult(_Result[CellSpec, Record]):
    """The result of a cell.

    Attributes:
        spec: The cell.
        status: ``done``: finished before the run; ``computed``: by the run; ``failed``; ``impossible``; ``stale``: the
            code or the budget of its method changed without a new version; ``left``: for a later run.
        record: Its record, if it has one.
        reason: Why it has none.
        failure: The failure with its traceback, if it failed.
    """

    __slots__ = ()

    @property
    def changed_sources(self) -> tuple[str, ...]:
        """Return the plugins whose source code has changed without a new version since the record was made."""
        return changed_plugins(self.record, (part.entry for part in self.spec.parts())) if self.record else ()

    @property
    def as_asked(self) -> Record | None:
        """Return the record with the texts of this request, which may differ from those that computed it."""
        written = {"method": self.spec.protection.method.written, "attacker": self.spec.attacker_text}
        return self.record.model_copy(update={"written": written}) if self.record else None


@dataclass(frozen=True)
class RunResult:
    """The results of a run.

    Attributes:
        cells: The result of each cell of the request, in the order of the plan.
        workspace: The workspace in which they were computed.
    """

    cells: tuple[CellResult, ...]
    workspace: Workspace

    @property
    def records(self) -> Records:
        """Return the records of the finished cells, with the texts of the request."""
        return Records(record for cell in self.cells if (record := cell.as_asked))

    @property
    def failed(self) -> list[CellResult]:
        """Return the cells that failed, or were refused because their protected set is stale."""
        return [cell for cell in self.cells if cell.status in ("failed", "stale")]

    @property
    def left(self) -> list[CellResult]:
        """Return the cells that the time limit left for a later run."""
        return [cell for cell in self.cells if cell.status == "left"]

    def reference(self, cell: CellResult) -> Record | None:
        """Return the record of the same attacker on the unprotected images, or None if there is none."""
        planner = self.workspace.planner
        return self.workspace.store.cells.read_or_none(planner.reference(cell.spec).key)

    def frame(self) -> pd.DataFrame:
        """Return one row per finished cell; ``uebench.analysis.frame`` names the columns."""
        return self.records.frame()

    def matrix(self) -> pd.DataFrame:
        """Return mean clean test accuracy in %: methods down, attackers across."""
        return self.records.matrix()

    def compare(
        self, methods: Iterable[str] = (), attackers: Iterable[str] = (), peak: bool = False, across: str = ""
    ) -> pd.DataFrame:
        """Return paired comparisons of methods, or of the values of an option, as ``Records.compare``."""
        return self.records.compare(methods, attackers, peak, across)

    def leaderboard(self, attackers: Texts = ()) -> pd.DataFrame:
        """Return the ranks of the methods, as ``Records.leaderboard``."""
        return self.records.leaderboard(attackers)

    def to_latex(self, caption: str = "", label: str = "") -> str:
        """Return the matrix as a LaTeX table (booktabs)."""
        return self.records.to_latex(caption, label)

    def __repr__(self) -> str:
        """Return the number of cells with each status."""
        counts: dict[str, int] = {}
        for cell in self.cells:
            counts[cell.status] = counts.get(cell.status, 0) + 1
        return f"RunResult({', '.join(f'{count} {status}' for status, count in counts.items())})"
