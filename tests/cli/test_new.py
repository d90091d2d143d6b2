"""``uebench new``: the file, the next steps, and what it refuses."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, Command
from uebench.api.new import next_steps
from uebench.plugins.scan import KINDS

FIRST_PARTY = 'lint.isort.known-first-party = ["uebench"]'
"""As in this repository, where plugins of its own lie."""


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_plugin_is_clean_and_the_printed_commands_work(
    kind: str, uebench: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    answer = uebench("new", kind, "my_own")
    check, run = (line.strip() for line in answer.out.splitlines() if line.startswith("  uebench"))
    assert (check, run) == next_steps(kind, "my_own", Path("my_own.py"))
    style = ("--no-cache", "--config", str(ROOT / "pyproject.toml"), "--config", FIRST_PARTY, "my_own.py")
    for tool in (("check",), ("format", "--check")):
        done = subprocess.run([sys.executable, "-m", "ruff", *tool, *style], capture_output=True, check=False)
        assert done.returncode == 0, done.stdout
    text = Path("my_own.py").read_text()
    assert "emplate" not in text
    assert 'name = "my_own"' in text
    planned = uebench(*shlex.split(run)[1:], "--dry-run", "--json")
    assert planned.code == 0, planned.err
    assert "my_own" in planned.out


@pytest.mark.parametrize(
    ("args", "reason"),
    [
        (("methods", "mine"), "kind 'methods': unknown; did you mean 'method'?"),
        (("method", "My-Method"), "name 'My-Method': use lower-case letters, digits and underscores"),
        (("method", "class"), "name 'class': use lower-case letters"),
        (("method", "lsp"), "name 'lsp': taken by the method 'lsp' of uebench_methods; choose another"),
        (("attacker", "lsp"), "name 'lsp': taken by the method 'lsp'"),
        (("source", "split"), "name 'split': a class Split would hide one that the file imports; choose another"),
        (("method", "mine", "--to", "mine.txt"), "mine.txt: a plugin is a Python file; end its name in .py"),
        (("method", "mine", "--to", "there.py"), "there.py: exists already; choose another file, or remove it"),
        (("method", "numpy"), "numpy.py: Python may import it in place of the installed module numpy"),
        (("method", "mine", "--to", "there.py/mine.py"), "there.py/mine.py: cannot be written"),
    ],
)
def test_a_bad_request_is_refused_in_one_line_and_writes_nothing(
    args: tuple[str, ...], reason: str, uebench: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("there.py").write_text("mine\n")
    answer = uebench("new", *args)
    assert answer.code in (2, 4)
    assert reason in answer.complaint
    assert [file.name for file in tmp_path.iterdir()] == ["there.py"]
    assert Path("there.py").read_text() == "mine\n"
