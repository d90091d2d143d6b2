"""``uebench.study``: a grid with names of your own, from a TOML file to tables and figures."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from uebench.analysis.study import MeasuredPlace, measure
from uebench.api.compute import Compute, compute_in, warn_caller
from uebench.api.result import Records, RunResult
from uebench.api.workspace import RESULTS, Texts, Workspace, as_path, plugin_files, several
from uebench.errors import UsageError, nearest
from uebench.planning.grid import Plan
from uebench.planning.study import StudySpec, plan_study, without_all
from uebench.planning.study_file import read_study
from uebench.planning.time_limit import TimeLimit
from uebench.progress import ProgressFor, silent
from uebench.store.record import Record

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from uebench.report.study.blocks import StudyTable
    from uebench.store.entry import LeaderboardEntry

FIGURES = ("bars", "matrix", "cost")
"""``bars``: means with intervals, a panel for each data set; ``matrix``: a heat map; ``cost``: accuracy by seconds."""


def study(
    study: str | Path,
    *,
    data: str | Iterable[str] = (),
    results: str | Path = RESULTS,
    plugins: Texts = (),
) -> Study:
    r"""Read a study: data sets, methods, attackers and seeds, with names for tables.

    Args:
        study: A TOML file, or the name of a study that comes with uebench; see ``docs/study.md``.
        data: The data set that the study leaves open; ``NAME=SET`` for each if there are several. If none is open, it
            takes the place of the study's own.
        results: The results folder.
        plugins: Python files with your own plugins.

    Raises:
        UsageError: If there is no such study, or the file is not a valid study.
        DataError: If the file cannot be read.

    Example:
        >>> from pathlib import Path
        >>> import uebench
        >>> text = 'preset="smoke"\ndata=["synthetic"]\nmethod=["lsp"]\nattacker=["resnet18"]'
        >>> _ = Path("mine.toml").write_text(text)
        >>> study = uebench.study("mine.toml")
        >>> study.run()
        RunResult(2 computed)
        >>> study.summary()[["method", "attacker", "runs", "n"]].values.tolist()
        [['clean reference', 'resnet18', 1, 16], ['lsp', 'resnet18', 1, 16]]
    """
    return Study(read_study(as_path(study), several(data, "data")), Workspace.of(results, plugins))


class Study:
    """A study in a workspace. It reads the records once, and again after ``run``.

    Attributes:
        spec: The contents of the study's file, with names in place of ``all``.
        workspace: The workspace, with the plugin files that the study names.
    """

    def __init__(self, spec: StudySpec, workspace: Workspace) -> None:
        """Keep the study and the workspace; no record is read yet."""
        self.workspace = replace(workspace, plugins=(*workspace.plugins, *plugin_files(spec.plugin)))
        self.spec = without_all(spec, self.workspace.registry)
        self._measured: list[MeasuredPlace] | None = None

    def plan(self) -> Plan:
        """Return the cells of the study with their status, as ``uebench.plan`` does.

        Raises:
            UsageError: If a name or an option is wrong.
            DataError: If a data set cannot be read.
        """
        return plan_study(self.spec, self.workspace.planner).plan

    def run(
        self,
        *,
        device: str = "auto",
        jobs: int = 0,
        executor: str = "processes",
        force: bool = False,
        time_limit: str | float | None = None,
        progress: ProgressFor = silent,
    ) -> RunResult:
        """Compute the missing cells, the clean reference included. See ``uebench.run`` for arguments and errors."""
        limit = TimeLimit.of(time_limit)
        how = Compute(device=device, jobs=jobs, executor=executor, force=force, limit=limit)
        self._measured = None
        return compute_in(self.workspace, self.plan(), how, progress, warn_caller)

    @property
    def places(self) -> list[MeasuredPlace]:
        """Return the numbers of the table with the records behind them, or with the reasons why they are missing."""
        if self._measured is None:
            self._measured = measure(plan_study(self.spec, self.workspace.planner), self.workspace.store)
        return self._measured

    @property
    def records(self) -> Records:
        """Return the records of the finished cells, with the names of the study."""
        return Records(record for place in self.places for record in place.records)

    @property
    def drawn_from(self) -> list[Record]:
        """Return these records as they are stored, for the metadata of figures."""
        stored = (self.workspace.store.cells.read_or_none(record.key) for record in self.records)
        return [record for record in stored if record]

    def frame(self) -> pd.DataFrame:
        """Return one row per finished cell; ``uebench.analysis.frame`` names the columns."""
        return self.records.frame()

    def summary(self) -> pd.DataFrame:
        """Return one row per number of the table; ``uebench.report.study.rows`` names the columns."""
        from uebench.report.study import forms

        return forms.frame(self.arranged())

    def table(self, form: str = "text") -> str:
        """Return the table: means with 95% intervals, tests against the baseline, and the best of each column.

        Args:
            form: ``text``, ``md``, ``tex``, ``csv`` or ``html``.

        Raises:
            UsageError: If there is no such format.
        """
        from uebench.report.study import forms

        forms.check(form, None)
        return forms.render(self.arranged(), form)

    def figure(self, kind: str = "bars") -> Figure:
        """Draw the study.

        Args:
            kind: One of ``FIGURES``.

        Raises:
            UsageError: If there is no such figure, or no finished cell to draw.
        """
        from uebench.report.figures import bars, cost, matrix

        check_figure(kind)
        draw = {"bars": bars.figure, "matrix": matrix.of_study, "cost": cost.figure}[kind]
        return draw(self.places)

    def page(self) -> str:
        """Return the HTML page of its records, like that of ``uebench report`` for a whole results folder."""
        from uebench.report.html import document

        return document.render(
            self.records,
            self.workspace.store,
            self.spec.title,
            stored=self.drawn_from,
            registry=self.workspace.registry,
        )

    def entry(
        self,
        *,
        by: str,
        about: str,
        method: str = "",
        url: str = "",
        date: datetime.date | None = None,
        claims: Mapping[str, float] | None = None,
    ) -> LeaderboardEntry:
        """Return one of its methods as an entry for a leaderboard. See ``uebench.analysis.entry.make``.

        Raises:
            UsageError: If a name is unknown or a value is invalid, or if a number is not measured yet.
        """
        from uebench.analysis import entry

        return entry.make(
            self.spec, self.places, self.workspace.store,
            method=method, by=by, about=about, url=url, date=date, claims=claims,
        )  # fmt: skip

    def arranged(self) -> StudyTable:
        """Return the table in the form from which all formats are written."""
        from uebench.report.study.table import arrange

        return arrange(self.spec, self.places)


def check_figure(kind: str) -> None:
    """Check the kind of a figure, before any work.

    Raises:
        UsageError: If there is no such figure.
    """
    if kind not in FIGURES:
        raise UsageError(f"figure {kind!r}: unknown; {nearest(kind, FIGURES)}")
