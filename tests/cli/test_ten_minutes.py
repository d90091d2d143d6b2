"""The method that CONTRIBUTING writes in ten minutes, typed as it stands there."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest

from tests.conftest import ROOT, Command

CHAPTER = (ROOT / "CONTRIBUTING.md").read_text().partition("## A method in ten minutes")[2]
(CODE,) = re.findall(r"```python\n( +class .*?)```", CHAPTER, re.DOTALL)
CHECKED, SHOWN = re.findall(r"``` *\n( +\$ uebench .*?)```", CHAPTER, re.DOTALL)
BETTER = re.search(r"`(return \(.*?)` passes", CHAPTER)


def words(line: str) -> list[str]:
    return line.strip().removeprefix("$ uebench ").split()


def test_the_method_of_ten_minutes_works_as_the_page_says(
    uebench: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert uebench("new", "method", "sinusoid").code == 0
    file = Path("sinusoid.py")
    before, _, _ = file.read_text().partition("class ")
    file.write_text(before.replace("\nfrom collections", "\nimport math\nfrom collections") + textwrap.dedent(CODE))
    command, *shown = CHECKED.splitlines()
    answer = uebench(*words(command))
    assert answer.code == 1
    told = answer.out.splitlines()
    assert [line.strip() for line in shown if line.strip() not in ("...", *map(str.strip, told))] == []
    assert BETTER
    file.write_text(re.sub(r"return .*(?=\n$)", BETTER[1], file.read_text()))
    assert uebench(*words(command)).code == 0
    command, _, *rows = SHOWN.splitlines()
    answer = uebench(*words(command), "--executor", "serial")
    assert answer.code == 0, answer.err
    found = [line.split()[:4] for line in answer.out.splitlines()[1:]]
    assert found == [row.split()[:4] for row in rows if row.strip()]
