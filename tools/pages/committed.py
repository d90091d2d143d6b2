"""The records that git has, without those that a visitor's own runs, such as ``make run``, put beside them."""

from __future__ import annotations

import atexit
import shutil
import subprocess
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from tools.pages import ROOT

KINDS = ("results/cells", "results/protected", "results/again", "results/equal_seeds")


@cache
def results() -> Path:
    """Return a results folder with these records alone; outside a checkout, all that is in ``results``."""
    listed = subprocess.run(["git", "ls-files", "-z", *KINDS], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode or not listed.stdout:
        return ROOT / "results"
    folder = Path(mkdtemp(prefix="uebench-pages-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for file in filter(None, listed.stdout.split("\0")):
        if (ROOT / file).is_file():  # else it was deleted, and git does not know yet
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / file, folder / file)
    return folder / "results"
