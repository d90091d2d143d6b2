"""Pictures of the committed records: ``make pages`` draws those anew whose records changed.

``docs/strips.png`` is not among them, because it needs the protected sets themselves, which are not committed.
"""

from __future__ import annotations

import io
import shlex
import sys
from contextlib import redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

from PIL import Image

from tools.pages import ROOT
from tools.pages.committed import results
from uebench.cli.app import main

PICTURES = {
    "docs/costs.png": f"study figure {ROOT / 'results/grids/orl_methods.toml'} --kind cost --out",
    "docs/today.png": "study figure today --kind matrix --out",
    "docs/webface10_224.png": "table 3 --preset paper --figure",
    "docs/table5_224.png": "table 5 --preset paper --figure",
    "docs/webface10.png": "table 5 --preset desk64 --data webface10 --figure",
    "docs/robustness.png": "figure 4 --preset desk64 --data webface10 --out",
}
"""Picture -> the command that draws it; the name of the file follows."""


def printed(*words: str) -> str:
    """Return what a command prints about the committed results."""
    given = ["uebench", *words, "--results", str(results())]
    with patch.object(sys, "argv", given), redirect_stdout(io.StringIO()) as made:
        try:
            main()
        except SystemExit as end:
            assert not end.code, shlex.join(given)
    return made.getvalue()


def draw(picture: str, file: Path) -> None:
    """Draw one of ``PICTURES`` into a file."""
    printed(*shlex.split(PICTURES[picture]), str(file))


def drawn_from(file: Path) -> list[str]:
    """Return the marks of the records that a picture was drawn from."""
    with Image.open(file) as opened:
        return str(opened.info["Source"]).split()[1:]


def refresh() -> None:
    """Draw the pictures anew that are missing, or that were drawn from other records."""
    with TemporaryDirectory() as folder:
        for picture in PICTURES:
            made, committed = Path(folder, Path(picture).name), ROOT / picture
            draw(picture, made)
            if not committed.exists() or drawn_from(made) != drawn_from(committed):
                committed.write_bytes(made.read_bytes())
