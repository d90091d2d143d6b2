"""Options that several commands share."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from uebench.cli import RESULTS
from uebench.cli.shared import complete
from uebench.errors import UsageError

if TYPE_CHECKING:
    from uebench.api.compute import Compute
    from uebench.api.workspace import Workspace


def _folder(text: str | Path) -> Path:
    """Return the folder of a name, in which ``~`` may stand for the home folder.

    Raises:
        UsageError: If the name is empty, such as an unset variable of the shell.
    """
    from uebench.data.folders import expanded

    if text == "":
        raise UsageError("--results '': names nothing; write . for the current folder")
    return expanded(Path(text))


def _plugin_file(text: str | Path) -> Path:
    from uebench.data.folders import expanded

    return expanded(Path(text))


def _existing(ctx: typer.Context, folder: Path) -> Path:
    """Return a results folder to read from. One that was typed must exist; the usual one may be empty yet."""
    source = ctx.get_parameter_source("results")
    if source and source.name == "COMMANDLINE" and not ctx.resilient_parsing:
        from uebench.api.workspace import existing

        return existing(folder).root
    return folder


_RESULTS: dict[str, Any] = {"metavar": "DIR", "envvar": "UEBENCH_RESULTS", "help": "Results folder.", "parser": _folder}
Results = Annotated[Path, typer.Option("--results", **_RESULTS)]
ReadResults = Annotated[Path, typer.Option("--results", **_RESULTS, callback=_existing)]
Plugins = Annotated[
    list[Path] | None,
    typer.Option("--plugin", metavar="FILE", parser=_plugin_file, help="A Python file with plugins. Repeatable."),
]
Protected = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME=PATH", help="A protected set made by other code: a folder or a file. Repeatable."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:1.")]
Jobs = Annotated[
    int,
    typer.Option(
        min=0, envvar="UEBENCH_JOBS",
        help="Number of cells to compute at once. 0: one per core; on a GPU, one per 6 GiB of free memory, at most one "
        "per core and 8 in all; on a cluster, 100.",
    ),
]  # fmt: skip
Executor = Annotated[
    str,
    typer.Option(
        envvar="UEBENCH_EXECUTOR",
        help="processes, isolated, serial, ray or slurm, with options as in ray(gpus=1).",
    ),
]
Cores = Annotated[
    int,
    typer.Option(
        min=0, metavar="N", envvar="UEBENCH_CORES",
        help="Use only N cores, at low priority. 0: all cores.",
    ),
]  # fmt: skip
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the plan and stop.")]
Force = Annotated[bool, typer.Option("--force", help="Compute finished cells again.")]
TimeLimitText = Annotated[
    str | None,
    typer.Option(
        "--time-limit", metavar="TIME", help="Stop after this time, to resume later: 2h, 1h30m, 90m, 45s or seconds."
    ),
]
NoCache = Annotated[bool, typer.Option("--no-cache", help="Do not cache decoded photographs (see uebench data cache).")]
PresetName = Annotated[
    str,
    typer.Option("--preset", help="smoke, desk, desk64, paper or official.", autocompletion=complete.preset_names),
]
Format = Annotated[str, typer.Option("--format", help="text, md, tex, csv or html.")]
OnlyAttackers = Annotated[
    list[str] | None,
    typer.Option("--attacker", help="Only this one, as resnet18 or resnet18+jpeg, or as written. Repeatable."),
]
OnlySets = Annotated[list[str] | None, typer.Option("--data", help="Only this measured set, by name. Repeatable.")]
OnlyPreset = Annotated[
    str | None, typer.Option("--preset", help="Only this preset: smoke, desk, desk64, paper or official.")
]
MethodSeed = Annotated[int, typer.Option("--method-seed", min=0, help="Seed of the method.")]
Seeds = Annotated[list[str] | None, typer.Option("--seed", help="Seeds of the attackers: 0, 0-2 or 0,1,2. Repeatable.")]
MethodSeeds = Annotated[
    list[str] | None, typer.Option("--method-seed", help="Seeds of the methods: 0, 0-2 or 0,1,2. Repeatable.")
]

Command = Callable[..., None]


def methods_option(description: str) -> object:
    """Return ``--method``, which names one or several methods and can be completed."""
    return typer.Option("--method", help=description, autocompletion=complete.plugins("method"))


def with_workspace(command: Command) -> Command:
    """Give a command ``--plugin``, ``--results`` and ``--no-cache``, and pass it the ``workspace`` made of them."""

    def workspace(plugin: list[Path] | None, results: Path, no_cache: bool) -> Workspace:
        from uebench.api.workspace import Workspace

        return Workspace.of(results, plugin or (), not no_cache)

    options = {"plugin": (Plugins, None), "results": (Results, RESULTS), "no_cache": (NoCache, False)}
    return _expanded(command, "workspace", options, workspace)


def with_compute(command: Command) -> Command:
    """Give a command ``--device``, ``--jobs``, ``--executor`` and ``--cores``, and pass it the ``how`` made of them."""

    def how(device: str, jobs: int, executor: str, cores: int) -> Compute:
        from uebench.api.compute import Compute
        from uebench.evaluation.hardware import bind

        if cores:
            bind(cores)
        return Compute(device=device, jobs=jobs, executor=executor)

    options = {"device": (Device, "auto"), "jobs": (Jobs, 0), "executor": (Executor, "processes"), "cores": (Cores, 0)}
    return _expanded(command, "how", options, how)


def _expanded(
    command: Command, name: str, options: Mapping[str, tuple[Any, object]], build: Callable[..., object]
) -> Command:
    """Replace a parameter of a command by options.

    Args:
        command: The command.
        name: The name of the parameter.
        options: Name -> type and default.
        build: Returns the value of the parameter for the values of the options.
    """
    signature = inspect.signature(command)
    hints = get_type_hints(command, localns={"Workspace": object, "Compute": object}, include_extras=True)
    kept = [
        parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=hints[parameter.name])
        for parameter in signature.parameters.values()
        if parameter.name != name
    ]
    added = [
        inspect.Parameter(option, inspect.Parameter.KEYWORD_ONLY, annotation=kind, default=default)
        for option, (kind, default) in options.items()
    ]

    @wraps(command)
    def call(**given: Any) -> None:  # noqa: ANN401
        values = {option: given.pop(option) for option in options}
        command(**given, **{name: build(**values)})

    parameters = kept + added
    call.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    call.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return call
