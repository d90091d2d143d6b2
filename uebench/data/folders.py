"""The files and folders of photographs, in natural order."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path


def natural_names(names: Iterable[str]) -> list[str]:
    """Sort names with their numbers as numbers: 2 before 10, and 02 before 2."""
    return sorted(
        sorted(names), key=lambda name: [(int(p), "") if p.isdigit() else (0, p) for p in re.split(r"(\d+)", name)]
    )


def natural(files: Iterable[Path]) -> list[Path]:
    """Sort files by name with their numbers as numbers."""
    by_name = {file.name: file for file in files}
    return [by_name[name] for name in natural_names(by_name)]
