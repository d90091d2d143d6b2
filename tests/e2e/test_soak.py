"""A few seconds of ``make soak``: kills, flipped bits and company leave a results folder as it should be."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks its processes")
def test_kills_flipped_bits_and_company_change_no_result_and_leave_nothing_behind() -> None:
    words = [sys.executable, "-m", "tests.soak", "--minutes", "0", "--seed", "1"]
    words += [word for trial in ("crowd", "flips", "kills") for word in ("--only", trial)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    first, last = done.stdout.splitlines()
    assert first == "seed 1"
    assert "6 flips, 3 runs" in last and not last.startswith("0 kills")
