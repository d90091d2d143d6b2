"""What the commands that compute a plan have in common: what is said before and after, and the exit code."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Mapping

import typer

from uebench.api.compute import Compute, compute
from uebench.api.protected_sets import examine
from uebench.api.result import RunResult
from uebench.api.workspace import Workspace
from uebench.cli import output, plan_output
from uebench.planning.grid import Plan
from uebench.store.requests import interrupted

FAILED = 1
LEFT = 5
"""The exit code if the time limit left something to compute."""


def computed(plan: Plan, workspace: Workspace, how: Compute) -> RunResult:
    """Compute a plan with progress bars, and say before what is worth knowing.

    Raises:
        DataError: If a set that others made is not one of the photographs.
        StoreError: If there is something to compute and the results folder takes no file.
    """
    if plan.chosen(force=how.force):
        workspace.store.check_writable()
    again = [f"{damaged.reason.split(';')[0]}; computing it again" for damaged in plan.damaged]
    again += _begun(plan, workspace, how)
    for text in [*remarks(plan, workspace, how), *again, *plan_output.advice(plan, workspace, how)]:
        output.note(text)
    with output.progress_bars() as progress:
        return compute(plan, workspace, how, progress)


def _begun(plan: Plan, workspace: Workspace, how: Compute) -> list[str]:
    """Return that a forced run resumes, if it does."""
    began = interrupted(workspace.store, [one.spec.key for one in plan.possible]) if how.force else None
    if began is None:
        return []
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(began))
    return [f"resumes the forced run of {when}; uebench store gc --delete forgets it"]


def remarks(plan: Plan, workspace: Workspace, how: Compute) -> list[str]:
    """Return what is to be said of the sets that others made, before any work.

    Raises:
        DataError: If one is not of the photographs.
    """
    return examine(plan.tasks(workspace.store, force=how.force), workspace)


def end(left: Mapping[str, int], *, failed: bool) -> None:
    """End the command as its work ended.

    Args:
        left: What the time limit left to compute: how many there are of each kind.
        failed: Whether anything failed.
    """
    if any(left.values()):
        counts = " and ".join(f"{count} {what}{'s' * (count != 1)}" for what, count in left.items() if count)
        command = shlex.join(["uebench", *sys.argv[1:]])
        output.note(f"the time limit came; {counts} left; resume with: {command}")
        raise typer.Exit(LEFT)
    if failed:
        raise typer.Exit(FAILED)
