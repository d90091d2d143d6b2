"""The examples that readers copy: docstrings of the Python API, and the script in docs/."""

from __future__ import annotations

import doctest
import importlib
import re
import runpy
from pathlib import Path

import pytest

import uebench
from tests.conftest import ROOT
from uebench.executors.serial import serial

FUNCTIONS = [name for name in uebench.__all__ if name != "__version__"]


@pytest.mark.usefixtures("small_networks")
@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_example_of_a_public_function_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    function = getattr(uebench, name)
    module = importlib.import_module(function.__module__)
    (example,) = doctest.DocTestFinder(recurse=False).find(function, name, module)
    assert example.examples
    monkeypatch.setattr("uebench.executors.processes.processes", serial)
    assert doctest.DocTestRunner().run(example).failed == 0


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_public_function_documents_each_argument(name: str) -> None:
    function = getattr(uebench, name)
    names = [one for one in function.__annotations__ if one != "return"]
    text = function.__doc__.partition("Args:")[2]
    assert not [one for one in names if f" {one}: " not in text]
    assert "Raises:" in text


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_page_of_the_api_has_each_public_function(name: str) -> None:
    page = (ROOT / "docs" / "api.md").read_text()
    module = getattr(uebench, name).__module__
    (listed,) = re.findall(rf":: {re.escape(module)}(?:\.{name}\n|\n   :members: (.*)\n)", page)
    assert not listed or name in listed.split(", ")


@pytest.mark.usefixtures("small_networks")
def test_ten_lines_go_from_a_grid_to_an_attacked_array(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    script = ROOT / "docs" / "ten_lines.py"
    code = [line for line in script.read_text().splitlines() if line and not line.startswith(("import", '"""'))]
    assert len(code) <= 10
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("uebench.executors.processes.processes", serial)
    runpy.run_path(str(script), run_name="__main__")
    shown = capsys.readouterr().out
    assert "toprule" in shown
    assert "of 40 clean photographs recognised" in shown
