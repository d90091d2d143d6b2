"""Pages that quote results: ``python -m tests.pages`` writes their tables anew from the committed records.

A page asks for a table with ``<!-- uebench table 5 --data webface10 -->`` and ends it with ``<!-- end -->``.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys

from tests.conftest import ROOT

PAGES = ("README.md", "results/README.md")
QUOTED = re.compile(r"(<!-- uebench (table .*?) -->\n)(.*?)(<!-- end -->)", re.DOTALL)


def refreshed(text: str) -> str:
    """Return a page with its tables as the committed records have them."""
    return QUOTED.sub(lambda found: f"{found[1]}\n{_table(found[2])}\n{found[4]}", text)


def _table(command: str) -> str:
    words = [sys.executable, "-m", "uebench", *shlex.split(command), "--format", "md", "--results", "results"]
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    for page in PAGES:
        file = ROOT / page
        file.write_text(refreshed(file.read_text()))
