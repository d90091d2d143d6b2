"""The common part of the commands that compute a plan: notes before and after it, and the exit code."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Mapping
from dataclasses import replace

import typer

from uebench.api.compute import Compute, code_of, compute_in
from uebench.api.foreign_sets import examine
from uebench.api.result import RunResult
from uebench.api.workspace import Workspace
from uebench.cli.shared import output, plan_output
from uebench.errors import counted
from uebench.planning.grid import Plan
from uebench.planning.time_limit import TimeLimit

FAILED = 1
LEFT = 5
"""The exit code if the time limit left work for a later run."""


def computed(plan: Plan, workspace: Workspace, how: Compute) -> RunResult:
    """Compute a plan with progress bars, after notes about it and about its protected sets made by other code.

    Raises:
        DataError: If a protected set made by other code does not belong to its photographs.
        StoreError: If there is something to compute and the results folder is not writable.
    """
    if plan.chosen(force=how.force):
        workspace.store.check_writable()
    recomputed = [f"{damaged.reason.split(';')[0]}; computing it again" for damaged in plan.damaged]
    resumed = _resumed(plan, workspace, how)
    for text in [*recomputed, *resumed, *plan_output.advice(plan, workspace, how)]:
        output.note(text)
    with output.progress_bars() as progress:
        return compute_in(workspace, plan, how, progress, output.note)


def show_plan(plan: Plan, workspace: Workspace, how: Compute, as_json: bool) -> None:
    """Print a plan instead of computing it, after notes about its protected sets made by other code.

    Raises:
        DataError: If such a set does not belong to its photographs.
    """
    for text in examine(plan.tasks(workspace.store, force=how.force), workspace):
        output.note(text)
    plan_output.show(plan, workspace, how, as_json)


def _resumed(plan: Plan, workspace: Workspace, how: Compute) -> list[str]:
    """Return a note if a forced run resumes an interrupted one."""
    if not how.force:
        return []
    specs = [cell.spec for cell in plan.possible]
    began = workspace.store.requests.interrupted([spec.key for spec in specs], code_of(specs))
    if began is None:
        return []
    start = time.strftime("%Y-%m-%d %H:%M", time.localtime(began))
    return [f"resumes the forced run of {start}; to begin a new one, first run uebench store gc --delete"]


def limited(how: Compute, time_limit: str | None, *, force: bool = False, keep_models: bool = False) -> Compute:
    """Return how to compute, with the options of a command that may take long.

    Raises:
        UsageError: If the time limit is no duration.
    """
    return replace(how, force=force, limit=TimeLimit.of(time_limit), keep_models=keep_models)


def end(left: Mapping[str, int], *, failed: bool) -> None:
    """Exit with the code for the outcome of the work.

    Args:
        left: What the time limit left for a later run: kind of work -> count.
        failed: Whether anything failed.

    Raises:
        typer.Exit: Unless everything is done.
    """
    if any(left.values()):
        counts = " and ".join(counted(count, kind) for kind, count in left.items() if count)
        command = shlex.join(["uebench", *sys.argv[1:]])
        output.note(f"time limit reached; {counts} left; resume with: {command}")
        raise typer.Exit(LEFT)
    if failed:
        raise typer.Exit(FAILED)
