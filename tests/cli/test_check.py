"""``uebench check``: the report, the exit code, JSON, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Command

GOOD = Path(__file__).parents[1] / "testing" / "good"


def test_the_report_has_a_line_for_each_check_and_says_what_is_wrong_and_where(
    uebench: Command, tmp_path: Path
) -> None:
    source = (GOOD / "source.py").read_text()
    file = tmp_path / "mine.py"
    file.write_text(source.replace("np.arange(3)", "np.arange(1, 4)"))
    answer = uebench("check", file)
    assert answer.code == 1
    assert answer.err == ""
    lines = answer.out.splitlines()
    assert lines[0] == "source mine"
    assert "  ok       repeats   it reads the same every time" in lines
    assert "  skipped  listing   its listing is what it reads (it lists no files)" in lines
    assert any(line.startswith("  FAILED   form      mine.py:37: the labels must be 0..K-1") for line in lines)
    assert lines[-2] == "  12 ok, 1 skipped, 1 failed"
    found = uebench("check", file, "--json").json
    assert [(one["check"], one["line"]) for one in found if one["status"] == "failed"] == [("form", "mine.py:37")]


def test_plugins_are_checked_by_name_with_options(uebench: Command) -> None:
    answer = uebench("check", "synthetic(identities=2)", "clean")
    assert answer.code == 0
    assert [line for line in answer.out.splitlines() if line[:1].isalpha()] == ["source synthetic", "method clean"]


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("claen", "unknown plugin 'claen'; did you mean 'clean'?"),
        ("absent.py", "plugin file absent.py: no such file"),
        ("timm", "attacker 'timm': option 'model' is missing; write it in parentheses"),
        ("clean(eps=1)", "method 'clean': unknown option 'eps'"),
    ],
)
def test_what_cannot_be_checked_is_refused_in_one_line(uebench: Command, target: str, reason: str) -> None:
    answer = uebench("check", target)
    assert answer.code == 2
    assert reason in answer.complaint
