"""``uebench.run`` and ``uebench.plan``: every method against every attacker."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from uebench.analysis.selection import select
from uebench.api.compute import Compute, compute_in, warn_caller
from uebench.api.foreign_sets import method_texts
from uebench.api.result import Records, RunResult
from uebench.api.workspace import RESULTS, Texts, Workspace, existing, several
from uebench.errors import UsageError
from uebench.planning.grid import Grid, Plan
from uebench.planning.seeds import AnySeeds
from uebench.planning.time_limit import TimeLimit
from uebench.plugins import presets
from uebench.plugins.validation import validate
from uebench.progress import ProgressFor, silent

if TYPE_CHECKING:
    from uebench.api.foreign_sets import ProtectedSets


def plan(
    method: Texts = (),
    attacker: Texts = (),
    *,
    protected: ProtectedSets | None = None,
    data: Texts = (),
    seed: AnySeeds = 0,
    method_seed: AnySeeds = 0,
    preset: str = presets.DEFAULT,
    with_clean: bool = False,
    results: str | Path = RESULTS,
    plugins: Texts = (),
) -> Plan:
    """Return the cells of a request with their status, without computing anything.

    Args:
        method: See ``run``.
        attacker: See ``run``.
        protected: See ``run``.
        data: See ``run``.
        seed: See ``run``.
        method_seed: See ``run``.
        preset: See ``run``.
        with_clean: See ``run``.
        results: The results folder.
        plugins: Python files with your own plugins.

    Raises:
        UsageError: If a name, an option or an argument is wrong.
        DataError: If a data set cannot be read.

    Example:
        >>> import uebench
        >>> [cell.status for cell in uebench.plan("lsp", "resnet18", data="synthetic", preset="smoke").cells]
        ['to do']
    """
    return _plan(
        Workspace.of(results, plugins), method, attacker, protected, data,
        seed=seed, method_seed=method_seed, preset=preset, with_clean=with_clean,
    )  # fmt: skip


def run(
    method: Texts = (),
    attacker: Texts = (),
    *,
    protected: ProtectedSets | None = None,
    data: Texts = (),
    seed: AnySeeds = 0,
    method_seed: AnySeeds = 0,
    preset: str = presets.DEFAULT,
    with_clean: bool = False,
    results: str | Path = RESULTS,
    plugins: Texts = (),
    device: str = "auto",
    jobs: int = 0,
    executor: str = "processes",
    force: bool = False,
    keep_models: bool = False,
    time_limit: str | float | None = None,
    progress: ProgressFor = silent,
) -> RunResult:
    """Protect faces with each method, train each attacker on them, and measure its clean test accuracy.

    Finished cells are read from the results folder and not computed again. A cell that fails does not stop the others.

    Args:
        method: One method or several, each as ``name(option=value)``; ``all`` stands for all without required options.
        attacker: One attacker or several, each as ``architecture(option=value)+countermeasure(option=value)``; ``all``
            stands for all without required options.
        protected: Protected sets made by other code: name in tables -> a folder of images, a file, or an array of
            images or perturbations. They are attacked like those of the methods.
        data: One data set or several, each a folder or ``name(option=value)``; by default that of the preset.
        seed: The attackers' seeds: a number, several such as ``range(3)``, or a text such as ``0-2``.
        method_seed: The methods' seeds, each combined with each attacker's seed. Sets that have no method seed, such as
            ``clean``, are attacked once per attacker's seed.
        preset: ``smoke``, ``desk``, ``desk64``, ``paper`` or ``official``.
        with_clean: Also train every attacker on the unprotected images.
        results: The results folder.
        plugins: Python files with your own plugins.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:1``.
        jobs: The number of cells to compute at once; 0: one per core on a CPU, as many as fit on a GPU.
        executor: ``processes``; ``isolated(...)`` for plugins that you do not trust; ``serial`` to compute in this
            process; ``ray(...)`` or ``slurm(...)`` for a cluster.
        force: Compute finished cells again.
        keep_models: Keep the weights of the networks that attackers train, as ``models/<2 digits>/<key>.safetensors``
            in the results folder.
        time_limit: How long the run may take: seconds, or ``2h``, ``1h30m``, ``90m``, ``45s``. Cells that are not
            finished by then are in ``left`` of the result; the same call resumes them.
        progress: Called with the title of each piece of work; returns a function of (done, total, text).

    Returns:
        The cells with their records; see ``frame()``, ``matrix()`` and ``to_latex()``.

    Raises:
        UsageError: If a name, an option or an argument is wrong.
        DataError: If a data set cannot be read, or if a protected set does not belong to it.
        StoreError: If the results folder cannot be used.

    Example:
        >>> import uebench
        >>> result = uebench.run(["lsp", "random"], "resnet18", data="synthetic", preset="smoke")
        >>> result
        RunResult(2 computed)
        >>> result.matrix().shape
        (2, 1)
    """
    workspace = Workspace.of(results, plugins)
    how = Compute(
        device=device, jobs=jobs, executor=executor, force=force, limit=TimeLimit.of(time_limit),
        keep_models=keep_models,
    )  # fmt: skip
    planned = _plan(
        workspace, method, attacker, protected, data,
        seed=seed, method_seed=method_seed, preset=preset, with_clean=with_clean,
    )  # fmt: skip
    return compute_in(workspace, planned, how, progress, warn_caller)


def records(results: str | Path = RESULTS, *, data: Texts = (), preset: str | None = None) -> Records:
    """Return the records of all finished cells in a results folder, without damaged ones.

    Args:
        results: The results folder.
        data: Only those of these data sets, by the names that tables print; empty for all.
        preset: Only those of this preset; None for all.

    Raises:
        StoreError: If there is no such folder.
        UsageError: If there is no such preset, or no record of a named set.

    Example:
        >>> import uebench
        >>> _ = uebench.run("lsp", "resnet18", data="synthetic", preset="smoke")
        >>> uebench.records("results").frame()[["method", "attacker", "n"]].values.tolist()
        [['lsp', 'resnet18', 16]]
    """
    readable, _ = select(existing(results), preset, several(data, "data"))
    return Records(readable)


def _plan(
    workspace: Workspace,
    method: Texts,
    attacker: Texts,
    protected: ProtectedSets | None,
    data: Texts,
    **options: Any,  # noqa: ANN401
) -> Plan:
    """Return the plan of a request.

    Args:
        workspace: The workspace.
        method: See ``run``.
        attacker: See ``run``.
        protected: See ``run``.
        data: See ``run``.
        options: The other fields of ``Grid``.

    Raises:
        UsageError: If an argument is wrong.
        DataError: If a data set cannot be read.
    """
    methods = (*several(method, "method"), *method_texts(protected, workspace))
    given = {"method": methods, "attacker": several(attacker, "attacker")}
    for name, texts in given.items():
        if not texts:
            raise UsageError(f"{name}: none given; name at least one {name}")
    return workspace.planner.plan(validate(Grid, given | {"data": several(data, "data")} | options, "run"))
