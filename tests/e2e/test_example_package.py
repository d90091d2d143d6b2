"""The example package: built, installed, listed, checked, run, and tested with pytest, as its author would."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.conftest import ROOT, TINY

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Install the package into a folder of its own, and run Python with it."""
    folder = tmp_path_factory.mktemp("stripes")
    shutil.copytree(ROOT / "examples" / "uebench-stripes", folder / "source")
    path = os.pathsep.join([str(folder / "site"), *filter(None, sys.path)])
    env = os.environ | {"PYTHONPATH": path, "UEBENCH_RESULTS": str(folder / "results")}

    def call(*args: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-P", *map(str, args)]
        return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)

    offline = ("--no-build-isolation", "--no-deps", "--no-index", "--disable-pip-version-check", "--quiet")
    installed = call("-m", "pip", "install", *offline, "--target", folder / "site", folder / "source")
    assert installed.returncode == 0, installed.stderr
    return call


def test_a_package_brings_all_its_modules_and_is_named_in_lists(run: Run) -> None:
    listed = run("-m", "uebench", "list").stdout.splitlines()
    found = {line.split()[0]: line.split()[-1] for line in listed if line.endswith("uebench_stripes")}
    assert found == {"stripes": "uebench_stripes", "median": "uebench_stripes"}


def test_an_entry_point_and_a_plugin_file_of_the_same_module_are_one_plugin(run: Run) -> None:
    listed = run("-m", "uebench", "list", "methods", "--plugin", "site/uebench_stripes/stripes.py")
    assert listed.returncode == 0, listed.stderr
    assert listed.stdout.count("\nstripes ") == 1


def test_its_plugins_run_and_keep_their_contracts(run: Run) -> None:
    ran = run(
        "-m", "uebench", "run", "--method", "stripes", "--attacker", "timm(model=test_resnet)+median",
        "--preset", "smoke", "--data", TINY,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    tested = run("-m", "pytest", "-v", "-p", "no:cacheprovider", "source")
    assert tested.returncode == 0, tested.stdout
    assert "test_it_keeps_its_contract[stripes-budget] PASSED" in tested.stdout
    assert "test_it_keeps_its_contract[median-model] SKIPPED" in tested.stdout
