"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Results = Annotated[Path, typer.Option("--results", metavar="DIR", envvar="UEBENCH_RESULTS", help="Results folder.")]
RESULTS = Path("results")
Plugins = Annotated[
    list[Path] | None, typer.Option("--plugin", metavar="FILE", help="A Python file with plugins. Repeatable.")
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:1.")]
Jobs = Annotated[
    int,
    typer.Option(min=0, envvar="UEBENCH_JOBS", help="How many cells at once; 0: one per core on a CPU, one on a GPU."),
]
Executor = Annotated[
    str,
    typer.Option(envvar="UEBENCH_EXECUTOR", help="processes: each cell in another process; serial: all in this one."),
]
NoCache = Annotated[bool, typer.Option("--no-cache", help="Do not keep decoded photographs; see uebench data cache.")]
PresetName = Annotated[str, typer.Option("--preset", help="smoke, desk or paper.")]
MethodSeed = Annotated[int, typer.Option("--method-seed", help="Seed of the methods.")]
