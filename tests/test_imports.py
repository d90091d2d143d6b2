"""Nothing heavy is imported before it is needed. Only a new process can show it, because tests import torch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ROOT, TINY, Command

HEAVY = frozenset({"torch", "timm", "pandas", "sklearn", "matplotlib"})
TORCH = frozenset({"torch"})
COMMANDS = """
import io, json, os, sys
from contextlib import redirect_stdout
from uebench.cli.app import main

told, before = [], set()
for words, variables in json.load(sys.stdin):
    sys.argv, code = ["uebench", *words], 0
    os.environ.update(variables)
    with redirect_stdout(io.StringIO()) as out:
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
    for name in variables:
        del os.environ[name]
    told.append((code, out.getvalue(), sorted({*sys.modules} - before)))
    before.update(sys.modules)
json.dump(told, sys.stdout)
"""
"""Run one command after the other; tell the exit code of each, what it printed, and what it was the first to import."""
PLUGIN = """
from uebench.plugins.base import Info
from uebench_methods.lsp import Lsp

class Mine(Lsp):
    name = "mine"
    version = 1
    info = Info(title="a file that cannot be run")

raise SystemExit(3)
"""


def in_a_new_process(code: str, given: str = "") -> str:
    env = os.environ | {"PYTHONPATH": os.pathsep.join(path or str(ROOT) for path in sys.path)}
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], input=given, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def imported(code: str) -> set[str]:
    """The modules and packages, without their submodules, that the code imports."""
    return set(
        in_a_new_process(f"{code}\nimport sys; print(*(name.partition('.')[0] for name in sys.modules))").split()
    )


def test_commands_that_compute_nothing_import_no_torch_and_help_and_listings_no_pandas(
    uebench: Command, photos: Callable[..., Path], tmp_path: Path
) -> None:
    run = ("run", "--preset", "smoke", "--data", TINY, "--attacker", "resnet18")
    assert uebench(*run, "--method", "lsp").code == 0
    pressed_tab = {"_UEBENCH_COMPLETE": "complete_bash", "COMP_WORDS": "uebench run --method 'lsp(p", "COMP_CWORD": "3"}
    table = ("table", "3", "--results", f"{ROOT}/results", "--data", "webface10", "--preset", "desk64")
    raw = photos({f"lfw/{name}": 40 for name in "abcdefghijk"}, size=(4, 4))
    asked: list[tuple[tuple[str, ...], dict[str, str], frozenset[str]]] = [  # what may import the least comes first
        (("--help",), {}, HEAVY),
        (("list",), {}, HEAVY),
        (("run", "--help"), {}, HEAVY),
        ((), pressed_tab, TORCH),
        (("status",), {}, TORCH),
        ((*run, "--method", "lsp"), {}, TORCH),
        ((*run, "--method", "segue", "--dry-run"), {}, TORCH),
        (("data", "build", "lfw", "--from", str(raw), "--out", str(tmp_path / "set")), {}, TORCH),
        (table, {}, TORCH),
        (("report", "--html", str(tmp_path / "out.html")), {}, TORCH),
        (("figure", "4", "--out", str(tmp_path / "out.png")), {}, TORCH),
    ]
    told = json.loads(in_a_new_process(COMMANDS, json.dumps([one[:2] for one in asked])))
    for (words, variables, forbidden), (code, out, modules) in zip(asked, told, strict=True):
        assert code == 0, words
        assert not forbidden & {*modules}, words
        assert out.split() == ["lsp(patch="] or not variables


@pytest.mark.parametrize(
    ("code", "forbidden"),
    [
        ("import uebench", {"numpy", "torch", "pandas", "pydantic", "typer"}),
        ("import uebench.data.cache, uebench.data.folders", {"torch"}),
        ("import uebench.data.sources", {"torch", "scipy"}),
        ("import uebench.api.verify_data", {"torch"}),
        ("import uebench.executors.worker", {"torch", "numpy"}),  # their threads would keep the network
    ],
)
def test_an_import_imports_nothing_that_it_does_not_need(code: str, forbidden: set[str]) -> None:
    assert not forbidden & imported(code)


def test_planning_with_the_built_in_plugins_imports_no_torch() -> None:
    code = (
        "from uebench.plugins.registry import Registry; from uebench.plugins.scan import KINDS; registry = Registry()\n"
        "for entry in (one for kind in KINDS for one in registry.entries(kind)): entry.plugin"
    )
    assert not {"torch"} & imported(code)


def test_listing_imports_no_plugin_and_no_torch(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(PLUGIN)
    code = (
        "from pathlib import Path; from uebench.plugins.registry import Registry\n"
        f"assert 'mine' in Registry([Path({str(tmp_path / 'mine.py')!r})]).names('method')"
    )
    assert not {"torch", "uebench_methods"} & imported(code)


def test_statistics_of_one_run_need_no_numpy() -> None:
    code = (
        "from uebench.analysis.statistics import Runs, interval, wilson\n"
        "assert interval(Runs({(0, 0): 0.2}, 200)) == wilson(40, 200)"
    )
    assert not {"numpy", "scipy"} & imported(code)
